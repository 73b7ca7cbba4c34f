use miso_bot_store::facts::{
    REMINDER_CANCELLED, REMINDER_FIRED, REMINDER_SET, REMINDER_SNOOZED, ReminderCancelled, ReminderFired, ReminderSet,
    ReminderSnoozed,
};
use miso_bot_store::{FIRED_KEPT_MS, Reminder};
use miso_command_catalogue::Problem;
use miso_model::{Aggregate, ChannelId, GuildId, TimerRecord, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Decision, Situation, invalid};

/// Kind of a request to be reminded.
pub const SET_REMINDER: &str = "SetReminder";
/// Kind of a request to take a reminder back.
pub const CANCEL_REMINDER: &str = "CancelReminder";
/// Kind of a request to be reminded at another time.
pub const SNOOZE_REMINDER: &str = "SnoozeReminder";
/// Reminders of one user that wait, at most; one more is refused.
pub const OPEN_REMINDERS: usize = 50;
/// Characters of a reminder's text, at most.
pub const REMINDER_CHARS: usize = 500;
/// How far ahead a reminder may be due, milliseconds: ten years.
pub const REMINDER_AHEAD_MS: i64 = 10 * 366 * 24 * 60 * 60 * 1_000;
/// Kind of a timer that belongs to a reminder.
const TIMER: &str = "Reminder";
/// Letters of an id: none that is taken for another.
const ALPHABET: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyz1";
/// Length of an id.
const ID_LETTERS: usize = 5;

/// Body of a [`SET_REMINDER`] request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetReminder {
    /// What to be reminded of.
    pub text: String,
    /// Unix milliseconds.
    pub due_ms: i64,
    /// Where to say it; none: by direct message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// The channel's guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild: Option<GuildId>,
}

impl std::fmt::Debug for SetReminder {
    /// Without the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetReminder").field("due_ms", &self.due_ms).finish_non_exhaustive()
    }
}

/// Body of a [`CANCEL_REMINDER`] request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelReminder {
    /// Which.
    pub id: String,
}

/// Body of a [`SNOOZE_REMINDER`] request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnoozeReminder {
    /// Which.
    pub id: String,
    /// Unix milliseconds.
    pub due_ms: i64,
}

/// Body of a `TimerDue` request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerDue {
    /// Key of the timer's record.
    pub timer_id: String,
    /// For when it was set, Unix milliseconds.
    pub due_ms: i64,
}

fn timer_key(user: UserId, id: &str) -> String {
    format!("{}/reminder/{id}", Aggregate::User(user))
}

fn timer(user: UserId, id: &str, due_ms: i64) -> TimerRecord {
    TimerRecord {
        aggregate: Aggregate::User(user).to_string(),
        kind: TIMER.to_owned(),
        due_ms,
        body: json!({"id": id}).to_string().into(),
    }
}

/// Short, and the same for the same request.
fn id_of(request_id: &str, taken: &[Reminder]) -> String {
    let mut hash = xxhash_rust::xxh3::xxh3_64(request_id.as_bytes());
    loop {
        let letter = |index: usize| char::from(ALPHABET[(hash >> (index * 5)) as usize % ALPHABET.len()]);
        let id: String = (0..ID_LETTERS).map(letter).collect();
        if taken.iter().all(|reminder| reminder.id != id) {
            return id;
        }
        hash = hash.wrapping_add(1);
    }
}

/// `since_ms`: when the caller asked. What was ahead then may be past when it is decided.
fn fits(due_ms: i64, situation: Situation<'_>) -> Result<(), Problem> {
    if due_ms <= situation.request.at_ms {
        return Err(invalid("A reminder must be in the future."));
    }
    if due_ms - situation.now_ms > REMINDER_AHEAD_MS {
        return Err(invalid("A reminder can be ten years ahead at most."));
    }
    Ok(())
}

/// `known` are all of the user's reminders.
pub(crate) fn set(
    situation: Situation<'_>,
    user: UserId,
    body: SetReminder,
    known: &[Reminder],
) -> Result<Decision, Problem> {
    let chars = body.text.chars().count();
    if body.text.trim().is_empty() || chars > REMINDER_CHARS {
        return Err(invalid(format!("A reminder has a text of 1 to {REMINDER_CHARS} characters.")));
    }
    if body.text.contains(|c: char| c.is_control() && c != '\n') {
        return Err(invalid("A reminder's text has no control characters but line breaks."));
    }
    fits(body.due_ms, situation)?;
    if known.iter().filter(|reminder| reminder.fired_ms.is_none()).count() >= OPEN_REMINDERS {
        let detail = format!("You have {OPEN_REMINDERS} reminders already. Cancel one first.");
        return Err(Problem::new(422, "too-many-reminders", "Too many reminders", detail));
    }
    let id = id_of(&situation.request.request_id, known);
    let fact = ReminderSet { id, text: body.text, due_ms: body.due_ms, channel: body.channel, guild: body.guild };
    let answer = json!({"id": fact.id, "due_ms": fact.due_ms});
    let key = timer_key(user, &fact.id);
    let due = timer(user, &fact.id, fact.due_ms);
    Ok(Decision::nothing().fact(REMINDER_SET, &fact).timer(key, Some(due)).answering(answer))
}

