//! The playground: a channel of the simulated Discord. A client of the simulator's control API, never
//! of Discord; there only where one is configured.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use futures_util::stream::{self, Stream};
use maud::{Markup, html};
use miso_command_catalogue::CATALOGUE;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use xxhash_rust::xxh3::xxh3_64;

use super::guild::user_names;
use super::ops::{operates, trace_steps};
use crate::app::App;
use crate::clients::{SimulatedGuild, SimulatorClient};
use crate::failure::Failure;
use crate::login::see_other;
use crate::view::{Frame, Names, Place, chat, csrf_field, empty, icon, mentioned, page};
use crate::visitor::{FormData, SignedIn};

/// Channels that are watched at once, over all visitors; beyond it a page does not move by itself.
const STREAMS: usize = 64;
static WATCHED: Semaphore = Semaphore::const_new(STREAMS);
/// How often a watched channel is looked at. The simulator has no events for its control API.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Messages that are shown.
const SHOWN: usize = 40;
/// Users that one may be.
const USERS: usize = 12;
/// Characters of a message at Discord.
const MESSAGE_CHARS: usize = 2_000;
/// What a click reacts with: what the starboard counts unless told otherwise.
const STAR: &str = "⭐";
/// What a click says.
const SUGGESTIONS: &[&str] = &["help", "ping", "choose tea or coffee", "members", "rng 1-6"];

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct View {
    #[serde(default)]
    channel: Option<u64>,
    #[serde(default, rename = "as")]
    user: Option<u64>,
    #[serde(default)]
    killed: Option<String>,
}

impl View {
    /// What came of killing the handlers.
    fn says(&self) -> Option<&'static str> {
        match self.killed.as_deref()? {
            "yes" => Some("The handlers were killed and are starting again. What is said meanwhile waits."),
            "no" => Some("Handlers can be killed only where Miso was started with MISO_FAULTS=1."),
            _ => None,
        }
    }
}

fn simulator(app: &App) -> Result<&SimulatorClient, Failure> {
    app.simulator.as_ref().ok_or(Failure::NotFound)
}

/// `GET /play?channel=…&as=…`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(view): Query<View>,
) -> Result<Response, Failure> {
    let simulator = simulator(&app)?;
    let guilds = simulator.guilds().await?;
    let wanted = view.channel.map(|id| id.to_string());
    let guild = guilds.iter().find(|guild| guild.channels.iter().any(|channel| Some(&channel.id) == wanted.as_ref()));
    let Some(guild) = guild.or(guilds.first()) else {
        let none = empty("The simulated Discord has no server.", &html! {});
        return Ok(page(&app, &signed_in.visitor, &Frame::new("Playground", Place::Public), &none));
    };
    let texts: Vec<_> = guild.channels.iter().filter(|channel| channel.kind == 0).collect();
    let channel = texts.iter().find(|channel| Some(&channel.id) == wanted.as_ref()).or(texts.first()).copied();
    let Some(channel) = channel else { return Err(Failure::NotFound) };
    let (users, names) = people(&app, &signed_in, guild).await;
    let me = signed_in.session.user.to_string();
    let chosen = view.user.map(|id| id.to_string()).filter(|id| users.iter().any(|(user, _)| user == id));
    let user = chosen.or_else(|| users.iter().find(|(id, _)| *id == me).map(|(id, _)| id.clone()));
    let user = user.or_else(|| users.first().map(|(id, _)| id.clone())).unwrap_or_default();
    let id = channel.id.parse().map_err(|_| Failure::NotFound)?;
    let messages = simulator.messages(id).await?;
    let mut names = names;
    learn(&app, &signed_in, &messages, &mut names).await;
    let csrf = &signed_in.session.csrf;
    let link = |channel: &str, user: &str| format!("/play?channel={channel}&as={user}");
    let content = html! {
        script src=(crate::assets::url("vendor/htmx-sse.js")) defer {}
        div.play {
            nav.play-channels aria-label="Channels" {
                @for other in &guilds {
                    h2 { (other.name) }
                    ul { @for one in other.channels.iter().filter(|channel| channel.kind == 0) {
                        li { a href=(link(&one.id, &user)) aria-current=[(one.id == channel.id).then_some("page")] { (icon("hash")) (one.name) } }
                    } }
                }
            }
            section.play-main aria-labelledby="channel" {
                header.play-head {
                    h1 #channel { (icon("hash")) (channel.name) }
                    form method="post" action="/play/join" {
                        (csrf_field(csrf)) (hidden(&channel.id, &user, &guild.id))
                        button type="submit" { (icon("user-plus")) "A member joins" }
                    }
                    form method="post" action="/play/drop" {
                        (csrf_field(csrf)) (hidden(&channel.id, &user, &guild.id))
                        button type="submit" title="Discord cuts the bot's connection; nothing gets lost" { "The socket drops" }
                    }
                    @if app.config.ops_url.is_some() && operates(&app, &signed_in) {
                        form method="post" action="/play/kill" {
                            (csrf_field(csrf)) (hidden(&channel.id, &user, &guild.id))
                            button type="submit" title="The bot's own handlers are aborted wherever they stand and started again; nothing gets lost" { "The handlers are killed" }
                        }
                    }
                    @if let Some(says) = view.says() { p.field-note.warn role="status" { (says) } }
                }
                div.chat hx-ext="sse" sse-connect={ "/play/events?channel=" (channel.id) } {
                    div.chat-log #chat sse-swap="chat" role="log" aria-label={ "Messages in #" (channel.name) } tabindex="0" { (chat(last(&messages), &names)) }
                }
                form.composer method="post" action="/play/say" hx-post="/play/say" hx-target="#chat" hx-swap="innerHTML" {
                    (csrf_field(csrf)) (hidden(&channel.id, "", &guild.id))
                    button.hidden type="submit" tabindex="-1" aria-hidden="true" { "Send" }
                    div.chips { @for words in SUGGESTIONS { button.chip type="submit" name="chip" value={ ">" (words) } formnovalidate { ">" (words) } } }
                    div.composer-line {
                        label.hidden for="as" { "You are" }
                        select #as name="as" { @for (id, name) in &users { option value=(id) selected[*id == user] { (name) } } }
                        label.hidden for="content" { "Message" }
                        input.text #content type="text" name="content" maxlength=(MESSAGE_CHARS) list="catalogue" autocomplete="off" placeholder={ "Message #" (channel.name) } autofocus;
                        datalist #catalogue { @for command in CATALOGUE.commands { option value={ ">" (command.name) } { (command.help) } } }
                        button.primary type="submit" { (icon("send")) span.hidden { "Send" } }
                    }
                }
            }
            aside.play-trace aria-labelledby="pipeline" {
                h2 #pipeline { "Pipeline" }
                div #trace aria-live="polite" tabindex="0" { p.muted { "Press “What happened” at a message: every step that it took, with the milliseconds." } }
            }
        }
    };
    let frame = Frame::new(format!("#{} · Playground", channel.name), Place::Public).wide();
    Ok(page(&app, &signed_in.visitor, &frame, &content))
}

