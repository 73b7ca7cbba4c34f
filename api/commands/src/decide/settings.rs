use miso_bot_store::facts::{SETTINGS_CHANGED, SettingsChanged};
use miso_bot_store::{AggregateState, AuditEntry};
use miso_command_catalogue::{Problem, zones};
use miso_model::Aggregate;
use miso_settings::{FieldError, Kind, Module, Scope, Settings, StoredModule, check};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{Decision, Situation, invalid};

/// Kind of a request to change settings of a module.
pub const CHANGE_SETTINGS: &str = "ChangeSettings";
/// Bytes of all settings of an aggregate, as JSON, at most; beyond it a change is refused with 413. A
/// fact holds up to four times as much, and a record of `bot.facts` 1 MiB.
pub const SETTINGS_BYTES: usize = miso_settings::SETTINGS_BYTES;
/// Changes since a stale version that are looked at to say which fields they touched, at most; older
/// ones are not named.
pub const STALE_CHANGES: i64 = 1_000;

/// Body of a [`CHANGE_SETTINGS`] request. Its `expected_version` is the module's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeSettings {
    /// The module's key.
    pub module: String,
    /// New values by field; null takes a field back to its default.
    pub set: Map<String, Json>,
    /// Version of the fact that this change takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<i64>,
    /// `panel`, `command`, `import`, `api`.
    #[serde(default = "api")]
    pub via: String,
}

fn api() -> String {
    "api".to_owned()
}

/// What a [`CHANGE_SETTINGS`] request is answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsAnswer {
    /// The module's key.
    pub module: String,
    /// Of the module, after the change.
    pub version: i64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// All that is set in the module after the change.
    pub values: Map<String, Json>,
}

/// The declared module that a change is about.
pub(crate) fn module_of(aggregate: Aggregate, key: &str) -> Result<&'static Module, Problem> {
    let scope = match aggregate {
        Aggregate::Guild(_) => Scope::Guild,
        Aggregate::User(_) => Scope::User,
    };
    let declared = miso_settings::module(key).filter(|module| module.scope == scope);
    declared.ok_or_else(|| {
        let of = scope.name();
        Problem::new(404, "unknown-module", "No such module", format!("There is no module `{key}` of a {of}."))
    })
}

/// Whether the caller has seen the module's version of now.
pub(crate) fn is_stale(situation: Situation<'_>, change: &ChangeSettings) -> bool {
    let expected = situation.request.expected_version;
    expected.is_some_and(|expected| expected != stored(situation.state, &change.module).version)
}

fn stored(state: &AggregateState, module: &str) -> StoredModule {
    let json = state.settings.get(module).cloned();
    json.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default()
}

/// The refusal of a stale writer; `since` are the changes that they have not seen.
pub(crate) fn stale(situation: Situation<'_>, change: &ChangeSettings, since: &[AuditEntry]) -> Problem {
    let stored = stored(situation.state, &change.module);
    let expected = situation.request.expected_version.unwrap_or_default();
    let detail =
        format!("The settings were changed meanwhile: they are at version {}, not {expected}.", stored.version);
    let mut problem = Problem::new(409, "version-conflict", "Changed by somebody else", detail);
    let changed = |field: &&String| since.iter().any(|entry| entry.after.contains_key(*field));
    problem.members.fields = change.set.keys().filter(changed).cloned().collect();
    problem.members.current = Some(stored.version);
    problem.members.by = (stored.version > 0).then_some(stored.by);
    problem.members.at = (stored.version > 0).then_some(stored.at_ms);
    problem
}

/// Values that do not fit and are named in an answer, at most: it must fit into a record.
pub(crate) const NAMED_ERRORS: usize = 100;

