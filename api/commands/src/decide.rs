//! What a request does to an aggregate. Pure.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use miso_bot_store::{AggregateState, SETTINGS_CHANGED, SettingsChanged};
use miso_command_catalogue::{PREFIX_CHARS, Problem};
use miso_model::{Aggregate, Fact, Request};

/// Kind of a request to change settings of an aggregate.
pub const CHANGE_SETTINGS: &str = "ChangeSettings";

/// Body of a [`CHANGE_SETTINGS`] request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeSettings {
    /// New values by name; null takes a setting back to its default.
    pub set: Map<String, Json>,
}

/// What a request comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// A fact, and the aggregate after it.
    Changed(Box<Fact>, AggregateState),
    /// Nothing; the caller is told why.
    Refused(Problem),
}

/// Decides. A request that changes nothing is a fact as well: repeated later, when something else
/// holds, it must not take effect then.
pub(crate) fn decide(state: &AggregateState, request: &Request, now_ms: i64) -> Decision {
    match change(state, request, now_ms) {
        Ok((fact, state)) => Decision::Changed(Box::new(fact), state),
        Err(problem) => Decision::Refused(problem),
    }
}

fn change(state: &AggregateState, request: &Request, now_ms: i64) -> Result<(Fact, AggregateState), Problem> {
    let aggregate: Aggregate = request.aggregate.parse().map_err(|error| invalid(format!("{error}")))?;
    if let Some(expected) = request.expected_version
        && expected != state.version
    {
        let detail =
            format!("The settings were changed meanwhile: they are at version {}, not {expected}.", state.version);
        let mut problem = Problem::new(409, "version-conflict", "Changed by somebody else", detail);
        problem.members.current = Some(state.version);
        return Err(problem);
    }
    if request.kind != CHANGE_SETTINGS {
        return Err(invalid(format!("There is no request of the kind {}.", request.kind)));
    }
    let ChangeSettings { set } = serde_json::from_slice(&request.body)
        .map_err(|error| invalid(format!("The request's body does not fit: {error}.")))?;
    let (mut before, mut settings) = (Map::new(), state.settings.clone());
    for (name, value) in &set {
        check(aggregate, name, value)?;
        let old = if value.is_null() { settings.remove(name) } else { settings.insert(name.clone(), value.clone()) };
        before.insert(name.clone(), old.unwrap_or(Json::Null));
    }
    let version = state.version + 1;
    let answer = json!({"version": version, "before": before, "after": set, "settings": settings});
    let body = SettingsChanged { before, after: set, settings: settings.clone() };
    let fact = Fact {
        aggregate: request.aggregate.clone(),
        version,
        kind: SETTINGS_CHANGED.to_owned(),
        request_id: request.request_id.clone(),
        actor: request.actor.clone(),
        body: serde_json::to_vec(&body).unwrap_or_default().into(),
        answer: answer.to_string().into(),
        status: 200,
        at_ms: now_ms,
    };
    Ok((fact, AggregateState { version, settings }))
}

/// Whether an aggregate has such a setting, and it may have such a value.
fn check(aggregate: Aggregate, name: &str, value: &Json) -> Result<(), Problem> {
    match (aggregate, name) {
        (Aggregate::Guild(_), "prefix") => {
            let fits = value.as_str().is_some_and(|prefix| {
                (1..=PREFIX_CHARS).contains(&prefix.chars().count())
                    && !prefix.starts_with(char::is_whitespace)
                    && !prefix.contains(['\n', '\r'])
            });
            if value.is_null() || fits {
                Ok(())
            } else {
                Err(invalid(format!(
                    "A prefix has 1 to {PREFIX_CHARS} characters in one line and does not begin with a space."
                )))
            }
        }
        _ => Err(invalid(format!("There is no setting `{name}` here."))),
    }
}

fn invalid(detail: String) -> Problem {
    Problem::new(422, "invalid-request", "The request does not fit", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(set: &Json, expected_version: Option<i64>) -> Request {
        Request {
            request_id: "r".to_owned(),
            aggregate: "guild/1".to_owned(),
            kind: CHANGE_SETTINGS.to_owned(),
            expected_version,
            actor: "user/2".to_owned(),
            body: json!({"set": set}).to_string().into(),
            at_ms: 5,
        }
    }

    fn refused(state: &AggregateState, request: &Request) -> Problem {
        match decide(state, request, 9) {
            Decision::Refused(problem) => problem,
            Decision::Changed(..) => panic!("accepted"),
        }
    }

    #[test]
    fn a_change_becomes_a_fact_with_before_and_after_and_the_whole() {
        let settings = json!({"prefix": "!", "newer": 1}).as_object().cloned().expect("object");
        let state = AggregateState { version: 4, settings };
        let Decision::Changed(fact, after) = decide(&state, &request(&json!({"prefix": "?"}), Some(4)), 9) else {
            panic!("refused")
        };
        assert_eq!((fact.version, fact.kind.as_str(), fact.at_ms, after.version), (5, SETTINGS_CHANGED, 9, 5));
        let body: Json = serde_json::from_slice(&fact.body).expect("json");
        assert_eq!(
            body,
            json!({"before": {"prefix": "!"}, "after": {"prefix": "?"}, "settings": {"prefix": "?", "newer": 1}})
        );
        let Decision::Changed(fact, after) = decide(&after, &request(&json!({"prefix": null}), None), 9) else {
            panic!("refused")
        };
        assert_eq!(Json::Object(after.settings), json!({"newer": 1}));
        assert_eq!(fact.version, 6);
    }

    #[test]
    fn a_stale_writer_is_told_the_version() {
        let problem = refused(
            &AggregateState { version: 4, ..AggregateState::default() },
            &request(&json!({"prefix": "?"}), Some(3)),
        );
        assert_eq!((problem.status, problem.slug(), problem.members.current), (409, "version-conflict", Some(4)));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let state = AggregateState::default();
        for set in [
            json!({"prefix": ""}),
            json!({"prefix": " x"}),
            json!({"prefix": "a\nb"}),
            json!({"prefix": "x".repeat(33)}),
            json!({"prefix": 1}),
            json!({"colour": "red"}),
        ] {
            assert_eq!(refused(&state, &request(&set, None)).status, 422, "{set}");
        }
        let other = |change: fn(&mut Request)| {
            let mut request = request(&json!({"prefix": "!"}), None);
            change(&mut request);
            refused(&state, &request).status
        };
        assert_eq!(other(|request| request.kind = "Dance".to_owned()), 422);
        assert_eq!(other(|request| request.aggregate = "planet/1".to_owned()), 422);
        assert_eq!(other(|request| request.aggregate = "user/1".to_owned()), 422);
        assert_eq!(other(|request| request.body = b"[".to_vec().into()), 422);
    }
}