fn hidden(channel: &str, user: &str, guild: &str) -> Markup {
    html! {
        input type="hidden" name="channel" value=(channel);
        input type="hidden" name="guild" value=(guild);
        @if !user.is_empty() { input type="hidden" name="as" value=(user); }
    }
}

fn last(messages: &[Value]) -> &[Value] {
    &messages[messages.len().saturating_sub(SHOWN)..]
}

/// Users that one may be, and what ids of the guild are called.
async fn people(app: &App, signed_in: &SignedIn, guild: &SimulatedGuild) -> (Vec<(String, String)>, Names) {
    let me = signed_in.session.user.to_string();
    let mut ids: Vec<String> = guild.users.iter().filter(|id| **id == me).cloned().collect();
    ids.extend(guild.users.iter().filter(|id| **id != me).take(USERS).cloned());
    let found = user_names(app, &signed_in.session, guild.id.parse().ok(), ids.clone()).await;
    let mut names = Names::of(&guild.channels, &[]);
    for (id, name) in &found {
        names.add_user(id, name);
    }
    names.add_user(&me, &signed_in.session.name);
    let users = ids.into_iter().map(|id| {
        let name = names.user_shown(&id);
        (id, name)
    });
    (users.collect(), names)
}

/// Looks up who is mentioned but not known yet.
async fn learn(app: &App, signed_in: &SignedIn, messages: &[Value], names: &mut Names) {
    let unknown: Vec<String> = mentioned(last(messages)).into_iter().filter(|id| names.user(id).is_none()).collect();
    for (id, name) in user_names(app, &signed_in.session, None, unknown).await {
        names.add_user(&id, &name);
    }
}

/// Messages of a channel as they are shown, with what the guild's channels and users are called.
async fn shown(app: &App, signed_in: &SignedIn, channel: u64, names: &mut Names) -> Result<Option<String>, Failure> {
    let messages = simulator(app)?.messages(channel).await?;
    learn(app, signed_in, &messages, names).await;
    Ok((!messages.is_empty()).then(|| chat(last(&messages), names).into_string()))
}

