use miso_command_catalogue::Problem;
use miso_model::{Aggregate, Request};
use miso_settings::{Settings, StoredModule};
use serde_json::{Map, Value};

use super::Call;
use crate::decide::settings::{CHANGE_SETTINGS, ChangeSettings, SettingsAnswer};
use crate::problem::Refusal;

/// How often an edit is made anew on what somebody else changed meanwhile, at most; then 409.
pub const EDIT_ATTEMPTS: usize = 5;

/// Settings of a module after a change by a command.
#[derive(Debug)]
pub(crate) struct Changed {
    /// All that is set in the module.
    pub(crate) values: Map<String, Value>,
    /// Where the store stands.
    pub(crate) position: (i32, i64),
}

impl Changed {
    /// The module's settings, with defaults.
    pub(crate) fn settings(&self, module: &str) -> Settings {
        let stored = StoredModule { values: self.values.clone(), ..StoredModule::default() };
        Settings::of(Map::from_iter([(module.to_owned(), serde_json::to_value(stored).unwrap_or_default())]))
    }
}

impl Call<'_> {
    /// The aggregate that settings of this command belong to, when they are the guild's.
    pub(crate) fn guild(&self) -> Result<Aggregate, Problem> {
        self.context.guild.map(Aggregate::Guild).ok_or_else(|| {
            let detail = format!("`{}` works in servers only.", self.command.name);
            Problem::new(422, "guild-only", "Servers only", detail)
        })
    }

    /// All settings of an aggregate.
    pub(crate) async fn settings(&self, aggregate: Aggregate) -> Result<Settings, Problem> {
        let state =
            self.api.store()?.aggregate(&aggregate.to_string()).await.map_err(|error| Refusal::from(error).0)?;
        Ok(Settings::of(state.settings))
    }

    /// Changes fields of a module, whatever they hold.
    pub(crate) async fn change(
        &self,
        aggregate: Aggregate,
        module: &str,
        set: Map<String, Value>,
    ) -> Result<Changed, Problem> {
        self.ask_change(aggregate, module, set, None).await
    }

    /// Changes fields of a module by what they hold: `edit` gets all settings and answers what to set,
    /// and is asked again when somebody else was faster. A repeat of a request that was carried out is
    /// not edited again.
    pub(crate) async fn edit(
        &self,
        aggregate: Aggregate,
        module: &str,
        edit: impl Fn(&Settings) -> Result<Map<String, Value>, Problem> + Send,
    ) -> Result<Changed, Problem> {
        let name = aggregate.to_string();
        let store = self.api.store()?;
        let known = store.executions(&[(&*name, &*self.request_id)]).await.map_err(|error| Refusal::from(error).0)?;
        if let Some(known) = known.into_values().next() {
            return Ok(changed(known.answer.as_bytes(), (known.partition, known.next)));
        }
        let mut attempts = 0;
        loop {
            let settings = self.settings(aggregate).await?;
            let set = edit(&settings)?;
            attempts += 1;
            match self.ask_change(aggregate, module, set, Some(settings.stored(module).version)).await {
                Err(problem) if problem.status == 409 && attempts < EDIT_ATTEMPTS => {}
                result => return result,
            }
        }
    }

    async fn ask_change(
        &self,
        aggregate: Aggregate,
        module: &str,
        set: Map<String, Value>,
        expected_version: Option<i64>,
    ) -> Result<Changed, Problem> {
        let body = ChangeSettings { module: module.to_owned(), set, reverts: None, via: "command".to_owned() };
        let mut request = self.request(aggregate, CHANGE_SETTINGS, &body);
        request.expected_version = expected_version;
        let answer = self.api.ask(aggregate, &request).await?;
        Ok(changed(&answer.body, (answer.partition, answer.position)))
    }

    /// A request of this command.
    pub(crate) fn request(&self, aggregate: Aggregate, kind: &str, body: &impl serde::Serialize) -> Request {
        Request {
            request_id: self.request_id.clone(),
            aggregate: aggregate.to_string(),
            kind: kind.to_owned(),
            expected_version: None,
            actor: format!("user/{}", self.context.user),
            body: serde_json::to_vec(body).unwrap_or_default().into(),
            at_ms: self.now_ms,
        }
    }
}

/// What the decider says, not what was asked: a repeat under a used id changes nothing.
fn changed(answer: &[u8], position: (i32, i64)) -> Changed {
    let values = serde_json::from_slice::<SettingsAnswer>(answer).map(|answer| answer.values).unwrap_or_default();
    Changed { values, position }
}
