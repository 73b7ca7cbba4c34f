use miso_bot_store::Reminder;
use miso_command_catalogue::{Colour, Document, Problem, duration_text, moment_text};
use miso_model::Aggregate;
use serde_json::{Map, Value, json};

use super::{Answered, Call, code};
use crate::decide::reminders::{
    CANCEL_REMINDER, CancelReminder, SET_REMINDER, SNOOZE_REMINDER, SetReminder, SnoozeReminder,
};
use crate::problem::Refusal;

/// So long a command may have waited; what it says of time counts from when it was said, no further
/// back. Milliseconds.
const WAITED_MS: i64 = 12 * 60 * 60 * 1_000;

/// `remindme`, `reminder cancel`, `reminder snooze`.
pub(crate) async fn remind(call: &Call<'_>) -> Result<Answered, Problem> {
    let id = call.args.text("id").unwrap_or_default().to_owned();
    let (answer, position, zone) = match call.command.words().1 {
        "cancel" => ask(call, CANCEL_REMINDER, &CancelReminder { id }).await?,
        "snooze" => {
            let zone = zone(call).await?;
            let due_ms = due(call, &zone)?;
            ask(call, SNOOZE_REMINDER, &SnoozeReminder { id, due_ms }).await?
        }
        _ => {
            let zone = zone(call).await?;
            let wish = SetReminder {
                text: call.args.text("text").unwrap_or_default().to_owned(),
                due_ms: due(call, &zone)?,
                channel: call.context.channel,
                guild: call.context.guild,
            };
            ask(call, SET_REMINDER, &wish).await?
        }
    };
    let id = answer["id"].as_str().unwrap_or_default();
    let due_ms = answer["due_ms"].as_i64().unwrap_or_default();
    let when = when(due_ms, said_ms(call), &zone);
    let document = match call.command.words().1 {
        "cancel" => Document::text(Colour::Success, "I will not remind you of that."),
        "snooze" => Document::text(Colour::Success, format!("I will remind you again {when}.")),
        _ => Document::text(Colour::Success, format!("I will remind you {when}."))
            .footer(format!("{prefix}reminder cancel {id} takes it back", prefix = call.prefix())),
    };
    Ok(Answered { document, position: Some(position) })
}

/// `reminders`.
pub(crate) async fn list(call: &Call<'_>) -> Result<Answered, Problem> {
    let store = call.api.store()?;
    let reminders = store.reminders(call.context.user).await.map_err(|error| Refusal::from(error).0)?;
    Ok(listed(&reminders, call.now_ms, &zone(call).await?, call.prefix()).into())
}

fn listed(reminders: &[Reminder], now_ms: i64, zone: &str, prefix: &str) -> Document {
    let row = |reminder: &Reminder| {
        let text: Vec<&str> = reminder.text.split_whitespace().collect();
        format!("{} {}: {}", code(&reminder.id), when(reminder.due_ms, now_ms, zone), text.join(" "))
    };
    let rows: Vec<String> = reminders.iter().filter(|reminder| reminder.fired_ms.is_none()).map(row).collect();
    if rows.is_empty() {
        let example = code(&format!("{prefix}remindme in 2h to drink water"));
        return Document::text(Colour::Info, format!("You have no reminders. {example} sets one."));
    }
    let title = if rows.len() == 1 { "1 reminder".to_owned() } else { format!("{} reminders", rows.len()) };
    Document { rows, ..Document::default() }.titled(title)
}

/// `timezone`.
pub(crate) async fn timezone(call: &Call<'_>) -> Result<Answered, Problem> {
    let Some(wanted) = call.args.text("zone") else {
        let zone = zone(call).await?;
        let text = format!("Your time zone is {}; it is {} there.", code(&zone), clock(call.now_ms, &zone));
        let footer = format!("{}timezone <zone> changes it", call.prefix());
        return Ok(Document::text(Colour::Info, text).footer(footer).into());
    };
    let set = Map::from_iter([("timezone".to_owned(), json!(wanted))]);
    let changed = call.change(Aggregate::User(call.context.user), "time", set).await?;
    let zone = changed.settings("time").text("time", "timezone").unwrap_or_else(|| "UTC".to_owned());
    let text = format!("Your time zone is now {}; it is {} there.", code(&zone), clock(call.now_ms, &zone));
    Ok(Answered { document: Document::text(Colour::Success, text), position: Some(changed.position) })
}

/// The zone that somebody chose, else the one that their client knows.
async fn zone(call: &Call<'_>) -> Result<String, Problem> {
    let settings = call.settings(Aggregate::User(call.context.user)).await?;
    let chosen = settings.stored("time").values.get("timezone").and_then(Value::as_str).map(str::to_owned);
    Ok(chosen.unwrap_or_else(|| call.context.timezone.clone()))
}

fn said_ms(call: &Call<'_>) -> i64 {
    call.context.said_ms.unwrap_or(call.now_ms).clamp(call.now_ms - WAITED_MS, call.now_ms)
}

fn due(call: &Call<'_>, zone: &str) -> Result<i64, Problem> {
    let resolved = call.args.moment("when").map(|moment| moment.resolve(said_ms(call), zone));
    match resolved {
        Some(Ok(due_ms)) => Ok(due_ms),
        Some(Err(error)) => {
            Err(Problem::new(422, "invalid-time", "The time does not fit", format!("That does not work: {error}.")))
        }
        None => Err(Problem::new(422, "invalid-time", "The time does not fit", "I cannot read that time.")),
    }
}

/// Asks the decider; the time in it counts from when the command was said.
async fn ask(
    call: &Call<'_>,
    kind: &str,
    body: &(impl serde::Serialize + Sync),
) -> Result<(Value, (i32, i64), String), Problem> {
    let aggregate = Aggregate::User(call.context.user);
    let mut request = call.request(aggregate, kind, body);
    request.at_ms = said_ms(call);
    let answer = call.api.ask(aggregate, &request).await?;
    let json = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok((json, (answer.partition, answer.position), zone(call).await?))
}

fn clock(at_ms: i64, zone: &str) -> String {
    moment_text(at_ms, zone).unwrap_or_default()
}

fn when(due_ms: i64, now_ms: i64, zone: &str) -> String {
    // Whole seconds: the parts below are not what anybody means.
    let ahead = (due_ms - now_ms).max(0) / 1_000 * 1_000;
    let ahead = if ahead == 0 { "now".to_owned() } else { format!("in {}", duration_text(ahead)) };
    match moment_text(due_ms, zone) {
        Some(text) => format!("{ahead} ({text})"),
        None => ahead,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_are_listed_with_id_time_and_text_in_one_line() {
        let reminder = |id: &str, text: &str, fired_ms| Reminder {
            id: id.to_owned(),
            text: text.to_owned(),
            due_ms: 1_764_003_600_000,
            channel: None,
            guild: None,
            fired_ms,
        };
        let known = [reminder("abc", "tea\nand *rum*", None), reminder("old", "gone", Some(1))];
        let document = listed(&known, 1_764_000_000_000, "Europe/Helsinki", "!");
        assert_eq!(document.rows.len(), 1);
        let row = &document.rows[0];
        assert!(row.starts_with("`abc` in ") && row.ends_with(": tea and *rum*"), "{row}");
        assert!(row.contains("19:00"), "in the user's zone: {row}");
        assert!(listed(&[], 0, "UTC", "!").text.expect("text").contains("`!remindme"));
    }
}
