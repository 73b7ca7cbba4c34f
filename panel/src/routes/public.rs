//! Pages for everybody.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use miso_command_catalogue::{CATALOGUE, Command, Group, Place as Where};

use crate::app::App;
use crate::failure::Failure;
use crate::view::{Frame, Place, dot, icon, page};
use crate::visitor::Visitor;

/// `GET /`.
pub(crate) async fn landing(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let points = [
        (
            "door-open",
            "Greets and says goodbye",
            "In your words, with the member's name, in the channel that you pick.",
        ),
        ("scroll-text", "Keeps a log", "Joins, leaves, bans, and what edited and deleted messages said."),
        ("star", "Collects the best", "Messages that members star land on a board, and fall off it again."),
        ("trophy", "Counts activity", "Levels, roles as rewards, a leaderboard. Off until you turn it on."),
        ("bell", "Notifies and reminds", "Your words in any channel, and reminders to the second."),
        ("history", "Forgets nothing it was asked", "Every change has a name and a date, and can be taken back."),
    ];
    let content = html! {
        div.landing {
            h1 { "A Discord bot that loses nothing" }
            p.lead { "Set Miso up with drop-downs, see at once what would not work and why, and take back any change." }
            p.actions {
                @if visitor.session.is_some() { a.button.primary href="/g" { "My servers" } }
                @else { a.button.primary href="/login" { "Log in with Discord" } }
                a.button href="/commands" { "What it can do" }
                @if app.simulator.is_some() { a.button href="/play" { (icon("message-circle")) "Try it in the playground" } }
            }
            ul.points { @for (icon_name, title, help) in points { li { (icon(icon_name)) div { h2 { (title) } p { (help) } } } } }
        }
    };
    page(&app, &visitor, &Frame::new("Miso", Place::Public).wide(), &content)
}

/// `GET /commands`.
pub(crate) async fn commands(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let content = html! {
        header.page-head { h1 { "Commands" } p.lead { "What follows the prefix: " code { ">" } " unless a server has chosen another; mentioning Miso always works." } }
        (groups(None))
        @for group in Group::ALL { (of_group(*group, 2)) }
    };
    page(&app, &visitor, &Frame::new("Commands", Place::Public), &content)
}

/// `GET /commands/{group}`.
pub(crate) async fn command_group(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    let group = Group::ALL.iter().find(|group| slug(group.name()) == name).ok_or(Failure::NotFound)?;
    let content = html! {
        header.page-head { h1 { (group.name()) } p.lead { "Commands of this group." } }
        (groups(Some(*group)))
        (of_group(*group, 0))
    };
    Ok(page(&app, &visitor, &Frame::new(format!("{} commands", group.name()), Place::Public), &content))
}

fn slug(name: &str) -> String {
    name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

fn members(group: Group) -> Vec<&'static Command> {
    CATALOGUE.commands.iter().filter(|command| command.group == group).collect()
}

fn groups(current: Option<Group>) -> Markup {
    html! {
        nav.tabs aria-label="Groups" {
            a href="/commands" aria-current=[current.is_none().then_some("page")] { "All" }
            @for group in Group::ALL.iter().filter(|group| !members(**group).is_empty()) {
                a href={ "/commands/" (slug(group.name())) } aria-current=[(current == Some(*group)).then_some("page")] { (group.name()) }
            }
        }
    }
}

fn of_group(group: Group, heading: u8) -> Markup {
    let commands = members(group);
    html! {
        @if !commands.is_empty() {
            section.catalogue {
                @if heading == 2 { h2 #{ "group-" (slug(group.name())) } { (group.name()) } }
                dl { @for command in commands { (one(command)) } }
            }
        }
    }
}

fn one(command: &Command) -> Markup {
    let needs = command.permissions.names();
    html! {
        div.command #{ "c-" (slug(command.name)) } {
            dt { code { (command.usage()) } @if !command.aliases.is_empty() { small { "also " (command.aliases.join(", ")) } } }
            dd {
                p { (command.help) }
                p.muted.facts {
                    @if let Some(example) = command.examples.last() { span { "such as " code { ">" (example) } } }
                    @if !needs.is_empty() { span { "needs " (needs.join(", ")) } }
                    @if command.place == Where::Guild { span { "in servers only" } }
                    @if let Some(cooldown) = command.cooldown { span { (cooldown.uses) " times in " (cooldown.per_ms / 1_000) " s" } }
                }
            }
        }
    }
}

