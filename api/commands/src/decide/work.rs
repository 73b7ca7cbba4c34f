use miso_bot_store::facts::{CountsAdded, MemberForgotten, SeenInGuild};
use miso_command_catalogue::Problem;
use miso_model::{Aggregate, GuildId, MessageId, Request, UserId};
use serde::de::DeserializeOwned;

use super::activity::ActivityObserved;
use super::crowns::ClaimCrown;
use super::invalid;
use super::listens::ListensFetched;
use super::reminders::{CancelReminder, SetReminder, SnoozeReminder, TimerDue};
use super::samples::AskSample;
use super::settings::ChangeSettings;
use super::stars::{StarChanged, StarToBePosted, StarsCleared};

/// A request that was read: what is asked of whom.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Work {
    ChangeSettings(Aggregate, ChangeSettings),
    ActivityObserved(GuildId, ActivityObserved),
    CountsObserved(GuildId, CountsAdded),
    StarChanged(GuildId, StarChanged),
    StarPosted(GuildId, StarToBePosted),
    StarsCleared(GuildId, StarsCleared),
    SetReminder(UserId, SetReminder),
    CancelReminder(UserId, CancelReminder),
    SnoozeReminder(UserId, SnoozeReminder),
    TimerDue(UserId, TimerDue),
    ForgetMember(GuildId, MemberForgotten),
    ListensFetched(UserId, ListensFetched),
    SeeInGuild(GuildId, SeenInGuild),
    ListenerLeaves(GuildId, MemberForgotten),
    ClaimCrown(GuildId, ClaimCrown),
    AskSample(GuildId, AskSample),
    DeletePersonalData(UserId),
}

/// Rows that a decision reads and changes. What an earlier request of the same batch changes of them
/// is not there yet: the decision has to wait for the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reads {
    Nothing,
    /// Everybody's, in a guild.
    Activity(GuildId),
    Star(GuildId, MessageId),
    Reminders(UserId),
    /// How much of a listener's past is known.
    Listens(UserId),
    /// Listeners and crowns of a guild.
    Listeners(GuildId),
}

impl Work {
    pub(crate) fn reads(&self) -> Reads {
        match self {
            Self::ChangeSettings(..) | Self::CountsObserved(..) | Self::AskSample(..) => Reads::Nothing,
            Self::ListensFetched(user, _) => Reads::Listens(*user),
            Self::TimerDue(user, due) if due.timer_id == super::listens::timer_key(*user) => Reads::Listens(*user),
            Self::SeeInGuild(guild, _) | Self::ListenerLeaves(guild, _) | Self::ClaimCrown(guild, _) => {
                Reads::Listeners(*guild)
            }
            Self::ActivityObserved(guild, _) | Self::ForgetMember(guild, _) => Reads::Activity(*guild),
            Self::StarChanged(guild, star) => Reads::Star(*guild, star.message),
            Self::StarPosted(guild, star) => Reads::Star(*guild, star.message),
            Self::StarsCleared(guild, star) => Reads::Star(*guild, star.message),
            Self::SetReminder(user, _)
            | Self::CancelReminder(user, _)
            | Self::SnoozeReminder(user, _)
            | Self::TimerDue(user, _)
            | Self::DeletePersonalData(user) => Reads::Reminders(*user),
        }
    }
}

/// Reads a request.
pub(crate) fn work(request: &Request) -> Result<Work, Problem> {
    let aggregate: Aggregate = request.aggregate.parse().map_err(|error| invalid(format!("{error}")))?;
    Ok(match (aggregate, request.kind.as_str()) {
        (_, super::settings::CHANGE_SETTINGS) => Work::ChangeSettings(aggregate, body(request)?),
        (Aggregate::Guild(guild), "ActivityObserved") => Work::ActivityObserved(guild, body(request)?),
        (Aggregate::Guild(guild), "CountsObserved") => Work::CountsObserved(guild, body(request)?),
        (Aggregate::Guild(guild), "StarChanged") => Work::StarChanged(guild, body(request)?),
        (Aggregate::Guild(guild), "StarPosted") => Work::StarPosted(guild, body(request)?),
        (Aggregate::Guild(guild), "StarsCleared") => Work::StarsCleared(guild, body(request)?),
        (Aggregate::Guild(guild), super::personal::FORGET_MEMBER) => Work::ForgetMember(guild, body(request)?),
        (Aggregate::Guild(guild), super::samples::ASK_SAMPLE) => Work::AskSample(guild, body(request)?),
        (Aggregate::Guild(guild), super::crowns::SEE_IN_GUILD) => Work::SeeInGuild(guild, body(request)?),
        (Aggregate::Guild(guild), super::crowns::LISTENER_LEAVES) => Work::ListenerLeaves(guild, body(request)?),
        (Aggregate::Guild(guild), super::crowns::CLAIM_CROWN) => Work::ClaimCrown(guild, body(request)?),
        (Aggregate::User(user), super::listens::LISTENS_FETCHED) => Work::ListensFetched(user, body(request)?),
        (Aggregate::User(user), super::reminders::SET_REMINDER) => Work::SetReminder(user, body(request)?),
        (Aggregate::User(user), super::reminders::CANCEL_REMINDER) => Work::CancelReminder(user, body(request)?),
        (Aggregate::User(user), super::reminders::SNOOZE_REMINDER) => Work::SnoozeReminder(user, body(request)?),
        (Aggregate::User(user), "TimerDue") => Work::TimerDue(user, body(request)?),
        (Aggregate::User(user), super::personal::DELETE_PERSONAL_DATA) => Work::DeletePersonalData(user),
        (_, kind) => return Err(invalid(format!("There is no request of the kind {kind} for {aggregate}."))),
    })
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    serde_json::from_slice(&request.body).map_err(|error| {
        // Serde quotes what it cannot read; the place is enough, and says nothing of what was written.
        let (line, column) = (error.line(), error.column());
        invalid(format!("The body of {} does not fit, at line {line}, column {column}.", request.kind))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::request;
    use super::*;

    #[test]
    fn what_names_no_work_is_refused() {
        for (aggregate, kind, body) in [
            ("guild/1", "Dance", json!({})),
            ("planet/1", "ChangeSettings", json!({"module": "general", "set": {}})),
            ("user/1", "ActivityObserved", json!({"members": []})),
            ("guild/1", "SetReminder", json!({"text": "x", "due_ms": 1})),
            ("guild/1", "ChangeSettings", json!([])),
            ("guild/1", "StarChanged", json!({"message": "a"})),
        ] {
            let problem = work(&request(aggregate, kind, &body)).expect_err(kind);
            assert_eq!((problem.status, problem.slug()), (422, "invalid-request"), "{kind}");
        }
        let deleted = work(&request("user/1", "DeletePersonalData", &json!({}))).expect("reads");
        assert_eq!(deleted.reads(), Reads::Reminders(UserId(1)));
    }

    #[test]
    fn a_refusal_does_not_repeat_what_was_written() {
        let body = json!({"text": {"secret": "words"}, "due_ms": 1});
        let problem = work(&request("user/1", "SetReminder", &body)).expect_err("no text");
        assert!(!problem.detail.contains("words") && problem.detail.contains("column"), "{}", problem.detail);
    }
}