pub(crate) fn cancel(user: UserId, body: &CancelReminder, known: &[Reminder]) -> Result<Decision, Problem> {
    let reminder = find(&body.id, known).filter(|reminder| reminder.fired_ms.is_none()).ok_or_else(unknown)?;
    let fact = ReminderCancelled { id: reminder.id.clone() };
    let answer = json!({"id": reminder.id, "due_ms": reminder.due_ms});
    Ok(Decision::nothing().fact(REMINDER_CANCELLED, &fact).timer(timer_key(user, &fact.id), None).answering(answer))
}

/// Also one that fired within [`FIRED_KEPT_MS`].
pub(crate) fn snooze(
    situation: Situation<'_>,
    user: UserId,
    body: &SnoozeReminder,
    known: &[Reminder],
) -> Result<Decision, Problem> {
    let there = |reminder: &&Reminder| reminder.fired_ms.is_none_or(|fired| situation.now_ms - fired < FIRED_KEPT_MS);
    let reminder = find(&body.id, known).filter(there).ok_or_else(unknown)?;
    fits(body.due_ms, situation)?;
    let fact = ReminderSnoozed { id: reminder.id.clone(), due_ms: body.due_ms };
    let answer = json!({"id": fact.id, "due_ms": fact.due_ms});
    let key = timer_key(user, &fact.id);
    let due = timer(user, &fact.id, fact.due_ms);
    Ok(Decision::nothing().fact(REMINDER_SNOOZED, &fact).timer(key, Some(due)).answering(answer))
}

fn find<'a>(id: &str, known: &'a [Reminder]) -> Option<&'a Reminder> {
    known.iter().find(|reminder| reminder.id.eq_ignore_ascii_case(id.trim()))
}

fn unknown() -> Problem {
    Problem::new(404, "unknown-reminder", "No such reminder", "You have no such reminder.")
}

/// A timer that is due at another time by now, or is none any more, does nothing; one whose reminder
/// is gone is taken back once more.
pub(crate) fn due(situation: Situation<'_>, user: UserId, body: &TimerDue, known: &[Reminder]) -> Decision {
    let waiting =
        known.iter().find(|reminder| reminder.fired_ms.is_none() && timer_key(user, &reminder.id) == body.timer_id);
    let Some(reminder) = waiting else {
        let own = body.timer_id.starts_with(&timer_key(user, ""));
        return if own { Decision::nothing().timer(body.timer_id.clone(), None) } else { Decision::nothing() };
    };
    if reminder.due_ms != body.due_ms {
        return Decision::nothing();
    }
    let fact = ReminderFired {
        id: reminder.id.clone(),
        user,
        text: reminder.text.clone(),
        channel: reminder.channel,
        guild: reminder.guild,
        due_ms: reminder.due_ms,
        late_ms: (situation.now_ms - reminder.due_ms).max(0),
    };
    Decision::nothing().fact(REMINDER_FIRED, &fact).timer(body.timer_id.clone(), None)
}

/// Timers of all reminders that wait, taken back.
pub(crate) fn no_timers(mut decision: Decision, user: UserId, known: &[Reminder]) -> Decision {
    for reminder in known.iter().filter(|reminder| reminder.fired_ms.is_none()) {
        decision = decision.timer(timer_key(user, &reminder.id), None);
    }
    decision
}

#[cfg(test)]
mod tests {
    use miso_bot_store::AggregateState;
    use miso_model::Request;

    use super::super::tests::{facts, request};
    use super::*;

    const USER: UserId = UserId(2);

    fn asked() -> (Request, AggregateState) {
        (request("user/2", SET_REMINDER, &json!({})), AggregateState::default())
    }

    fn reminder(id: &str, due_ms: i64) -> Reminder {
        Reminder { id: id.to_owned(), text: "tea".to_owned(), due_ms, channel: None, guild: None, fired_ms: None }
    }

    fn wish(due_ms: i64) -> SetReminder {
        SetReminder { text: "tea".to_owned(), due_ms, channel: Some(ChannelId(3)), guild: None }
    }

    #[test]
    fn a_reminder_becomes_a_fact_and_a_timer_under_an_id_of_its_request() {
        let (request, state) = asked();
        let at = Situation { request: &request, state: &state, now_ms: 10 };
        let decision = set(at, USER, wish(1_000), &[]).expect("accepted");
        let id = decision.answer["id"].as_str().expect("id").to_owned();
        assert_eq!(id.len(), ID_LETTERS);
        let body = json!({"id": id, "text": "tea", "due_ms": 1_000, "channel": "3", "guild": null});
        assert_eq!(facts(&decision), [(REMINDER_SET, body)]);
        let (key, timer) = &decision.timers[0];
        let timer = timer.as_ref().expect("a timer");
        assert_eq!((key.as_str(), timer.due_ms), (format!("user/2/reminder/{id}").as_str(), 1_000));
        assert_eq!(set(at, USER, wish(1_000), &[]), Ok(decision), "the same request has the same id");
        let other = set(at, USER, wish(1_000), &[reminder(&id, 5)]).expect("accepted");
        assert_ne!(other.answer["id"], json!(id), "an id is not given twice");
    }

