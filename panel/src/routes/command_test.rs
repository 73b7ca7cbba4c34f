//! The box that says whether a member may run a command in a channel, and why.

use maud::{Markup, html};
use miso_command_catalogue::{Asker, CATALOGUE, Command, Permissions, may_run};
use miso_model::ChannelId;
use miso_settings::Settings;
use serde_json::{Map, Value, json};

use super::guild::GuildPage;
use super::guild_commands::View;
use crate::app::App;
use crate::view::{Select, icon, markdown, picker};
use crate::visitor::SignedIn;

/// The box, with the answer where something was asked.
pub(crate) async fn test_box(
    app: &App,
    signed_in: &SignedIn,
    guild: &GuildPage,
    base: &Map<String, Value>,
    view: &View,
) -> Markup {
    let command = view.run.as_deref().and_then(|name| CATALOGUE.by_name(name));
    let answer = match (command, view.user.as_deref(), view.channel.as_deref()) {
        (Some(command), Some(user), Some(channel)) => {
            Some(test(app, signed_in, guild, base, command, user, channel).await)
        }
        _ => None,
    };
    let chosen = |value: &Option<String>| json!(value.clone().unwrap_or_default());
    let select = |id, name, search| Select {
        id,
        name,
        described_by: "test-help",
        invalid: false,
        disabled: false,
        max: 1,
        nothing: "Choose",
        search,
    };
    html! {
        section.test-box #test aria-labelledby="test-title" {
            h2 #test-title { "Would it work?" }
            p.help #test-help { "Says whether a member may run a command in a channel, and why." }
            form.columns method="get" action=(format!("/g/{}/commands#test", guild.id)) {
                div.field { label for="test-user" { "Member" }
                    (select("test-user", "user", guild.choices.member_search.as_deref()).with(&picker::members(&guild.choices, &chosen(&view.user)))) }
                div.field { label for="test-run" { "Command" }
                    (select("test-run", "run", None).with(&html! { @for command in CATALOGUE.commands { option value=(command.name) selected[view.run.as_deref() == Some(command.name)] { (command.name) } } })) }
                div.field { label for="test-channel" { "Channel" }
                    (select("test-channel", "channel", None).with(&picker::channels(&guild.choices, &chosen(&view.channel), &[0, 5], Permissions::NONE))) }
                button type="submit" { (icon("search")) "Test" }
            }
            @if let Some(answer) = answer { (answer) }
        }
    }
}

async fn test(
    app: &App,
    signed_in: &SignedIn,
    guild: &GuildPage,
    base: &Map<String, Value>,
    command: &Command,
    user: &str,
    channel: &str,
) -> Markup {
    let token = &signed_in.session.access;
    let Some(known) = guild.choices.channel(channel) else {
        return html! { p role="status" { "Pick a channel of this server." } };
    };
    let Ok(id) = user.parse() else { return html! { p role="status" { "Pick a member." } } };
    let (member, permissions) =
        tokio::join!(app.data.member(token, guild.id, id), app.data.permissions(token, guild.id, channel, Some(id)));
    let (Ok(member), Ok(permissions)) = (member, permissions) else {
        return html! { p role="status" { "This user is no member of the server." } };
    };
    let bot = known.bot_permissions;
    let stored = json!({"version": 1, "by": "", "at_ms": 0, "values": base});
    let settings = Settings::of(Map::from_iter([("commands".to_owned(), stored)]));
    let number = |text: &str| text.parse::<u64>().ok();
    let roles: Vec<u64> = member.roles.iter().filter_map(|role| number(role)).collect();
    let asker = Asker {
        user: id,
        roles: &roles,
        channel: number(channel).map(ChannelId),
        parent: None,
        permissions,
        bot_permissions: bot,
    };
    let verdict = may_run(command, &settings, &asker);
    let speaks = bot.cover(Permissions::VIEW_CHANNEL.and(Permissions::SEND_MESSAGES));
    html! {
        div.verdict.(if verdict.allowed { "ok" } else { "danger" }) role="status" {
            p {
                (icon(if verdict.allowed { "circle-check" } else { "circle-alert" })) " "
                strong { (if verdict.allowed { "Yes: " } else { "No: " }) }
                (member.shown()) (if verdict.allowed { " may" } else { " may not" }) " run " code { (command.name) } " in #" (known.name) "."
            }
            p { "Why: " (markdown(&verdict.because, &guild.choices.names)) ". " span.muted { "Said by: " (verdict.source) "." } }
            @if !speaks { p { "Miso cannot write in #" (known.name) ", so nobody would see the answer." } }
        }
    }
}
