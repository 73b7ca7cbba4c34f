//! Who in a server listens to something most, and who holds the crowns. Answered by the listening index
//! alone: one query, no call of Last.fm.
//!
//! Counted is who told their name at Last.fm, does not hide, and used a command of Last.fm's in the server:
//! this service does not know a server's members otherwise. Whoever leaves the server is left out.

use miso_bot_store::{Crown, Knower, Knowers, Wanted};
use miso_command_catalogue::{Colour, Document, Problem};
use miso_model::{Aggregate, GuildId};

use super::super::{Answered, Call};
use super::named::{album, album_info, artist, query, track, track_info};
use super::server::{here, listed};
use super::shown::{ago, counted, number, plain, plays};
use super::words::{Asked, of_list, of_name};
use crate::decide::crowns::{CLAIM_CROWN, CROWN_PLAYS, ClaimCrown};
use crate::problem::Refusal;

/// Crowns that are listed, at most.
const CROWNS: i64 = 100;

/// `whoknows`, `whoknowsalbum`, `whoknowstrack`.
pub(super) async fn whoknows(call: &Call<'_>) -> Result<Answered, Problem> {
    let (guild, hidden) = here(call).await?;
    let wanted = wanted(call).await?;
    let store = call.api.store()?;
    let failed = |error| Refusal::from(error).0;
    let known = store.whoknows(guild, &wanted, &hidden).await.map_err(failed)?;
    let mut position = None;
    let mut crowned = None;
    if let Wanted::Artist(name) = &wanted
        && call.settings(Aggregate::Guild(guild)).await?.switch("lastfm", "crowns")
        && let Some(first) = known.top.first().filter(|first| first.plays >= CROWN_PLAYS)
    {
        let artist = known.artist.clone().unwrap_or_else(|| name.clone());
        let crown = store.crown(guild, &artist).await.map_err(failed)?;
        crowned = Some(first.user);
        if crown.is_none_or(|crown| crown.user != first.user) {
            position = claim(call, guild, artist, first).await?;
        }
    }
    let own = known.top.iter().find(|knower| knower.user == call.context.user);
    let footer = match own {
        Some(own) => format!("{} · you are #{}", total(&known), own.rank),
        None => total(&known),
    };
    let row = |knower: &Knower| {
        let mark = if crowned == Some(knower.user) { "👑".to_owned() } else { format!("`#{}`", knower.rank) };
        format!("{mark} <@{}> · {}", knower.user, plays(knower.plays))
    };
    let title = format!("Who knows {}?", title(&wanted, known.artist.as_deref()));
    let rows: Vec<String> = known.top.iter().map(row).collect();
    let document = if rows.is_empty() { listed(call, &title, rows) } else { listed(call, &title, rows).footer(footer) };
    Ok(Answered { document, position })
}

async fn claim(call: &Call<'_>, guild: GuildId, artist: String, first: &Knower) -> Result<Option<(i32, i64)>, Problem> {
    let aggregate = Aggregate::Guild(guild);
    let claim = ClaimCrown { artist, user: first.user, plays: first.plays, channel: call.context.channel };
    let mut request = call.request(aggregate, CLAIM_CROWN, &claim);
    request.request_id.push_str(":crown");
    let answer = call.api.ask(aggregate, &request).await?;
    Ok(Some((answer.partition, answer.position)))
}

/// What is asked about. Names are taken as they are typed where the index knows them, and asked of Last.fm
/// only for what somebody is listening to, or for a title without its artist.
async fn wanted(call: &Call<'_>) -> Result<Wanted, Problem> {
    Ok(match call.command.name {
        "whoknowsalbum" => match of_name(query(call)).1 {
            Asked::Name(title) => {
                let (_, name, artist) = album(call).await?;
                let found = album_info(call, &name, &artist, None).await.map(|of| (of.artist.name, of.name));
                let (artist, name) = found.unwrap_or((artist, title));
                Wanted::Album { artist, name }
            }
            Asked::Playing | Asked::Of { .. } => {
                let (_, name, artist) = album(call).await?;
                Wanted::Album { artist, name }
            }
        },
        "whoknowstrack" => match of_name(query(call)).1 {
            Asked::Name(title) => {
                let (_, name, artist) = track(call).await?;
                let found = track_info(call, &name, &artist).await.map(|of| (of.artist.name, of.name));
                let (artist, name) = found.unwrap_or((artist, title));
                Wanted::Track { artist, name }
            }
            Asked::Playing | Asked::Of { .. } => {
                let (_, name, artist) = track(call).await?;
                Wanted::Track { artist, name }
            }
        },
        _ => Wanted::Artist(artist(call).await?.1),
    })
}

fn title(wanted: &Wanted, artist: Option<&str>) -> String {
    let artist = artist.unwrap_or_else(|| wanted.artist());
    match wanted {
        Wanted::Artist(_) => artist.to_owned(),
        Wanted::Album { name, .. } | Wanted::Track { name, .. } => format!("{name} by {artist}"),
    }
}

fn total(known: &Knowers) -> String {
    format!("{} by {}", plays(known.plays), counted(known.members, "member"))
}

/// `crowns`: somebody's, or the greatest of all.
pub(super) async fn crowns(call: &Call<'_>) -> Result<Answered, Problem> {
    let (guild, hidden) = here(call).await?;
    let store = call.api.store()?;
    let user = of_list(query(call)).target.unwrap_or(call.context.user);
    let failed = |error| Refusal::from(error).0;
    let crowns = if hidden.contains(&user) {
        Vec::new()
    } else {
        store.crowns(guild, Some(user), CROWNS).await.map_err(failed)?
    };
    if crowns.is_empty() {
        let text = format!(
            "<@{user}> holds no crown here. Whoever in this server played an artist most, {CROWN_PLAYS} times at \
             least, holds its crown; `whoknows` tells."
        );
        return Ok(Document::text(Colour::Lastfm, text).into());
    }
    let count = store.crowns_of(guild, user).await.map_err(failed)?;
    let row = |(crown, at): (&Crown, usize)| {
        format!("`{at:>2}` **{}** · {} · {}", plain(&crown.artist), plays(crown.plays), ago(crown.since_ms))
    };
    let rows = crowns.iter().zip(1..).map(row).collect();
    let document = Document { rows, colour: Colour::Lastfm, ..Document::default() }
        .titled(format!("👑 {} crowns", number(count)))
        .footer(counted(count, "crown"));
    let document = Document { text: Some(format!("<@{user}>")), ..document };
    Ok(document.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_written_as_lastfm_writes_the_artist() {
        let track = Wanted::Track { artist: "heejin".to_owned(), name: "Vivid".to_owned() };
        assert_eq!(title(&track, Some("HEEJIN")), "Vivid by HEEJIN");
        assert_eq!(title(&Wanted::Artist("heejin".to_owned()), None), "heejin");
        let known = Knowers { members: 1, plays: 31, ..Knowers::default() };
        assert_eq!(total(&known), "31 plays by 1 member");
    }
}
