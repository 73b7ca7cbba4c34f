//! Dataset `listens`.

use std::borrow::Cow;

use miso_log::catalogue;
use miso_model::{Aggregate, Fact};
use serde::Deserialize;

use crate::dataset::About;
use crate::datasets::{Rows, Unreadable};
use crate::{Cell, Column, Kind};

/// The fact that holds listens.
const LISTENS_SEEN: &str = "ListensSeen";

const COLUMNS: &[Column] = &[
    Column::new("time", Kind::Time, "when it was listened to"),
    Column::maybe("user_id", Kind::Id, "the member, on Discord"),
    Column::new("lastfm_user", Kind::Text, "the member, on Last.fm"),
    Column::new("artist", Kind::Text, "the artist's name"),
    Column::maybe("album", Kind::Text, "the album's name"),
    Column::new("track", Kind::Text, "the track's name"),
    Column::new("seen", Kind::Time, "when Miso learned of it"),
    Column::new("partition", Kind::Integer, "partition of `bot.facts`"),
    Column::new("offset", Kind::Integer, "offset there"),
];

pub(crate) const ABOUT: About = About {
    name: "listens",
    doc: "What members listened to, as Last.fm told: a row for each listen.",
    topics: &[catalogue::BOT_FACTS],
    columns: COLUMNS,
    queries: [
        (
            "the artists heard most",
            "select artist, count(*) as plays, count(distinct lastfm_user) as listeners from {files} \
             group by artist order by plays desc, artist limit 20",
        ),
        (
            "who knows each artist best",
            "select artist, lastfm_user, count(*) as plays from {files} group by artist, lastfm_user \
             qualify row_number() over (partition by artist order by plays desc, lastfm_user) = 1 \
             order by plays desc, artist limit 20",
        ),
        (
            "plays by weekday and hour",
            "select dayofweek(cast(time as timestamp)) as weekday, extract(hour from cast(time as timestamp)) as hour, \
             count(*) as plays from {files} group by weekday, hour order by weekday, hour",
        ),
    ],
};

#[derive(Deserialize)]
struct Seen<'a> {
    #[serde(borrow, default)]
    lastfm_user: Cow<'a, str>,
    #[serde(borrow, default)]
    listens: Vec<Listen<'a>>,
}

#[derive(Deserialize)]
struct Listen<'a> {
    at_ms: i64,
    #[serde(borrow)]
    artist: Cow<'a, str>,
    #[serde(borrow, default)]
    album: Option<Cow<'a, str>>,
    #[serde(borrow)]
    track: Cow<'a, str>,
}

pub(crate) fn rows(rows: &Rows<'_>, each: &mut dyn FnMut(&[Cell<'_>])) -> Result<(), Unreadable> {
    let Some(fact) = rows.decode::<Fact>()?.filter(|fact| fact.kind == LISTENS_SEEN) else { return Ok(()) };
    let seen: Seen<'_> = serde_json::from_slice(&fact.body)?;
    let user = match fact.aggregate.parse() {
        Ok(Aggregate::User(user)) => Some(user.0),
        Ok(Aggregate::Guild(_)) | Err(_) => None,
    };
    for listen in &seen.listens {
        let [partition, offset] = rows.place();
        each(&[
            Cell::Time(listen.at_ms),
            Cell::id(user),
            Cell::text(&seen.lastfm_user),
            Cell::text(&listen.artist),
            listen.album.as_deref().filter(|album| !album.is_empty()).map_or(Cell::Null, Cell::text),
            Cell::text(&listen.track),
            Cell::Time(fact.at_ms),
            partition,
            offset,
        ]);
    }
    Ok(())
}