/// Channels of the simulated world.
async fn channel_names(app: &App) -> Names {
    let guilds = match &app.simulator {
        Some(simulator) => simulator.guilds().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let channels: Vec<_> = guilds.into_iter().flat_map(|guild| guild.channels).collect();
    Names::of(&channels, &[])
}

/// `GET /play/chat?channel=…`: the messages alone.
pub(crate) async fn messages(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(view): Query<View>,
) -> Result<Html<String>, Failure> {
    let channel = view.channel.ok_or(Failure::NotFound)?;
    let mut names = channel_names(&app).await;
    Ok(Html(shown(&app, &signed_in, channel, &mut names).await?.unwrap_or_default()))
}

/// `GET /play/events?channel=…`: the messages anew whenever they change.
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(view): Query<View>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    simulator(&app)?;
    let channel = view.channel.ok_or(Failure::NotFound)?;
    let busy = || Failure::new(503, "busy", "Too many watch", "Reload the page to see what is new.");
    let place = WATCHED.try_acquire().map_err(|_| busy())?;
    let names = channel_names(&app).await;
    let watch = (app, signed_in, names, 0_u64, place);
    let stream = stream::unfold(watch, move |(app, signed_in, mut names, mut seen, place)| async move {
        loop {
            // A simulator that is away for a moment is looked at again.
            if let Ok(Some(html)) = shown(&app, &signed_in, channel, &mut names).await {
                let mark = xxh3_64(html.as_bytes());
                if mark != seen {
                    seen = mark;
                    let event = Event::default().event("chat").data(html);
                    return Some((Ok(event), (app, signed_in, names, seen, place)));
                }
            }
            tokio::select! {
                () = app.cancel.cancelled() => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

/// `POST /play/say`.
pub(crate) async fn say(State(app): State<Arc<App>>, signed_in: SignedIn, data: FormData) -> Result<Response, Failure> {
    let simulator = simulator(&app)?;
    let (channel, user) = place(&data)?;
    let text = data.text("chip").or(data.text("content"));
    if let Some(text) = text {
        let text: String = text.chars().take(MESSAGE_CHARS).collect();
        simulator.say(channel, &user, &text).await?;
    }
    if signed_in.visitor.fragment {
        let mut names = channel_names(&app).await;
        return Ok(Html(shown(&app, &signed_in, channel, &mut names).await?.unwrap_or_default()).into_response());
    }
    see_other(&format!("/play?channel={channel}&as={user}"))
}

/// `POST /play/act`: a button of a message (`button=…`), else a star on it.
pub(crate) async fn act(State(app): State<Arc<App>>, signed_in: SignedIn, data: FormData) -> Result<Response, Failure> {
    let simulator = simulator(&app)?;
    let (channel, user) = place(&data)?;
    let message = data.text("message").ok_or(Failure::NotFound)?;
    match data.text("button") {
        Some(button) => simulator.press(channel, &user, message, button).await?,
        None => simulator.react(channel, &user, message, STAR).await?,
    }
    let mut names = channel_names(&app).await;
    Ok(Html(shown(&app, &signed_in, channel, &mut names).await?.unwrap_or_default()).into_response())
}

fn place(data: &FormData) -> Result<(u64, String), Failure> {
    let number = |name: &str| data.text(name).and_then(|id| id.parse::<u64>().ok()).ok_or(Failure::NotFound);
    Ok((number("channel")?, number("as")?.to_string()))
}

/// Names of those who join.
const NEWCOMERS: &[&str] = &["Robin", "Kai", "Sam", "Noor", "Alex", "Mika", "Jules", "Ari"];

/// `POST /play/join`: somebody new joins the guild.
pub(crate) async fn join(State(app): State<Arc<App>>, _: SignedIn, data: FormData) -> Result<Response, Failure> {
    let (channel, user) = place(&data)?;
    let guild: u64 = data.text("guild").and_then(|id| id.parse().ok()).ok_or(Failure::NotFound)?;
    let name = NEWCOMERS[rand::random_range(0..NEWCOMERS.len())];
    simulator(&app)?.join(&guild.to_string(), name).await?;
    see_other(&format!("/play?channel={channel}&as={user}"))
}

/// `POST /play/drop`: the bot's connections to Discord are cut.
pub(crate) async fn drop_gateway(
    State(app): State<Arc<App>>,
    _: SignedIn,
    data: FormData,
) -> Result<Response, Failure> {
    let (channel, user) = place(&data)?;
    simulator(&app)?.drop_gateway().await?;
    see_other(&format!("/play?channel={channel}&as={user}"))
}

/// `POST /play/kill`: the bot's own handlers are aborted; the supervisor starts them again.
pub(crate) async fn kill(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    data: FormData,
) -> Result<Response, Failure> {
    simulator(&app)?;
    let (channel, user) = place(&data)?;
    let base = app.config.ops_url.as_deref().filter(|_| operates(&app, &signed_in)).ok_or(Failure::NotFound)?;
    let asked = app.http.post(format!("{}/faults/handlers", base.trim_end_matches('/'))).send().await;
    let killed = asked.is_ok_and(|answer| answer.status().is_success());
    see_other(&format!("/play?channel={channel}&as={user}&killed={}", if killed { "yes" } else { "no" }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Traced {
    message: u64,
}

/// `GET /play/trace?message=…`: a message's way through the pipeline.
pub(crate) async fn trace(
    State(app): State<Arc<App>>,
    signed_in: SignedIn,
    Query(traced): Query<Traced>,
) -> Result<Response, Failure> {
    simulator(&app)?;
    let steps = trace_steps(&app, traced.message, operates(&app, &signed_in)).await?;
    if signed_in.visitor.fragment {
        return Ok(Html(steps.into_string()).into_response());
    }
    let content =
        html! { header.page-head { h1 { "Pipeline" } } (steps) p { a href="/play" { "Back to the playground" } } };
    Ok(page(&app, &signed_in.visitor, &Frame::new("Pipeline · Playground", Place::Public), &content))
}
