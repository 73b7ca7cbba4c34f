use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, PrimitiveDateTime, macros::format_description};

use super::me::oneself;
use crate::app::App;
use crate::clients::{ClientError, NewReminder, Reminder};
use crate::failure::Failure;
use crate::login::see_other;
use crate::view::{Frame, Place, csrf_field, date_time, duration, icon, page};
use crate::visitor::{FormData, SignedIn};
use miso_http::now_ms;

/// Characters of a reminder.
const TEXT_CHARS: usize = 500;
/// What a button snoozes by: minutes and words.
const SNOOZES: &[(i64, &str)] = &[(10, "10 minutes"), (60, "1 hour"), (1_440, "1 day")];

/// What was entered, and what is wrong with it.
#[derive(Debug, Default)]
struct Entered {
    text: String,
    when: String,
    error: Option<String>,
}

/// `GET /me/reminders`.
pub(crate) async fn list(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    render(&app, &signed_in, 200, &Entered::default()).await
}

/// `POST /me/reminders`: a new one, or a button of one.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    data: FormData,
) -> Result<Response, Failure> {
    let by = oneself(&signed_in.session);
    if let Some(id) = data.text("cancel") {
        app.commands.cancel_reminder(&by, id).await?;
        return see_other("/me/reminders");
    }
    if let Some((id, minutes)) = data.text("snooze").and_then(|value| value.rsplit_once(':')) {
        let minutes = minutes.parse::<i64>().ok().filter(|minutes| SNOOZES.iter().any(|(known, _)| known == minutes));
        let minutes = minutes.ok_or(Failure::NotFound)?;
        app.commands.snooze(&by, id, now_ms() + minutes * 60_000).await?;
        return see_other("/me/reminders");
    }
    let text = data.get("text").unwrap_or_default().replace('\r', "");
    let mut entered = Entered { text, when: data.get("when").unwrap_or_default().to_owned(), error: None };
    let due = when(&entered.when, data.get("utc"));
    entered.error = match (entered.text.trim(), due) {
        ("", _) => Some("Say what it is about.".to_owned()),
        (text, _) if text.chars().count() > TEXT_CHARS => {
            Some(format!("A reminder has {TEXT_CHARS} characters at most."))
        }
        (_, None) => Some("Say when, such as 2026-12-24 18:00.".to_owned()),
        (_, Some(due)) if due <= now_ms() => Some("That time has passed.".to_owned()),
        (text, Some(due_ms)) => match app.commands.remind(&by, &NewReminder { text, due_ms }).await {
            Ok(()) => return see_other("/me/reminders"),
            Err(ClientError::Refused { problem, .. }) if problem.status < 500 => Some(problem.detail),
            Err(error) => return Err(error.into()),
        },
    };
    render(&app, &signed_in, 422, &entered).await
}

/// A moment in Unix milliseconds: `utc` from scripts, which know the visitor's zone, else the
/// entered time as UTC.
fn when(entered: &str, utc: Option<&str>) -> Option<i64> {
    let ms = |at: OffsetDateTime| at.unix_timestamp() * 1_000;
    if let Some(exact) = utc.filter(|utc| !utc.is_empty()) {
        return OffsetDateTime::parse(exact, &Rfc3339).ok().map(ms);
    }
    let entered = entered.trim().replacen(' ', "T", 1);
    let at = PrimitiveDateTime::parse(&entered, format_description!("[year]-[month]-[day]T[hour]:[minute]")).ok()?;
    Some(ms(at.assume_utc()))
}

async fn render(app: &App, signed_in: &SignedIn, status: u16, entered: &Entered) -> Result<Response, Failure> {
    let mut reminders = app.commands.reminders(&oneself(&signed_in.session)).await?.reminders;
    reminders.sort_by_key(|reminder| reminder.due_ms);
    let csrf = &signed_in.session.csrf;
    let content = html! {
        header.page-head { h1 { "Reminders" } p.lead { "Miso writes to you at the second, also after an outage." } }
        form method="post" action="/me/reminders" novalidate {
            (csrf_field(csrf))
            @if let Some(error) = &entered.error { div.banner.danger role="alert" { (icon("circle-alert")) p { (error) } } }
            div.field {
                label for="text" { "What" }
                textarea #text name="text" rows="2" maxlength=(TEXT_CHARS) required aria-invalid=[entered.error.as_ref().map(|_| "true")] { "\n" (entered.text) }
            }
            div.field {
                div.field-words { label for="when" { "When" } p.help #when-help data-zone { "In UTC." } }
                miso-when {
                    input.text #when type="datetime-local" name="when" value=(entered.when) required aria-describedby="when-help";
                    input type="hidden" name="utc" value="";
                }
            }
            button.primary type="submit" { (icon("plus")) "Remind me" }
        }
        section aria-labelledby="open" {
            h2 #open { "Open" }
            @if reminders.is_empty() { p.muted { "None." } }
            ul.reminders { @for one in &reminders { (row(one, csrf)) } }
        }
    };
    Ok(page(app, &signed_in.visitor, &Frame::new("Reminders", Place::Me).status(status), &content))
}

fn row(one: &Reminder, csrf: &str) -> Markup {
    let left = (one.due_ms - now_ms()) / 1_000;
    html! {
        li {
            div {
                p { (one.text) }
                p.muted { (date_time(one.due_ms)) @if left > 0 { " · in " (duration(left)) } @else { " · due" } }
            }
            form.row-actions method="post" action="/me/reminders" {
                (csrf_field(csrf))
                details.menu {
                    summary { "Snooze" span.hidden { ": " (one.text) } }
                    div.menu-sheet { @for (minutes, words) in SNOOZES { button type="submit" name="snooze" value=(format!("{}:{minutes}", one.id)) { (words) } } }
                }
                button.icon-button type="submit" name="cancel" value=(one.id) aria-label={ "Cancel: " (one.text) } title="Cancel" { (icon("trash-2")) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_utc_unless_the_browser_says_otherwise() {
        assert_eq!(when("1970-01-01T00:01", None), Some(60_000));
        assert_eq!(when("1970-01-01 00:01", Some("")), Some(60_000));
        assert_eq!(when("1970-01-01T02:01", Some("1970-01-01T00:01:00Z")), Some(60_000));
        for wrong in ["", "tomorrow", "1970-13-01T00:00"] {
            assert_eq!(when(wrong, None), None, "{wrong}");
        }
    }
}