/// A change that changes nothing is a fact as well: repeated later, when something else holds, it must
/// not take effect then.
pub(crate) fn change(
    situation: Situation<'_>,
    aggregate: Aggregate,
    change: ChangeSettings,
) -> Result<Decision, Problem> {
    let module = module_of(aggregate, &change.module)?;
    check(module, &change.set).and_then(|()| zones_are_known(module, &change.set)).map_err(|errors| {
        let first = errors.first().map(|error| error.message.clone()).unwrap_or_default();
        let mut problem = invalid(first);
        problem.members.errors = errors.into_iter().take(NAMED_ERRORS).collect();
        problem
    })?;
    if change.via.len() > 16 {
        return Err(invalid("`via` has 16 bytes at most."));
    }
    let mut of_module = stored(situation.state, &change.module);
    let mut before = Map::new();
    for (field, value) in &change.set {
        let values = &mut of_module.values;
        let old = if value.is_null() { values.remove(field) } else { values.insert(field.clone(), value.clone()) };
        before.insert(field.clone(), old.unwrap_or(Json::Null));
    }
    of_module.version += 1;
    of_module.by.clone_from(&situation.request.actor);
    of_module.at_ms = situation.now_ms;
    let answer = SettingsAnswer {
        module: change.module.clone(),
        version: of_module.version,
        at_ms: situation.now_ms,
        values: of_module.values.clone(),
    };
    let mut settings = situation.state.settings.clone();
    settings.insert(change.module.clone(), json!(of_module));
    let bytes = serde_json::to_vec(&settings).map_or(0, |json| json.len());
    if bytes > SETTINGS_BYTES {
        let detail =
            format!("All settings together have {SETTINGS_BYTES} bytes at most; with this change they had {bytes}.");
        return Err(Problem::new(413, "too-large", "Too many settings", detail));
    }
    let body = SettingsChanged {
        module: change.module,
        module_version: of_module.version,
        before,
        after: change.set,
        settings: settings.clone(),
        via: change.via,
        reverts: change.reverts,
    };
    let decision = Decision { settings: Some(settings), ..Decision::nothing() };
    Ok(decision.fact(SETTINGS_CHANGED, &body).answering(json!(answer)))
}

