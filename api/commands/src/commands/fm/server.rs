//! What the members of a server listen to. One member's error stays their row.

use futures_util::future::join_all;
use miso_bot_store::{Kind, Listener, Played};
use miso_command_catalogue::{Colour, Document, Problem};
use miso_model::{Aggregate, GuildId, UserId};

use super::super::{Answered, Call, code};
use super::lastfm;
use super::lists::track_line;
use super::shown::{ago, counted, plain, plays};
use crate::lastfm::{Lane, Lastfm, Now};
use crate::problem::Refusal;

/// Members whose tracks are looked up for `fm server nowplaying`, at most; those who were seen first.
const MEMBERS: i64 = 40;
/// Members that are looked up at once.
const AT_ONCE: usize = 8;
/// Rows of the other lists.
const ROWS: i64 = 100;

/// The guild, and who is left out of its lists.
pub(super) async fn here(call: &Call<'_>) -> Result<(GuildId, Vec<UserId>), Problem> {
    let aggregate = call.guild()?;
    let Aggregate::Guild(guild) = aggregate else {
        return Err(Problem::new(422, "guild-only", "Servers only", "That works in servers only."));
    };
    let hidden = call.settings(aggregate).await?.ids("lastfm", "hidden_members");
    Ok((guild, hidden.into_iter().map(UserId).collect()))
}

pub(super) async fn server(call: &Call<'_>) -> Result<Answered, Problem> {
    let (guild, hidden) = here(call).await?;
    let store = call.api.store()?;
    let failed = |error| Refusal::from(error).0;
    let of = match call.args.text("what").unwrap_or_default() {
        "nowplaying" | "np" => {
            let listeners = store.guild_listeners(guild, &hidden, MEMBERS).await.map_err(failed)?;
            return now(call, &listeners).await;
        }
        "recent" | "re" => {
            let listens = store.guild_recent(guild, &hidden, ROWS).await.map_err(failed)?;
            let row = |(user, listen): &(UserId, miso_bot_store::facts::Listen)| {
                let (track, artist) = (plain(&listen.track), plain(&listen.artist));
                format!("<@{user}> **{track}** by **{artist}** · {}", ago(listen.at_ms))
            };
            return Ok(listed(call, "Latest tracks of this server", listens.iter().map(row).collect()).into());
        }
        "topartists" | "ta" => (Kind::Artists, "Top artists of this server"),
        "topalbums" | "talb" => (Kind::Albums, "Top albums of this server"),
        _ => (Kind::Tracks, "Top tracks of this server"),
    };
    let played = store.guild_played_most(guild, of.0, &hidden, ROWS).await.map_err(failed)?;
    let row = |(played, rank): (&Played, usize)| {
        let name = match &played.name {
            Some(name) => format!("**{}** by {}", plain(name), plain(&played.artist)),
            None => format!("**{}**", plain(&played.artist)),
        };
        format!("`#{rank}` {name} · {} by {}", plays(played.plays), counted(played.listeners, "listener"))
    };
    Ok(listed(call, of.1, played.iter().zip(1..).map(row).collect()).into())
}

/// A list, or what to do where there is none yet.
pub(super) fn listed(call: &Call<'_>, title: &str, rows: Vec<String>) -> Document {
    if rows.is_empty() {
        let command = code(&format!("{}fm set NAME", call.prefix()));
        let text = format!(
            "Nothing is known here yet. Members are counted who told me their name at Last.fm with {command} and \
             used a command of Last.fm's in this server; what they played appears within minutes."
        );
        return Document::text(Colour::Lastfm, text).titled(title);
    }
    Document { rows, colour: Colour::Lastfm, ..Document::default() }.titled(title)
}

async fn now(call: &Call<'_>, listeners: &[Listener]) -> Result<Answered, Problem> {
    let lastfm = lastfm(call)?;
    let mut rows = Vec::new();
    for together in listeners.chunks(AT_ONCE) {
        rows.extend(rows_of(lastfm, together).await);
    }
    if rows.is_empty() && !listeners.is_empty() {
        let text = format!("Nobody of {} listens to anything right now.", counted(listeners.len() as u64, "member"));
        return Ok(Document::text(Colour::Lastfm, text).into());
    }
    let count = counted(rows.len() as u64, "row");
    Ok(listed(call, "What this server listens to", rows).footer(count).into())
}

async fn rows_of(lastfm: &Lastfm, listeners: &[Listener]) -> Vec<String> {
    join_all(listeners.iter().map(|listener| row(lastfm, listener))).await.into_iter().flatten().collect()
}

/// What a member listens to; nothing where they do not; why not, where it cannot be told.
async fn row(lastfm: &Lastfm, listener: &Listener) -> Option<String> {
    let found = lastfm.get::<Now>(Lane::Interactive, &["users", &listener.lastfm_user, "now"], &[]).await;
    match found {
        Ok(now) => {
            let track = now.data.track.filter(|_| now.data.now_playing)?;
            Some(format!("<@{}> {}", listener.user, track_line(&track)))
        }
        Err(problem) => {
            let why = match problem.slug() {
                "listening-private" => "private",
                "user-not-found" => "unknown at Last.fm",
                _ => "no answer",
            };
            Some(format!("<@{}> ⚠ {why}", listener.user))
        }
    }
}
