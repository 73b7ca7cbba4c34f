//! `Send test`: what a module would send, sent once.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_settings::{Module, module};
use serde_json::Value;

use super::guild::GuildPage;
use super::modules::{module_page, prepare};
use crate::app::App;
use crate::clients::ClientError;
use crate::failure::Failure;
use crate::view::{banner, csrf_field, icon, toast};
use crate::visitor::{FormData, SignedIn};

/// Logs that can be tried: the fields of the module.
const LOGS: &[&str] = &["members", "bans", "deleted", "edited"];

/// Samples of a module: what they are called, and the field that holds the channel.
fn samples_of(module: &Module) -> Vec<(String, &'static str)> {
    match module.key {
        "greeting" | "goodbye" => vec![(module.key.to_owned(), "channel")],
        "logs" => LOGS.iter().map(|field| (format!("logs.{field}"), *field)).collect(),
        _ => Vec::new(),
    }
}

/// The buttons under a module's form; nothing where a module sends nothing.
pub(super) fn section(guild: &GuildPage, module: &Module, csrf: &str) -> Markup {
    let samples = samples_of(module);
    let off = guild.read_only().is_some();
    let channel = |field: &str| guild.settings.value(module.key, field).as_str().map(str::to_owned);
    html! {
        @if !samples.is_empty() {
            section aria-labelledby="send-test" {
                h2 #send-test { "Send test" }
                p.help { "Sends what is saved, marked as a test. Nobody is mentioned but you." }
                ul.samples {
                    @for (what, field) in &samples {
                        @let title = if module.key == "logs" { module.field(field).map_or(*field, |field| field.title) } else { module.title };
                        li {
                            form method="post" action=(format!("/g/{}/test", guild.id)) {
                                (csrf_field(csrf))
                                input type="hidden" name="what" value=(what);
                                @if module.key == "logs" { strong { (title) } }
                                button type="submit" name="to" value="me" disabled[off] { (icon("send")) "To me" span.hidden { ": " (title) } }
                                @match channel(field) {
                                    Some(id) => { button type="submit" name="to" value="channel" disabled[off] { (icon("send")) "To " (guild.choices.names.channel_shown(&id)) span.hidden { ": " (title) } } }
                                    None => { span.muted { "No channel is picked yet." } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `POST /g/{guild}/test`: `what` is a sample's name, `to` is `me` or `channel`.
pub(crate) async fn send(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
    data: FormData,
) -> Result<Response, Failure> {
    let mut guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let what = data.get("what").unwrap_or_default();
    let key = what.split('.').next().unwrap_or_default();
    let declared = module(key).ok_or(Failure::NotFound)?;
    let (_, field) = samples_of(declared).into_iter().find(|(name, _)| name == what).ok_or(Failure::NotFound)?;
    let by = guild.writing_module(key, &signed_in.session)?;
    let direct = data.get("to") == Some("me");
    let broken = guild.findings.iter().find(|finding| finding.module == key && finding.field == field);
    let (status, notice) = match broken.filter(|_| !direct) {
        Some(finding) => (422, unsent(&finding.says)),
        None => match app.commands.sample(&by, guild.id, what, direct).await {
            Ok(sent) => (200, said(&guild, &sent)),
            Err(ClientError::Refused { problem, .. }) if matches!(problem.status, 422 | 429) => {
                (problem.status, unsent(&problem.detail))
            }
            Err(error) => return Err(error.into()),
        },
    };
    prepare(&app, &signed_in, &mut guild, declared.key, declared.fields).await;
    let path = if key == "goodbye" { "greeting" } else { key };
    Ok(module_page(&app, &signed_in, &guild, path, declared, status, &notice))
}

fn said(guild: &GuildPage, sent: &Value) -> Markup {
    let place = sent.get("channel").and_then(Value::as_str);
    toast(&html! {
        @match place {
            Some(id) => { p { "A test is on its way to " (guild.choices.names.channel_shown(id)) "." } }
            None => { p { "A test is on its way to you, as a direct message. If it does not come, Discord keeps direct messages of this server from you." } }
        }
    })
}

fn unsent(why: &str) -> Markup {
    banner("danger", &html! { p { strong { "No test was sent. " } (why) } })
}
