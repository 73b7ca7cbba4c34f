use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_groups::consumer_group;

use super::handlers::credential;
use super::{behind, operations, shown, thousands};
use crate::app::App;
use crate::failure::Failure;
use crate::operations::{GroupSeen, Member};
use crate::view::{ago, banner, csrf_field, date_time, dot, icon};
use crate::visitor::SignedIn;
use miso_http::now_ms;

/// From so far behind on a group is marked, milliseconds.
const LATE_MS: i64 = 60_000;
/// Partitions of a group that are shown: those with the most records.
const PARTITIONS: usize = 20;

/// `GET /ops/groups`.
pub(crate) async fn list(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    let operations = operations(&app, &signed_in)?;
    let (seen, members) = tokio::try_join!(operations.groups_seen(now_ms()), operations.members(None))?;
    let handlers = operations.groups.as_ref().map(|groups| groups.list()).unwrap_or_default();
    let content = html! {
        header.page-head {
            h1 { "Groups" }
            p.lead { "Who reads the log, and how far each has come. " a href="/ops/handlers/new" { "Make a handler group" } "." }
        }
        @if !handlers.is_empty() {
            section aria-labelledby="handlers" {
                h2 #handlers { "Handler groups" }
                div.scroll tabindex="0" role="region" aria-label="Table of handler groups" {
                    table.ops-table {
                        caption.hidden { "Groups of handlers, with their members" }
                        thead { tr { th scope="col" { "Group" } th.num scope="col" { "Members" } th.num scope="col" { "Servers" } th.num scope="col" { "Not acknowledged" } th scope="col" { "Last heard" } th scope="col" { "Made" } } }
                        tbody {
                            @for group in &handlers {
                                @let mine: Vec<&Member> = members.iter().filter(|member| member.group == group.name).collect();
                                tr {
                                    th scope="row" { a href={ "/ops/groups/" (consumer_group(&group.name)) } { (group.name) } }
                                    td.num { (mine.len()) }
                                    td.num { (mine.iter().map(|member| member.guilds).sum::<usize>()) }
                                    td.num { (mine.iter().map(|member| member.pending).sum::<usize>()) }
                                    td { @match mine.first() { Some(member) => { (ago(member.seen_ms, now_ms())) } None => { span.muted { "never" } } } }
                                    td { (date_time(group.created_ms)) }
                                }
                            }
                        }
                    }
                }
            }
        }
        section aria-labelledby="lag" {
            h2 #lag { "Positions" }
            (lag_table(&seen))
        }
    };
    Ok(shown(&app, &signed_in, "Groups", &content))
}

fn late(seen: &GroupSeen) -> bool {
    seen.behind_ms.is_some_and(|ms| ms > LATE_MS)
}

