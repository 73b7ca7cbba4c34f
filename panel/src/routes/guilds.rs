use std::sync::Arc;

use axum::extract::State;
use axum::response::{Html, Response};
use maud::{Markup, html};

use crate::app::App;
use crate::clients::MyGuild;
use crate::failure::Failure;
use crate::view::{Frame, Place, empty, icon, page, picture};
use crate::visitor::SignedIn;

/// `GET /g`: the visitor's guilds; first those that can be set up now.
pub(crate) async fn mine(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    let mine = app.data.my_guilds(&signed_in.session.access).await?;
    let invite = mine.invite_url.as_deref().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let there: Vec<_> = mine.guilds.iter().filter(|guild| guild.bot_present && guild.may_manage).collect();
    let to_add: Vec<_> = mine.guilds.iter().filter(|guild| !guild.bot_present && guild.may_manage).collect();
    let others: Vec<_> = mine.guilds.iter().filter(|guild| !guild.may_manage).collect();
    let content = html! {
        header.page-head { h1 { "My servers" } p.lead { "Where Miso is, and where you may add it." } }
        @if mine.guilds.is_empty() {
            (empty("Discord says that you are in no server yet.", &add(invite, None, "Add Miso to a server")))
        }
        @if !there.is_empty() {
            section aria-labelledby="there" {
                h2 #there { "Miso is there" }
                ul.guilds { @for guild in &there { li { a.guild href=(format!("/g/{}", guild.id)) { (face(&app, guild)) (icon("arrow-right")) } } } }
            }
        }
        @if !to_add.is_empty() {
            section aria-labelledby="add" {
                h2 #add { "Add Miso" }
                p.help { "Miso asks for exactly the permissions that it needs; you can take any away." }
                ul.guilds { @for guild in &to_add { li.guild { (face(&app, guild)) (add(invite, Some(&guild.id), "Add to server")) } } }
            }
        }
        @if !others.is_empty() {
            section aria-labelledby="others" {
                h2 #others { "Yours to visit" }
                ul.guilds.quiet-list {
                    @for guild in &others {
                        li {
                            @if guild.bot_present {
                                a.guild.muted href=(format!("/g/{}", guild.id)) { (face(&app, guild)) }
                            } @else {
                                div.guild.muted { (face(&app, guild)) }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(page(&app, &signed_in.visitor, &Frame::new("My servers", Place::Me), &content))
}

fn face(app: &App, guild: &MyGuild) -> Markup {
    let says = match (&guild.reason, guild.may_manage, guild.owner) {
        (Some(reason), false, _) => reason.as_str(),
        (None, false, _) => "needs Manage Server",
        (_, true, true) => "yours",
        (_, true, false) => "you manage it",
    };
    html! {
        (picture("icons", &guild.id, guild.icon.as_deref(), &guild.name, app.pictures()))
        span.guild-words { strong { (guild.name) } small { (says) } }
    }
}

/// A link to Discord's page that adds the bot.
fn add(invite: Option<&str>, guild: Option<&str>, words: &str) -> Markup {
    let url = invite.map(|url| match guild {
        Some(guild) => {
            format!("{url}{}guild_id={guild}&disable_guild_select=true", if url.contains('?') { '&' } else { '?' })
        }
        None => url.to_owned(),
    });
    html! { @if let Some(url) = url { a.button href=(url) rel="noopener" { (icon("plus")) (words) } } }
}

/// `GET /g/switch`: the list of the rail's switcher.
pub(crate) async fn switch(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Html<String>, Failure> {
    let mine = app.data.my_guilds(&signed_in.session.access).await?;
    let there = mine.guilds.iter().filter(|guild| guild.bot_present && guild.may_manage);
    let list = html! {
        miso-filter {
            input.text type="search" aria-label="Find a server" placeholder="Find a server" autocomplete="off";
            ul {
                @for guild in there {
                    li { a href=(format!("/g/{}", guild.id)) {
                        (picture("icons", &guild.id, guild.icon.as_deref(), &guild.name, app.pictures())) span { (guild.name) }
                    } }
                }
            }
        }
        a.all href="/g" { "All my servers" }
    };
    Ok(Html(list.into_string()))
}
