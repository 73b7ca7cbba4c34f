//! What a name means: an artist, an album or a track, by name or by what is being listened to.

use miso_command_catalogue::Problem;
use miso_model::UserId;

use super::super::Call;
use super::lastfm;
use super::whose::whose;
use super::words::{Asked, of_name};
use crate::lastfm::{Album, Lane, Now, Track, TrackInfo};

/// What somebody is listening to, or did last.
pub(super) async fn playing(call: &Call<'_>, target: Option<UserId>) -> Result<Track, Problem> {
    let linked = whose(call, target).await?;
    let now: Now = lastfm(call)?.get(Lane::Interactive, &["users", &linked.name, "now"], &[]).await?.data;
    now.track.ok_or_else(|| {
        let detail = format!("`{}` has not listened to anything yet.", linked.name.replace('`', "'"));
        Problem::new(404, "nothing-listened", "Nothing played", detail)
    })
}

pub(super) fn query<'a>(call: &'a Call<'_>) -> &'a str {
    call.args.text("query").unwrap_or_default()
}

/// The artist that is asked about, and whom it is about.
pub(super) async fn artist(call: &Call<'_>) -> Result<(Option<UserId>, String), Problem> {
    let (target, asked) = of_name(query(call));
    let name = match asked {
        Asked::Playing => playing(call, target).await?.artist.name,
        Asked::Name(name) => name,
        Asked::Of { artist, .. } if query(call).contains('|') => artist,
        // `Death by Audio` is a name.
        Asked::Of { title, artist } => format!("{title} by {artist}"),
    };
    Ok((target, name))
}

/// Title and artist of the album that is asked about.
pub(super) async fn album(call: &Call<'_>) -> Result<(Option<UserId>, String, String), Problem> {
    let (target, asked) = of_name(query(call));
    let (title, artist) = match asked {
        Asked::Playing => {
            let track = playing(call, target).await?;
            let album = track.album.map(|album| album.name).filter(|name| !name.is_empty());
            let title = album.ok_or_else(|| {
                let detail = "Last.fm does not know the album of what is playing. Say `title | artist`.";
                Problem::new(404, "not-found", "No album", detail)
            })?;
            (title, track.artist.name)
        }
        Asked::Name(title) => {
            let artist = playing(call, target).await.map(|track| track.artist.name).map_err(|_| whose_is(&title))?;
            (title, artist)
        }
        Asked::Of { title, artist } => (title, artist),
    };
    Ok((target, title, artist))
}

/// Title and artist of the track that is asked about.
pub(super) async fn track(call: &Call<'_>) -> Result<(Option<UserId>, String, String), Problem> {
    let (target, asked) = of_name(query(call));
    let (title, artist) = match asked {
        Asked::Playing => {
            let track = playing(call, target).await?;
            (track.name, track.artist.name)
        }
        Asked::Name(title) => {
            let artist = playing(call, target).await.map(|track| track.artist.name).map_err(|_| whose_is(&title))?;
            (title, artist)
        }
        Asked::Of { title, artist } => (title, artist),
    };
    Ok((target, title, artist))
}

/// A title alone is taken for one of the artist who is being listened to.
fn whose_is(title: &str) -> Problem {
    let detail = format!("Whose is {}? Say `title | artist`.", super::super::code(title));
    Problem::new(422, "no-artist", "Whose?", detail)
}

/// The album as Last.fm writes it, for somebody where they are linked.
pub(super) async fn album_info(
    call: &Call<'_>,
    title: &str,
    artist: &str,
    user: Option<&str>,
) -> Result<Album, Problem> {
    let mut query = vec![("artist", artist), ("name", title)];
    query.extend(user.map(|user| ("as", user)));
    Ok(lastfm(call)?.get(Lane::Interactive, &["album"], &query).await?.data)
}

/// A track as Last.fm writes it.
pub(super) async fn track_info(call: &Call<'_>, title: &str, artist: &str) -> Result<TrackInfo, Problem> {
    Ok(lastfm(call)?.get(Lane::Interactive, &["track"], &[("artist", artist), ("name", title)]).await?.data)
}