/// `GET /status`: the services that this panel stands on, asked now.
pub(crate) async fn status(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let asks = |base: &str| app.http.get(base).timeout(std::time::Duration::from_secs(2)).send();
    let (commands, data) = (
        format!("{}/v1/commands", app.config.commands_url.trim_end_matches('/')),
        format!("{}/v1/me", app.config.data_url.trim_end_matches('/')),
    );
    let (commands, data) = tokio::join!(asks(&commands), asks(&data));
    // Any answer but a server error is a sign of life: this one asks without a key.
    let alive = |answer: Result<reqwest::Response, reqwest::Error>| {
        answer.is_ok_and(|answer| !answer.status().is_server_error())
    };
    let parts =
        [("Commands and settings", alive(commands)), ("Discord's data and login", alive(data)), ("This panel", true)];
    let all = parts.iter().all(|(_, works)| *works);
    let content = html! {
        header.page-head { h1 { "Status" } p.lead { (if all { "Everything works." } else { "Something is away. Nothing that was asked for is lost." }) } }
        ul.health {
            @for (name, works) in parts {
                li.(if works { "ok" } else { "danger" }) { (dot(if works { "ok" } else { "danger" }, if works { "works" } else { "is away" })) span { strong { (name) } (if works { " works." } else { " is away." }) } }
            }
        }
    };
    page(&app, &visitor, &Frame::new("Status", Place::Public), &content)
}

/// `GET /privacy`.
pub(crate) async fn privacy(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let rows = [
        (
            "Messages in servers with Miso",
            "in the event log, so that logs can say what was deleted",
            "7 days at most; one that could not be read is put aside for 30",
        ),
        (
            "Settings of servers, with who changed them",
            "to work, and to show and take back changes",
            "until the server's managers delete them",
        ),
        (
            "Your own settings: time zone, keywords, reminders",
            "to do what you asked for",
            "shown until you delete them; their words stay in the log of facts, on the operator's disk",
        ),
        (
            "Counted activity: experience, messages by hour of day",
            "for levels and leaderboards, where a server turned them on",
            "until you delete it or turn it off for yourself",
        ),
        (
            "Your login: Discord's tokens",
            "in a sealed cookie in your browser; no copy on the server's disks",
            "30 days, or until you log out",
        ),
    ];
    let content = html! {
        header.page-head { h1 { "Privacy" } p.lead { "What is kept, what for, and for how long." } }
        table.plain-table.cards {
            caption.hidden { "What is kept" }
            thead { tr { th scope="col" { "What" } th scope="col" { "What for" } th scope="col" { "How long" } } }
            tbody { @for (what, why, long) in rows { tr { th scope="row" { (what) } td data-label="What for" { (why) } td data-label="How long" { (long) } } } }
        }
        p { "What Miso holds about you, and the button that deletes it, is under " a href="/me/privacy" { "My settings → Privacy" } ". No page of the panel loads anything of others but Discord's pictures." }
    };
    page(&app, &visitor, &Frame::new("Privacy", Place::Public), &content)
}

/// `GET /terms`.
pub(crate) async fn terms(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let content = html! {
        header.page-head { h1 { "Terms" } p.lead { "Short, as they should be." } }
        ul.prose {
            li { "Miso acts in a server as its managers set it up; they are responsible for that." }
            li { "Do not use it against Discord's terms, or to trouble people." }
            li { "It comes as it is, without warranty. Who operates it may end the service to anybody who misuses it." }
            li { "What is kept about you is on the page " a href="/privacy" { "Privacy" } "." }
        }
    };
    page(&app, &visitor, &Frame::new("Terms", Place::Public), &content)
}