/// Which time zones there are is known here, not where fields are declared.
fn zones_are_known(module: &Module, set: &Map<String, Json>) -> Result<(), Vec<FieldError>> {
    let unknown = set.iter().filter(|(key, value)| {
        let is_zone = module.field(key).is_some_and(|field| field.kind == Kind::Timezone);
        let known = || value.as_str().is_none_or(|zone| zones().iter().any(|known| known == zone));
        is_zone && !known()
    });
    let errors: Vec<_> = unknown
        .map(|(key, _)| FieldError {
            pointer: format!("/{key}"),
            code: "not_an_option".to_owned(),
            message: "There is no such time zone; one is Europe/Helsinki.".to_owned(),
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// What is set, for reading.
pub(crate) fn settings(state: &AggregateState) -> Settings {
    Settings::of(state.settings.clone())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, request};
    use super::super::{Work, work};
    use super::*;

    fn state(json: &Json) -> AggregateState {
        AggregateState { version: 9, settings: json.as_object().cloned().expect("object") }
    }

    fn greeting(version: i64, values: &Json) -> Json {
        json!({"greeting": {"version": version, "by": "user/1", "at_ms": 3, "values": values}})
    }

    fn decide(state: &AggregateState, body: &Json) -> Result<Decision, Problem> {
        let request = request("guild/1", CHANGE_SETTINGS, body);
        let Work::ChangeSettings(aggregate, asked) = work(&request)? else { panic!("another kind") };
        change(Situation { request: &request, state, now_ms: 7 }, aggregate, asked)
    }

    #[test]
    fn a_change_becomes_a_fact_with_before_and_after_and_the_whole_and_counts_its_module_only() {
        let mut before = greeting(4, &json!({"enabled": true, "message": "Hi"}));
        before["newer-module"] = json!({"version": 1});
        let set = json!({"enabled": false, "message": null, "channel": "5"});
        let body = json!({"module": "greeting", "set": set, "via": "panel", "reverts": 3});
        let decision = decide(&state(&before), &body).expect("accepted");
        let after = json!({
            "newer-module": {"version": 1},
            "greeting": {"version": 5, "by": "user/2", "at_ms": 7, "values": {"enabled": false, "channel": "5"}},
        });
        assert_eq!(
            facts(&decision),
            [(
                SETTINGS_CHANGED,
                json!({
                    "module": "greeting", "module_version": 5, "via": "panel", "reverts": 3,
                    "before": {"enabled": true, "message": "Hi", "channel": null},
                    "after": set,
                    "settings": after,
                })
            )]
        );
        assert_eq!(decision.settings.map(Json::Object), Some(after));
        let values = json!({"enabled": false, "channel": "5"});
        assert_eq!(decision.answer, json!({"module": "greeting", "version": 5, "at_ms": 7, "values": values}));
    }

    #[test]
    fn a_stale_writer_is_told_who_changed_what_of_theirs() {
        let state = state(&greeting(4, &json!({})));
        let mut request = request("guild/1", CHANGE_SETTINGS, &json!({}));
        let asked = |set: Json| ChangeSettings {
            module: "greeting".to_owned(),
            set: set.as_object().cloned().expect("object"),
            reverts: None,
            via: "api".to_owned(),
        };
        let change = asked(json!({"enabled": true, "message": "x"}));
        for (expected, is) in [(None, false), (Some(4), false), (Some(3), true), (Some(9), true), (Some(0), true)] {
            request.expected_version = expected;
            assert_eq!(is_stale(Situation { request: &request, state: &state, now_ms: 7 }, &change), is);
        }
        let entry = |after: Json| AuditEntry {
            version: 8,
            module: "greeting".to_owned(),
            module_version: 4,
            at_ms: 3,
            by: "user/1".to_owned(),
            via: "api".to_owned(),
            before: Map::new(),
            after: after.as_object().cloned().expect("object"),
            reverts: None,
        };
        let since = [entry(json!({"channel": "1"})), entry(json!({"message": null}))];
        let problem = stale(Situation { request: &request, state: &state, now_ms: 7 }, &change, &since);
        assert_eq!((problem.status, problem.slug()), (409, "version-conflict"));
        let members = *problem.members;
        assert_eq!((members.current, members.by.as_deref(), members.at), (Some(4), Some("user/1"), Some(3)));
        assert_eq!(members.fields, ["message"]);
        let fresh = AggregateState::default();
        let problem = stale(Situation { request: &request, state: &fresh, now_ms: 7 }, &change, &[]);
        assert_eq!((problem.members.current, problem.members.by), (Some(0), None));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_every_error() {
        let none = AggregateState::default();
        let refused =
            |module: &str, set: Json| decide(&none, &json!({"module": module, "set": set})).expect_err("refused");
        let problem = refused("greeting", json!({"enabled": 1, "colour": "red"}));
        let errors: Vec<_> = problem.members.errors.iter().map(|error| (&*error.pointer, &*error.code)).collect();
        assert_eq!(problem.status, 422);
        assert_eq!(errors, [("/colour", "unknown_field"), ("/enabled", "wrong_type")]);
        assert_eq!(refused("dances", json!({})).status, 404);
        assert_eq!(refused("privacy", json!({})).status, 404, "of a user, not of a guild");
    }

    #[test]
    fn a_time_zone_must_be_known() {
        let none = AggregateState::default();
        let decide = |zone: &str| {
            let request = request("user/2", CHANGE_SETTINGS, &json!({"module": "time", "set": {"timezone": zone}}));
            let Ok(Work::ChangeSettings(aggregate, asked)) = work(&request) else { panic!("another kind") };
            change(Situation { request: &request, state: &none, now_ms: 7 }, aggregate, asked)
        };
        assert!(decide("Europe/Helsinki").is_ok() && decide("UTC").is_ok());
        let problem = decide("Europe/Atlantis").expect_err("refused");
        assert_eq!(problem.members.errors[0].pointer, "/timezone");
    }

    #[test]
    fn settings_that_a_fact_could_not_hold_are_refused_with_the_bound() {
        let commands: Vec<Json> =
            (0..200).map(|n| json!({"name": format!("c{n}"), "text": "x".repeat(1_500)})).collect();
        let body = json!({"module": "custom-commands", "set": {"commands": commands}});
        let problem = decide(&AggregateState::default(), &body).expect_err("refused");
        assert_eq!((problem.status, problem.detail.contains("204800")), (413, true));
    }
}
