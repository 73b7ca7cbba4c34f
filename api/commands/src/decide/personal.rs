use miso_bot_store::Reminder;
use miso_bot_store::facts::{MEMBER_FORGOTTEN, MemberForgotten, PERSONAL_DATA_DELETED};
use miso_model::UserId;
use serde_json::{Map, json};

use super::{Decision, listens, reminders};

/// Kind of a request to forget what was counted of a member in a guild.
pub const FORGET_MEMBER: &str = "ForgetMember";
/// Kind of a request to delete what is kept of a user.
pub const DELETE_PERSONAL_DATA: &str = "DeletePersonalData";

pub(crate) fn forget(body: &MemberForgotten) -> Decision {
    Decision::nothing().fact(MEMBER_FORGOTTEN, body)
}

/// Settings, reminders and timers of the user go.
pub(crate) fn delete(user: UserId, known: &[Reminder]) -> Decision {
    let decision = Decision { settings: Some(Map::new()), ..Decision::nothing() };
    let answer = json!({"reminders": known.len()});
    let decision = decision.fact(PERSONAL_DATA_DELETED, &json!({})).timer(listens::timer_key(user), None);
    reminders::no_timers(decision, user, known).answering(answer)
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;

    #[test]
    fn with_a_user_their_settings_and_timers_go() {
        let reminder = |id: &str, fired_ms| Reminder {
            id: id.to_owned(),
            text: "tea".to_owned(),
            due_ms: 9,
            channel: None,
            guild: None,
            fired_ms,
        };
        let decision = delete(UserId(2), &[reminder("a", None), reminder("b", Some(1))]);
        assert_eq!(facts(&decision), [(PERSONAL_DATA_DELETED, json!({}))]);
        assert_eq!(decision.settings, Some(Map::new()));
        let gone = |key: &str| (key.to_owned(), None);
        assert_eq!(decision.timers, [gone("user/2/listens"), gone("user/2/reminder/a")]);
    }
}