    #[test]
    fn what_is_past_too_far_empty_long_or_too_much_is_refused() {
        let (request, state) = asked();
        let at = Situation { request: &request, state: &state, now_ms: 10 };
        let slug = |body: SetReminder, known: &[Reminder]| {
            set(at, USER, body, known).map_err(|problem| problem.slug().to_owned()).err()
        };
        assert_eq!(slug(wish(5), &[]).as_deref(), Some("invalid-request"), "asked at 5");
        assert_eq!(slug(wish(6), &[]), None, "ahead when it was asked");
        assert_eq!(slug(wish(11 + REMINDER_AHEAD_MS), &[]).as_deref(), Some("invalid-request"));
        assert_eq!(slug(SetReminder { text: " ".to_owned(), ..wish(20) }, &[]).as_deref(), Some("invalid-request"));
        for text in ["a\0b", "a\u{1b}[31m"] {
            let control = SetReminder { text: text.to_owned(), ..wish(20) };
            assert_eq!(slug(control, &[]).as_deref(), Some("invalid-request"), "{text:?}");
        }
        assert_eq!(slug(SetReminder { text: "two\nlines".to_owned(), ..wish(20) }, &[]), None);
        let long = SetReminder { text: "ä".repeat(REMINDER_CHARS + 1), ..wish(20) };
        assert_eq!(slug(long, &[]).as_deref(), Some("invalid-request"));
        assert_eq!(slug(SetReminder { text: "ä".repeat(REMINDER_CHARS), ..wish(20) }, &[]), None);
        let mut full: Vec<_> = (0..OPEN_REMINDERS).map(|n| reminder(&n.to_string(), 20)).collect();
        assert_eq!(slug(wish(20), &full).as_deref(), Some("too-many-reminders"));
        full[0].fired_ms = Some(1);
        assert_eq!(slug(wish(20), &full), None, "one that fired does not count");
    }

    #[test]
    fn a_due_timer_fires_once_and_only_for_the_time_it_was_set_for() {
        let (request, state) = asked();
        let at = Situation { request: &request, state: &state, now_ms: 1_500 };
        let timer = |id: &str, due_ms| TimerDue { timer_id: format!("user/2/reminder/{id}"), due_ms };
        let mut known = vec![reminder("a", 1_000)];
        let fired = due(at, USER, &timer("a", 1_000), &known);
        let [(kind, body)] = &facts(&fired)[..] else { panic!("one fact") };
        assert_eq!((*kind, &body["late_ms"], &body["text"]), (REMINDER_FIRED, &json!(500), &json!("tea")));
        assert_eq!(fired.timers, [("user/2/reminder/a".to_owned(), None)]);
        assert_eq!(due(at, USER, &timer("a", 900), &known), Decision::nothing(), "snoozed meanwhile");
        known[0].fired_ms = Some(1_400);
        let repeat = due(at, USER, &timer("a", 1_000), &known);
        assert!(repeat.facts.is_empty() && repeat.timers.len() == 1, "taken back once more");
        let foreign = TimerDue { timer_id: "user/3/reminder/a".to_owned(), due_ms: 1_000 };
        assert_eq!(due(at, USER, &foreign, &known), Decision::nothing());
    }

    #[test]
    fn a_reminder_is_snoozed_before_and_for_a_day_after_it_fired_and_cancelled_before_only() {
        let (request, state) = asked();
        let at = |now_ms| Situation { request: &request, state: &state, now_ms };
        let mut known = vec![reminder("ab", 1_000)];
        let asked = |due_ms| SnoozeReminder { id: "AB ".to_owned(), due_ms };
        let decision = snooze(at(10), USER, &asked(2_000), &known).expect("accepted");
        assert_eq!(facts(&decision), [(REMINDER_SNOOZED, json!({"id": "ab", "due_ms": 2_000}))]);
        assert_eq!(decision.timers[0].1.as_ref().map(|timer| timer.due_ms), Some(2_000));
        let cancelled = cancel(USER, &CancelReminder { id: "ab".to_owned() }, &known).expect("accepted");
        assert_eq!(cancelled.timers, [("user/2/reminder/ab".to_owned(), None)]);
        known[0].fired_ms = Some(1_000);
        assert!(snooze(at(1_000 + FIRED_KEPT_MS - 1), USER, &asked(i64::from(u32::MAX)), &known).is_ok());
        assert_eq!(
            snooze(at(1_000 + FIRED_KEPT_MS), USER, &asked(i64::from(u32::MAX)), &known).map_err(|p| p.status),
            Err(404)
        );
        assert_eq!(cancel(USER, &CancelReminder { id: "ab".to_owned() }, &known).map_err(|p| p.status), Err(404));
        assert_eq!(
            snooze(at(10), USER, &SnoozeReminder { id: "zz".to_owned(), due_ms: 9 }, &known).map_err(|p| p.status),
            Err(404)
        );
    }
}
