use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{Html, Response};
use maud::{Markup, html};

use super::{operations, shown};
use crate::app::App;
use crate::failure::Failure;
use crate::view::{banner, csrf_field, dot, icon};
use crate::visitor::{FormData, SignedIn};
use miso_http::now_ms;

/// A handler that was heard within this time is connected, milliseconds.
const HEARD_MS: i64 = 120_000;
/// Where handlers connect when nothing else is said.
const DEFAULT_PROXY: &str = "ws://127.0.0.1:8080";

/// `GET /ops/handlers/new`.
pub(crate) async fn form(State(app): State<Arc<App>>, signed_in: SignedIn) -> Result<Response, Failure> {
    operations(&app, &signed_in)?;
    let content = page_of(&ask(&signed_in, "", None));
    Ok(shown(&app, &signed_in, "New handler", &content))
}

/// `POST /ops/handlers/new`: makes the group and shows its credential, once.
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    data: FormData,
) -> Result<Response, Failure> {
    let operations = operations(&app, &signed_in)?;
    let name = data.text("name").unwrap_or_default().to_owned();
    let groups = operations.groups.as_ref().ok_or_else(|| {
        Failure::new(503, "no-groups", "Groups are not made here", "Use the command line: miso group add NAME")
    })?;
    let content = match groups.add(&name, data.get("from_start").is_some()).await {
        Ok(secret) => {
            tracing::info!(group = name, by = %signed_in.session.user, "a handler group was made");
            html! {
                (credential(&secret))
                section aria-labelledby="connect" {
                    h2 #connect { "Connected?" }
                    div hx-get=(format!("/ops/handlers/{name}/light")) hx-trigger="load, every 2s" aria-live="polite" { (light_of(&name, false)) }
                }
                (lines(&app))
            }
        }
        Err(error) => ask(&signed_in, &name, Some(&error.to_string())),
    };
    let content = page_of(&content);
    Ok(shown(&app, &signed_in, "New handler", &content))
}

/// `GET /ops/handlers/{group}/light`: whether a handler of the group is there now.
pub(crate) async fn light(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Path(name): Path<String>,
) -> Result<Html<String>, Failure> {
    let members = operations(&app, &signed_in)?.members(Some(&name)).await?;
    let there = members.iter().any(|member| now_ms() - member.seen_ms < HEARD_MS);
    Ok(Html(light_of(&name, there).into_string()))
}

fn light_of(name: &str, there: bool) -> Markup {
    html! {
        p.connected {
            @if there { (dot("ok", "connected")) "A handler of " strong { (name) } " is connected." }
            @else { (dot("off", "waiting")) "Waiting for a handler of " strong { (name) } " to connect." }
        }
    }
}

fn page_of(content: &Markup) -> Markup {
    html! {
        header.page-head {
            h1 { "New handler" }
            p.lead { "A group of handlers shares the events; groups are independent. Its credential stands in for the bot's token, which stays with Miso." }
        }
        (content)
    }
}

fn ask(signed_in: &SignedIn, name: &str, error: Option<&str>) -> Markup {
    html! {
        @if let Some(error) = error { (banner("danger", &html! { p { strong { "No group was made. " } (error) "." } })) }
        form method="post" action="/ops/handlers/new" {
            (csrf_field(&signed_in.session.csrf))
            div.field {
                div.field-words { label for="name" { "Name" } p.help #name-help { "a-z, 0-9 and -, 40 characters at most." } }
                input.text #name type="text" name="name" value=(name) maxlength="40" pattern="[a-z0-9\\-]+" autocomplete="off" required aria-describedby="name-help" aria-invalid=[error.map(|_| "true")];
            }
            div.field.switch-row {
                div.field-words { label for="from-start" { "From the start" } p.help #from-start-help { "Begin with the oldest event that is kept, not with the next one." } }
                input.switch #from-start type="checkbox" role="switch" name="from_start" value="on" aria-describedby="from-start-help";
            }
            button.primary type="submit" { (icon("plus")) "Make the group" }
        }
    }
}

/// A credential, to be copied now.
pub(super) fn credential(secret: &str) -> Markup {
    html! {
        (banner("ok", &html! {
            p { strong { "This is the handlers' token. " } "It is shown once: only its hash is kept." }
        }))
        pre.credential tabindex="0" { (secret) }
    }
}

/// A library, and the lines that point it at Miso; `WS` and `HTTP` are the addresses, `HOST` without scheme.
const LIBRARIES: &[(&str, &str)] = &[
    (
        "discord.py",
        "discord.http.Route.BASE = \"HTTP/api/v10\"\ndiscord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(\"WS/\")\nclient.run(credential)",
    ),
    ("discord.js", "const client = new Client({ intents, rest: { api: \"HTTP/api\" } });\nclient.login(credential);"),
    (
        "twilight",
        "Config::builder(credential, intents).proxy_url(\"WS\")\nClient::builder().token(credential).proxy(\"HOST\", true)",
    ),
    (
        "serenity",
        "let http = HttpBuilder::new(credential).proxy(\"HTTP\").ratelimiter_disabled(true).build();\nClientBuilder::new_with_http(http, intents)",
    ),
    ("Pycord", "discord.http.Route.BASE = \"HTTP/api/v10\"\nbot.run(credential)"),
    ("disnake", "disnake.http.Route.BASE = \"HTTP/api/v10\"\nbot.run(credential)"),
    ("Nextcord", "nextcord.http.Route.BASE = \"HTTP/api/v10\"\nbot.run(credential)"),
    ("hikari", "bot = hikari.GatewayBot(credential, rest_url=\"HTTP/api/v10\")"),
    ("Eris", "const bot = new Eris(credential, { rest: { domain: \"HOST\", baseURL: \"/api/v10\", https: false } });"),
    (
        "Discordgo",
        "discordgo.EndpointDiscord = \"HTTP/\"\ndiscordgo.EndpointAPI = \"HTTP/api/v10/\"\nsession, err := discordgo.New(\"Bot \" + credential)",
    ),
    ("disgo", "disgo.New(credential, bot.WithRestClientConfigOpts(rest.WithURL(\"HTTP/api/v10\")))"),
    (
        "JDA",
        "JDABuilder.createDefault(credential)\n    .setRestConfig(new RestConfig().setBaseUrl(\"HTTP/api/v10/\"))\n    .build();",
    ),
];

fn lines(app: &App) -> Markup {
    let ws = app.config.proxy_url.as_deref().unwrap_or(DEFAULT_PROXY).trim_end_matches('/');
    let host = ws.split_once("://").map_or(ws, |(_, host)| host);
    let http = if ws.starts_with("wss://") { format!("https://{host}") } else { format!("http://{host}") };
    let put_in = |text: &str| text.replace("HTTP", &http).replace("WS", ws).replace("HOST", host);
    html! {
        section aria-labelledby="lines" {
            h2 #lines { "Point your library at it" }
            p.help { "discord.py, discord.js and twilight are tested against every version of Miso; of the others these are the places where they take another address." }
            div.records {
                @for (index, (name, lines)) in LIBRARIES.iter().enumerate() {
                    details open[index == 0] { summary { strong { (name) } } pre tabindex="0" { (put_in(lines)) } }
                }
            }
        }
    }
}