fn lag_table(seen: &[GroupSeen]) -> Markup {
    html! {
        @if seen.is_empty() { p.muted { "No group has a position yet." } }
        @else {
            div.scroll tabindex="0" role="region" aria-label="Table of positions of groups" {
                table.ops-table {
                    caption.hidden { "Groups and what they have not passed yet" }
                    thead { tr { th scope="col" { "Group" } th scope="col" { "State" } th.num scope="col" { "Behind, records" } th.num scope="col" { "Behind, time" } th.num scope="col" { "Partitions" } } }
                    tbody {
                        @for one in seen {
                            tr {
                                th scope="row" { a href={ "/ops/groups/" (one.name) } { code { (one.name) } } }
                                td { @if late(one) { (dot("warn", "late")) " late" } @else { (dot("ok", "keeps up")) " keeps up" } }
                                td.num { (thousands(one.records)) }
                                td.num { (behind(one.behind_ms)) }
                                td.num { (one.partitions.len()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A group's name as the log has it, and the handler group that it is of.
fn handler_of(name: &str) -> Option<&str> {
    name.strip_prefix(consumer_group("").as_str()).filter(|name| !name.is_empty())
}

/// `GET /ops/groups/{group}`.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let content = group_page(&app, &signed_in, &name, &html! {}).await?;
    Ok(shown(&app, &signed_in, &name, &content))
}

async fn group_page(app: &App, signed_in: &SignedIn, name: &str, notice: &Markup) -> Result<Markup, Failure> {
    let operations = operations(app, signed_in)?;
    let handler = handler_of(name);
    let known = handler.and_then(|handler| operations.groups.as_ref()?.group(handler));
    let seen = operations.group_seen(name, now_ms()).await?;
    if seen.partitions.is_empty() && known.is_none() {
        return Err(Failure::NotFound);
    }
    let members = match handler {
        Some(handler) => operations.members(Some(handler)).await?,
        None => Vec::new(),
    };
    Ok(html! {
        header.page-head {
            h1 { code { (name) } }
            p.lead {
                (thousands(seen.records)) " records behind"
                @if let Some(ms) = seen.behind_ms { ", the oldest of them " (behind(Some(ms))) " old" }
                "."
            }
        }
        (notice)
        @if late(&seen) && members.is_empty() && handler.is_some() {
            (banner("warn", &html! { p { "No handler of this group is there. Its events wait in the log for as long as retention keeps them." } }))
        }
        @if let Some(group) = &known {
            section aria-labelledby="members" {
                h2 #members { "Members" }
                (member_table(&members))
            }
            section aria-labelledby="credential" {
                h2 #credential { "Credential" }
                p { (group.secrets.len()) @if group.secrets.len() == 1 { " secret is" } @else { " secrets are" } " valid. A new one is shown once; the one before stays valid until the next rotation." }
                form method="post" action=(format!("/ops/groups/{name}/rotate")) {
                    (csrf_field(&signed_in.session.csrf))
                    button type="submit" { (icon("rotate-ccw")) "Make a new secret" }
                }
            }
        }
        section aria-labelledby="positions" {
            h2 #positions { "Positions" }
            @if seen.partitions.is_empty() { p.muted { "It has no position yet." } }
            @else {
                div.scroll tabindex="0" role="region" aria-label="Table of positions" {
                    table.ops-table {
                        caption.hidden { "Positions by partition, those with the most records first" }
                        thead { tr { th scope="col" { "Topic" } th.num scope="col" { "Partition" } th.num scope="col" { "Next" } th.num scope="col" { "Behind" } } }
                        tbody {
                            @for lag in seen.partitions.iter().take(PARTITIONS) {
                                tr {
                                    th scope="row" { code { (lag.topic.name) } }
                                    td.num { (lag.partition) }
                                    td.num { @match lag.next { Some(next) => { a href=(format!("/ops/tail?topic={}&partition={}&offset={next}", lag.topic.name, lag.partition)) { (next) } } None => { "none" } } }
                                    td.num { (thousands(lag.records)) }
                                }
                            }
                        }
                    }
                }
                @if seen.partitions.len() > PARTITIONS { p.muted { "And " (seen.partitions.len() - PARTITIONS) " more, none further behind." } }
            }
        }
    })
}

fn member_table(members: &[Member]) -> Markup {
    html! {
        @if members.is_empty() { p.muted { "None is connected. One that comes back finds what it missed." } }
        @else {
            div.scroll tabindex="0" role="region" aria-label="Table of members" {
                table.ops-table {
                    caption.hidden { "Sessions of the group's handlers" }
                    thead { tr { th scope="col" { "Session" } th scope="col" { "Slice" } th.num scope="col" { "Servers" } th.num scope="col" { "Not acknowledged" } th scope="col" { "Last heard" } } }
                    tbody {
                        @for member in members {
                            tr {
                                th scope="row" { code { (member.session) } }
                                td { @match member.shard { Some((shard, count)) => { (shard) " of " (count) } None => { span.muted { "whole" } } } }
                                td.num { (member.guilds) }
                                td.num { (member.pending) }
                                td { (ago(member.seen_ms, now_ms())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `POST /ops/groups/{group}/rotate`: a new secret, shown once.
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let operations = operations(&app, &signed_in)?;
    let (handler, groups) = handler_of(&name).zip(operations.groups.as_ref()).ok_or(Failure::NotFound)?;
    let secret = groups
        .rotate(handler)
        .await
        .map_err(|error| Failure::new(409, "not-rotated", "No new secret was made", error.to_string()))?;
    tracing::info!(group = handler, by = %signed_in.session.user, "a handler group got a new secret");
    let content = group_page(&app, &signed_in, &name, &credential(&secret)).await?;
    Ok(shown(&app, &signed_in, &name, &content))
}
