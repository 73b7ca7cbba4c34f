use miso_bot_store::facts::{SAMPLE_ASKED, SampleAsked};
use miso_command_catalogue::Problem;
use miso_model::{Aggregate, ChannelId};
use miso_settings::module;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Decision, Situation, invalid, settings};

/// Kind of a request to see what a module sends.
pub const ASK_SAMPLE: &str = "AskSample";

/// Body of an [`ASK_SAMPLE`] request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskSample {
    /// `greeting`, `goodbye`, `logs.members`, `logs.bans`, `logs.deleted`, `logs.edited`.
    pub what: String,
    /// By direct message to who asks, not to the channel that is set.
    #[serde(default)]
    pub direct: bool,
}

/// Samples by module, and the field that holds the channel.
fn place(what: &str) -> Option<(&'static str, &str)> {
    match what.split_once('.') {
        None if what == "greeting" => Some(("greeting", "channel")),
        None if what == "goodbye" => Some(("goodbye", "channel")),
        Some(("logs", field)) if matches!(field, "members" | "bans" | "deleted" | "edited") => Some(("logs", field)),
        _ => None,
    }
}

/// What is sent is what the settings say now; nothing is sent where they name no channel.
pub(crate) fn ask(situation: Situation<'_>, body: &AskSample) -> Result<Decision, Problem> {
    let (key, field) = place(&body.what).ok_or_else(|| invalid("There is no sample of this."))?;
    let Ok(Aggregate::User(user)) = situation.request.actor.parse() else {
        return Err(invalid("A sample is sent for a user."));
    };
    let settings = settings::settings(situation.state);
    let channel = settings.id(key, field).map(ChannelId);
    if channel.is_none() && !body.direct {
        let declared = module(key).and_then(|module| Some((module.title, module.field(field)?.title)));
        let (title, field) = declared.unwrap_or((key, field));
        let detail = format!("{title} has no channel yet: pick one under “{field}” and save.");
        return Err(Problem::new(422, "no-channel", "No channel is picked", detail));
    }
    let channel = channel.filter(|_| !body.direct);
    let fact = SampleAsked { what: body.what.clone(), user, channel, text: settings.text(key, "message") };
    Ok(Decision::nothing().fact(SAMPLE_ASKED, &fact).answering(json!({"what": body.what, "channel": channel})))
}

#[cfg(test)]
mod tests {
    use miso_bot_store::AggregateState;
    use serde_json::Value;

    use super::super::tests::{facts, request};
    use super::*;

    fn decide(settings: &Value, what: &str, direct: bool) -> Result<Decision, Problem> {
        let state = AggregateState { version: 1, settings: settings.as_object().cloned().expect("object") };
        let request = request("guild/1", ASK_SAMPLE, &json!({}));
        ask(Situation { request: &request, state: &state, now_ms: 7 }, &AskSample { what: what.to_owned(), direct })
    }

    #[test]
    fn a_sample_goes_where_the_settings_say_or_to_who_asks() {
        let settings =
            json!({"greeting": {"version": 1, "by": "", "at_ms": 0, "values": {"channel": "5", "message": "Hi"}}});
        let decision = decide(&settings, "greeting", false).expect("accepted");
        assert_eq!(
            facts(&decision),
            [(SAMPLE_ASKED, json!({"what": "greeting", "user": "2", "channel": "5", "text": "Hi"}))]
        );
        assert_eq!(decision.answer["channel"], "5");
        let decision = decide(&settings, "greeting", true).expect("accepted");
        assert_eq!(facts(&decision)[0].1["channel"], Value::Null);
    }

    #[test]
    fn without_a_channel_and_of_nothing_known_there_is_no_sample() {
        let problem = decide(&json!({}), "logs.bans", false).expect_err("no channel");
        assert_eq!((problem.status, problem.slug()), (422, "no-channel"));
        assert!(problem.detail.contains("“Bans”"), "{}", problem.detail);
        assert!(decide(&json!({}), "logs.bans", true).is_ok());
        for unknown in ["", "logs", "logs.ignored", "greeting.channel", "roles"] {
            assert!(decide(&json!({}), unknown, true).is_err(), "{unknown}");
        }
    }
}
