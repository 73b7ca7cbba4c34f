//! Profiles, artists, albums and covers.

use miso_bot_store::{Kind, Played};
use miso_command_catalogue::{Colour, Document, ImageRole, Link, Problem};
use miso_model::UserId;

use super::super::{Answered, Call};
use super::lastfm;
use super::named::{album as album_asked, album_info, artist as artist_asked, query};
use super::shown::{aged, counted, length, number, plain, plays};
use super::whose::{listener, whose};
use super::words::of_list;
use crate::lastfm::{Answer, Artist, Lane, Profile};
use crate::problem::Refusal;

/// Tags that are shown, at most.
const TAGS: usize = 5;
/// Characters of a description.
const BIO_CHARS: usize = 400;
/// Of an artist, one's own tracks and albums that are listed.
const OWN: i64 = 5;
/// Of an album, the tracks that are listed.
const TRACKS: usize = 30;

fn link(document: Document, url: Option<&String>) -> Document {
    let action = url
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
        .map(|url| Link { label: "Last.fm".to_owned(), url: url.clone() });
    Document { actions: action.into_iter().collect(), ..document }
}

pub(super) async fn profile(call: &Call<'_>) -> Result<Answered, Problem> {
    let linked = whose(call, of_list(query(call)).target).await?;
    let found: Answer<Profile> = lastfm(call)?.get(Lane::Interactive, &["users", &linked.name], &[]).await?;
    let of = &found.data;
    let title = match of.real_name.as_deref().filter(|name| !name.is_empty()) {
        Some(real) => format!("{} ({real})", of.name),
        None => of.name.clone(),
    };
    let mut document = Document { colour: Colour::Lastfm, ..Document::default() }.titled(title);
    document = document.field("Plays", number(of.plays), true);
    for (name, count) in [("Artists", of.artists), ("Albums", of.albums), ("Tracks", of.tracks)] {
        if let Some(count) = count {
            document = document.field(name, number(count), true);
        }
    }
    if let Some(at_ms) = of.registered_at {
        document = document.field("Since", format!("<t:{}:D>", at_ms / 1_000), true);
        let days = (call.now_ms - at_ms) / 86_400_000;
        if days > 0 {
            let each = of.plays / u64::try_from(days).unwrap_or(1);
            document = document.field("Each day", plays(each), true);
        }
    }
    if let Some(country) = of.country.as_deref().filter(|country| !country.is_empty() && *country != "None") {
        document = document.field("Country", country, true);
    }
    if let Some(image) = &of.image {
        document = document.image(ImageRole::Thumbnail, image);
    }
    Ok(aged(link(document, of.url.as_ref()), &found.meta).into())
}

/// The name at Last.fm of whom it is about, where they are linked.
async fn name_of(call: &Call<'_>, target: Option<UserId>) -> Result<(UserId, Option<String>), Problem> {
    let user = target.unwrap_or(call.context.user);
    Ok((user, listener(call, user).await?.map(|listener| listener.lastfm_user)))
}

pub(super) async fn artist(call: &Call<'_>) -> Result<Answered, Problem> {
    let (target, name) = artist_asked(call).await?;
    let (user, own_name) = name_of(call, target).await?;
    let mut asked = vec![("name", &*name)];
    asked.extend(own_name.as_deref().map(|user| ("as", user)));
    let found: Answer<Artist> = lastfm(call)?.get(Lane::Interactive, &["artist"], &asked).await?;
    let of = &found.data;
    let store = call.api.store()?;
    let failed = |error| Refusal::from(error).0;
    let tracks = store.played_most(user, Some(&of.name), Kind::Tracks, OWN).await.map_err(failed)?;
    let albums = store.played_most(user, Some(&of.name), Kind::Albums, OWN).await.map_err(failed)?;
    let mut document = Document { colour: Colour::Lastfm, ..Document::default() }.titled(of.name.clone());
    document.text = of.bio.as_deref().map(|bio| cut(bio, BIO_CHARS)).filter(|bio| !bio.is_empty());
    document = document.field("Listeners", number(of.listeners), true).field("Plays", number(of.plays), true);
    if let (Some(count), Some(own)) = (of.user_plays, &own_name) {
        document = document.field(format!("Of {own}"), plays(count), true);
    }
    for (name, list) in [("Top tracks", tracks), ("Top albums", albums)] {
        if !list.is_empty() {
            document = document.field(name, lines(&list), false);
        }
    }
    if let Some(image) = &of.image {
        document = document.image(ImageRole::Thumbnail, image);
    }
    if let Some(tags) = tags(&of.tags) {
        document = document.footer(tags);
    }
    Ok(aged(link(document, of.url.as_ref()), &found.meta).into())
}

fn lines(list: &[Played]) -> String {
    let line = |played: &Played| {
        format!("{} · {}", plain(played.name.as_deref().unwrap_or(&played.artist)), plays(played.plays))
    };
    list.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn tags(tags: &[String]) -> Option<String> {
    let tags: Vec<&str> = tags.iter().take(TAGS).map(String::as_str).collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}

fn cut(text: &str, chars: usize) -> String {
    let mut shown: String = text.trim().chars().take(chars).collect();
    if shown.len() < text.trim().len() {
        shown.push('…');
    }
    shown
}

pub(super) async fn album(call: &Call<'_>) -> Result<Answered, Problem> {
    let (target, title, artist) = album_asked(call).await?;
    let (_, own_name) = name_of(call, target).await?;
    let of = album_info(call, &title, &artist, own_name.as_deref()).await?;
    let year = of.release_date.as_deref().and_then(|date| date.get(..4));
    let year = year.map(|year| format!(" ({year})")).unwrap_or_default();
    let mut document = Document { colour: Colour::Lastfm, ..Document::default() }
        .titled(format!("{} — {}{year}", of.artist.name, of.name))
        .field("Listeners", number(of.listeners), true)
        .field("Plays", number(of.plays), true);
    if let (Some(count), Some(own)) = (of.user_plays, &own_name) {
        document = document.field(format!("Of {own}"), plays(count), true);
    }
    document.rows = of
        .tracks
        .iter()
        .take(TRACKS)
        .zip(1..)
        .map(|(track, at)| {
            let long = track.duration_ms.filter(|ms| *ms > 0).map(|ms| format!(" [{}]", length(ms)));
            format!("`{at:>2}` {}{}", plain(&track.name), long.unwrap_or_default())
        })
        .collect();
    let mut footer = Vec::new();
    if !of.tracks.is_empty() {
        footer.push(counted(of.tracks.len() as u64, "track"));
    }
    footer.extend(of.duration_ms.filter(|ms| *ms > 0).map(length));
    footer.extend(tags(&of.tags));
    document.footer = (!footer.is_empty()).then(|| footer.join(" · "));
    if let Some(image) = &of.image {
        document = document.image(ImageRole::Thumbnail, image);
    }
    Ok(link(document, of.url.as_ref()).into())
}

pub(super) async fn cover(call: &Call<'_>) -> Result<Answered, Problem> {
    let (_, title, artist) = album_asked(call).await?;
    let of = album_info(call, &title, &artist, None).await?;
    let named = format!("{} — {}", of.artist.name, of.name);
    Ok(match &of.image {
        Some(image) => {
            let document = Document { colour: Colour::Lastfm, ..Document::default() };
            document.titled(named).image(ImageRole::Main, image).into()
        }
        None => Document::text(Colour::Lastfm, format!("Last.fm has no cover of **{}**.", plain(&of.name))).into(),
    })
}
