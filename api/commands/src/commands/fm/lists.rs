//! Lists of what somebody listened to.

use miso_command_catalogue::{Colour, Document, ImageRole, Problem};

use super::super::{Answered, Call};
use super::named::query;
use super::shown::{aged, ago, counted, number, plain, plays};
use super::whose::whose;
use super::words::{Period, of_list};
use super::{lastfm, profile_of};
use crate::lastfm::{Answer, Items, Lane, Listen, Listens, Track};

/// Tracks of `fm recent`; clients page them.
const RECENT: &str = "50";
/// Entries of a list by plays.
const TOP: &str = "100";

/// `**track** by **artist**`.
pub(super) fn track_line(track: &Track) -> String {
    format!("**{}** by **{}**", plain(&track.name), plain(&track.artist.name))
}

pub(super) async fn recent(call: &Call<'_>) -> Result<Answered, Problem> {
    let linked = whose(call, of_list(query(call)).target).await?;
    let path = ["users", &*linked.name, "recent"];
    let listens: Answer<Listens> = lastfm(call)?.get(Lane::Interactive, &path, &[("limit", RECENT)]).await?;
    let row = |listen: &Listen| {
        let when = match listen.played_at {
            Some(at_ms) if !listen.now_playing => ago(at_ms),
            Some(_) | None => "🎶 now".to_owned(),
        };
        format!("{} · {when}", track_line(&listen.track))
    };
    let rows: Vec<String> = listens.data.tracks.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(Document::text(
            Colour::Lastfm,
            format!("{} has not listened to anything yet.", plain(&linked.name)),
        )
        .into());
    }
    let document = Document { rows, colour: Colour::Lastfm, ..Document::default() }
        .titled(format!("Latest tracks of {}", linked.shown()))
        .footer(format!("{} in all", plays(listens.data.total)));
    Ok(aged(document, &listens.meta).into())
}

pub(super) async fn top(call: &Call<'_>, kind: &str) -> Result<Answered, Problem> {
    let words = of_list(query(call));
    let period = words.period.unwrap_or(Period::All);
    let linked = whose(call, words.target).await?;
    let path = ["users", &*linked.name, "top", kind];
    let asked = [("period", period.code()), ("limit", TOP)];
    let items: Answer<Items> = lastfm(call)?.get(Lane::Interactive, &path, &asked).await?;
    if items.data.items.is_empty() {
        let text = format!("{} played nothing in {}.", plain(&linked.name), period.shown());
        return Ok(Document::text(Colour::Lastfm, text).into());
    }
    let row = |item: &crate::lastfm::Item| {
        let by = item.artist.as_ref().map(|artist| format!(" by {}", plain(&artist.name))).unwrap_or_default();
        format!("`#{}` **{}**{by} · {}", item.rank, plain(&item.name), plays(item.plays))
    };
    let thing = kind.trim_end_matches('s');
    let document =
        Document { rows: items.data.items.iter().map(row).collect(), colour: Colour::Lastfm, ..Document::default() }
            .titled(format!("Top {kind} of {}, {}", linked.shown(), period.shown()))
            .footer(format!("{} in all", counted(items.data.total, thing)));
    Ok(aged(document, &items.meta).into())
}

pub(super) async fn milestone(call: &Call<'_>) -> Result<Answered, Problem> {
    let n = call.args.integer("n").unwrap_or(1);
    let linked = whose(call, of_list(query(call)).target).await?;
    let path = ["users", &*linked.name, "nth"];
    let asked = n.to_string();
    let found = lastfm(call)?.get::<Listen>(Lane::Interactive, &path, &[("n", &asked)]).await;
    let listen = match found {
        Ok(found) => found.data,
        Err(problem) if problem.slug() == "not-found" => {
            let total = profile_of(call, &linked.name).await?.plays;
            let text = format!("{} has {} so far.", plain(&linked.name), plays(total));
            return Ok(Document::text(Colour::Lastfm, text).into());
        }
        Err(problem) => return Err(problem),
    };
    let mut document = Document::text(Colour::Lastfm, track_line(&listen.track)).titled(format!(
        "Track number {} of {}",
        number(n),
        linked.shown()
    ));
    if let Some(at_ms) = listen.played_at {
        document = document.field("Played", format!("<t:{}:D>", at_ms / 1_000), true);
    }
    if let Some(image) = listen.track.image() {
        document = document.image(ImageRole::Thumbnail, image);
    }
    Ok(document.into())
}
