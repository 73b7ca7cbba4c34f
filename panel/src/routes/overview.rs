//! A guild's first page: what does not work, what is left to set up, numbers, last changes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_settings::{Scope, module, modules_of};
use serde_json::Value;

use super::audit::entry;
use super::guild::GuildPage;
use crate::app::App;
use crate::clients::{Audit, Stats};
use crate::failure::Failure;
use crate::health::is_on;
use crate::view::{Frame, bars, dot, heatmap, icon, page, sparkline};
use crate::visitor::SignedIn;

/// Days of the charts.
const DAYS: u32 = 30;
/// Changes that are shown.
const CHANGES: usize = 5;

/// `GET /g/{guild}`.
pub(crate) async fn overview(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(guild): Path<String>,
) -> Result<Response, Failure> {
    let mut guild = GuildPage::open(&app, &signed_in, &guild).await?;
    let by = guild.reading(&signed_in.session);
    let (stats, audit) =
        tokio::join!(app.commands.stats(&by, guild.id, DAYS), app.commands.audit(&by, guild.id, None, None, CHANGES),);
    let (stats, audit) = (stats.ok(), audit.ok());
    let actors = audit.iter().flat_map(|audit| &audit.entries).filter_map(|entry| entry.by.strip_prefix("user/"));
    let actors: Vec<String> = actors.map(str::to_owned).collect();
    guild.learn_users(&app, &signed_in.session, &actors).await;
    let content = html! {
        (guild.warnings())
        header.page-head {
            h1 { (guild.choices.guild.name) }
            @if let Some(count) = guild.choices.guild.member_count { p.lead { (count) " members" } }
        }
        (health(&guild))
        (checklist(&guild))
        (numbers(stats.as_ref()))
        (changes(&guild, audit.as_ref()))
    };
    let frame = Frame::new(guild.choices.guild.name.clone(), guild.place(&app, &signed_in.visitor)).wide();
    Ok(page(&app, &signed_in.visitor, &frame, &content))
}

/// Where a module is set up.
pub(crate) fn path_of(key: &str) -> &str {
    if key == "goodbye" { "greeting?tab=goodbye" } else { key }
}

fn health(guild: &GuildPage) -> Markup {
    let working =
        modules_of(Scope::Guild).filter(|module| module.field("enabled").is_some() && is_on(module, &guild.settings));
    let working: Vec<_> =
        working.filter(|module| guild.findings.iter().all(|finding| finding.module != module.key)).collect();
    html! {
        section aria-labelledby="health" {
            h2 #health { "Health" }
            ul.health {
                @for finding in &guild.findings {
                    li.(finding.state) {
                        (dot(finding.state, if finding.state == "danger" { "does not work" } else { "not ready" }))
                        span { strong { (module(finding.module).map_or(finding.module, |module| module.title)) } " " (finding.says) }
                        a.button.quiet href=(format!("/g/{}/{}#f-{}", guild.id, path_of(finding.module), finding.field.replace('_', "-"))) {
                            "Fix" span.hidden { " " (finding.says) }
                        }
                    }
                }
                @for module in &working { li.ok { (dot("ok", "works")) span { strong { (module.title) } " works." } } }
                @if guild.findings.is_empty() && working.is_empty() {
                    li.ok { (dot("ok", "works")) span { "Commands work. Nothing else is turned on yet." } }
                }
            }
        }
    }
}

fn checklist(guild: &GuildPage) -> Markup {
    let set = |module: &str, field: &str| !guild.settings.value(module, field).is_null();
    let touched = |module: &str| guild.settings.modules.get(module).is_some_and(|values| values.version > 0);
    let logs = ["members", "bans", "deleted", "edited"].iter().any(|field| set("logs", field));
    let greets = guild.settings.value("greeting", "enabled") == Value::Bool(true) && set("greeting", "channel");
    let prefix = guild.settings.value("general", "prefix");
    let steps = [
        (
            touched("general"),
            "general",
            "Choose what commands begin with",
            format!("now {}", prefix.as_str().unwrap_or(">")),
        ),
        (logs, "logs", "Pick a channel for logs", "who joins, who leaves, what is deleted".to_owned()),
        (greets, "greeting", "Greet who joins", "a message with their name in it".to_owned()),
    ];
    let done = steps.iter().filter(|(done, ..)| *done).count();
    html! {
        @if done < steps.len() {
            section aria-labelledby="set-up" {
                h2 #set-up { "Set-up " small { (done) " of " (steps.len()) " done" } }
                ol.checklist {
                    @for (done, path, title, help) in &steps {
                        li.done[*done] {
                            span.tick aria-hidden="true" { @if *done { (icon("check")) } }
                            a href=(format!("/g/{}/{path}", guild.id)) { (title) }
                            span.help {
                                (help)
                                @if *done { span.hidden { ", done" } }
                                @if *done && *path != "general" { " · " a href=(format!("/g/{}/{path}#send-test", guild.id)) { "Send test" span.hidden { " of " (path) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn numbers(stats: Option<&Stats>) -> Markup {
    let Some(stats) = stats else {
        return html! { section aria-labelledby="numbers" { h2 #numbers { "Numbers" } p.muted { "They cannot be read at the moment." } } };
    };
    let of = |value: fn(&crate::clients::Day) -> i64| -> Vec<(String, i64)> {
        stats.days.iter().map(|day| (day.day.clone(), value(day))).collect()
    };
    let (messages, joins, commands) = (of(|day| day.messages), of(|day| day.joins), of(|day| day.commands));
    let net: Vec<i64> = stats.days.iter().map(|day| day.joins - day.leaves).collect();
    let quiet = [&messages, &joins, &commands].iter().all(|points| points.iter().all(|(_, value)| *value == 0));
    html! {
        section aria-labelledby="numbers" {
            h2 #numbers { "The last " (DAYS) " days" }
            @if quiet {
                p.muted { "Nothing was counted yet. Numbers appear as members write." }
            } @else {
                div.charts {
                    (bars("chart-messages", "Messages", "accent", &messages))
                    (bars("chart-joins", "Joins", "ok", &joins))
                    (bars("chart-commands", "Commands", "info", &commands))
                    (heatmap("chart-hours", "Messages by hour", &stats.hours))
                }
                p.muted.growth {
                    "Joins less leaves: " strong { (net.iter().sum::<i64>()) } " "
                    (sparkline("Joins less leaves by day", &net))
                }
            }
        }
    }
}

fn changes(guild: &GuildPage, audit: Option<&Audit>) -> Markup {
    html! {
        section aria-labelledby="changes" {
            h2 #changes { "Last changes" }
            @match audit {
                Some(audit) if !audit.entries.is_empty() => {
                    div.audit { @for one in &audit.entries { (entry(guild, one, None)) } }
                    p { a href=(format!("/g/{}/audit", guild.id)) { "All changes" } }
                }
                Some(_) => { p.muted { "Nobody has changed anything yet." } }
                None => { p.muted { "They cannot be read at the moment." } }
            }
        }
    }
}
