//! What a request does to an aggregate. Pure: what a decision needs of the tables is read before and
//! passed in.

pub(crate) mod activity;
pub(crate) mod counts;
pub(crate) mod crowns;
pub(crate) mod listens;
pub(crate) mod personal;
pub(crate) mod reminders;
pub(crate) mod samples;
pub(crate) mod settings;
pub(crate) mod stars;
mod work;

use miso_bot_store::AggregateState;
use miso_command_catalogue::Problem;
use miso_model::{Fact, Request, TimerRecord, UserId};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

pub(crate) use work::{Reads, Work, work};

/// A request, and the aggregate as it stands before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) request: &'a Request,
    pub(crate) state: &'a AggregateState,
    /// Unix milliseconds.
    pub(crate) now_ms: i64,
}

/// What a request comes to when it is not refused. Without facts nothing happened: a repeat is
/// decided anew.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Decision {
    /// What happened, in order: kind and body.
    pub(crate) facts: Vec<(&'static str, Vec<u8>)>,
    /// All settings after, where they changed.
    pub(crate) settings: Option<Map<String, Json>>,
    /// Timers by key; `None` takes one back.
    pub(crate) timers: Vec<(String, Option<TimerRecord>)>,
    /// Whose listens are to be fetched now; that is lost when the process ends, and asked for again when
    /// the timer is due again.
    pub(crate) index: Option<UserId>,
    /// For the caller.
    pub(crate) answer: Json,
}

impl Decision {
    /// Nothing happens.
    pub(crate) fn nothing() -> Self {
        Self { answer: json!({}), ..Self::default() }
    }

    pub(crate) fn fact(mut self, kind: &'static str, body: &impl Serialize) -> Self {
        self.facts.push((kind, serde_json::to_vec(body).unwrap_or_default()));
        self
    }

    pub(crate) fn timer(mut self, key: String, timer: Option<TimerRecord>) -> Self {
        self.timers.push((key, timer));
        self
    }

    pub(crate) fn answering(mut self, answer: Json) -> Self {
        self.answer = answer;
        self
    }

    /// The facts as they are written, and the aggregate after them.
    pub(crate) fn numbered(&self, situation: Situation<'_>) -> (Vec<Fact>, AggregateState) {
        let Situation { request, state, now_ms } = situation;
        let answer: Vec<u8> = serde_json::to_vec(&self.answer).unwrap_or_default();
        let facts: Vec<Fact> = self
            .facts
            .iter()
            .zip(state.version + 1..)
            .map(|((kind, body), version)| Fact {
                aggregate: request.aggregate.clone(),
                version,
                kind: (*kind).to_owned(),
                request_id: request.request_id.clone(),
                actor: request.actor.clone(),
                body: body.clone().into(),
                answer: answer.clone().into(),
                status: 200,
                at_ms: now_ms,
            })
            .collect();
        let version = facts.last().map_or(state.version, |fact| fact.version);
        let settings = self.settings.clone().unwrap_or_else(|| state.settings.clone());
        (facts, AggregateState { version, settings })
    }
}

pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(422, "invalid-request", "The request does not fit", detail)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn request(aggregate: &str, kind: &str, body: &Json) -> Request {
        Request {
            request_id: "r".to_owned(),
            aggregate: aggregate.to_owned(),
            kind: kind.to_owned(),
            expected_version: None,
            actor: "user/2".to_owned(),
            body: body.to_string().into(),
            at_ms: 5,
        }
    }

    /// Kinds and bodies.
    pub(crate) fn facts(decision: &Decision) -> Vec<(&'static str, Json)> {
        let body = |body: &[u8]| serde_json::from_slice(body).expect("json");
        decision.facts.iter().map(|(kind, bytes)| (*kind, body(bytes))).collect()
    }

    #[test]
    fn facts_of_one_request_are_numbered_on_and_share_its_answer() {
        let request = request("guild/1", "X", &json!({}));
        let state = AggregateState { version: 4, ..AggregateState::default() };
        let situation = Situation { request: &request, state: &state, now_ms: 9 };
        let decision = Decision::nothing().fact("A", &1).fact("B", &2).answering(json!({"a": 1}));
        let (facts, after) = decision.numbered(situation);
        let seen: Vec<_> = facts.iter().map(|fact| (fact.version, &*fact.kind, &*fact.body, fact.at_ms)).collect();
        assert_eq!(seen, [(5, "A", &b"1"[..], 9), (6, "B", &b"2"[..], 9)]);
        assert!(facts.iter().all(|fact| &*fact.answer == br#"{"a":1}"# && fact.request_id == "r"));
        assert_eq!(after.version, 6);
        assert_eq!(Decision::nothing().numbered(situation).1, state);
    }
}
