use miso_command_catalogue::{Colour, Document, Edit, Problem};
use miso_model::Aggregate;
use miso_settings::{Module, Scope, Settings, module};
use serde_json::{Map, Value};

use super::edits::{Plan, plan};
use super::{Answered, Call, shown};

/// Answers any command that shows or changes settings of one module.
pub(crate) async fn answer(call: &Call<'_>, edit: Edit) -> Result<Answered, Problem> {
    let Some(module) = module(edit.module) else {
        return Err(Problem::new(501, "not-built", "Not built yet", "This command is declared but not built yet."));
    };
    let aggregate = match module.scope {
        Scope::Guild => call.guild()?,
        Scope::User => Aggregate::User(call.context.user),
    };
    let planned = |values: &Map<String, Value>| plan(edit.how, module, values, &call.args, call.context.guild);
    let before = values(module, &call.settings(aggregate).await?);
    let set = match planned(&before) {
        Plan::Set(set) => set,
        Plan::Show(fields) => return Ok(shown::shown(module, &fields, &before).into()),
        Plan::Refuse(why) => return Ok(Document::text(Colour::Warning, why).into()),
    };
    let done = call
        .edit(aggregate, module.key, |settings| match planned(&values(module, settings)) {
            Plan::Set(set) => Ok(set),
            Plan::Show(_) | Plan::Refuse(_) => Err(Problem::new(
                409,
                "version-conflict",
                "Changed by somebody else",
                "Somebody else changed that in the same moment. Say it again.",
            )),
        })
        .await?;
    let now = module.with_defaults(&done.values);
    let after: Map<String, Value> =
        set.keys().map(|key| (key.clone(), now.get(key).cloned().unwrap_or_default())).collect();
    let document = shown::changed(edit.how, module, &before, &after, &now, call.prefix());
    Ok(Answered { document, position: Some(done.position) })
}

/// The module's values, with defaults.
fn values(module: &Module, settings: &Settings) -> Map<String, Value> {
    module.with_defaults(&settings.stored(module.key).values)
}
