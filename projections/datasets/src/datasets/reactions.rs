//! Dataset `reactions`.

use std::borrow::Cow;

use miso_log::catalogue;
use serde::Deserialize;

use crate::dataset::About;
use crate::datasets::{Id, Rows, Unreadable};
use crate::{Cell, Column, Kind};

const COLUMNS: &[Column] = &[
    Column::new("time", Kind::Time, "when Miso received the event"),
    Column::new("event", Kind::Text, "`added`, `removed`, `cleared` (all of the message), `cleared_emoji`"),
    Column::maybe("guild_id", Kind::Id, "the guild; empty in a direct message"),
    Column::maybe("channel_id", Kind::Id, "the channel or thread"),
    Column::new("message_id", Kind::Id, "the message"),
    Column::maybe("user_id", Kind::Id, "who reacted; empty when cleared"),
    Column::maybe("emoji", Kind::Text, "the emoji, or a custom emoji's name"),
    Column::maybe("emoji_id", Kind::Id, "a custom emoji's id"),
    Column::new("event_id", Kind::Text, "the event's id, `session/sequence`"),
    Column::new("partition", Kind::Integer, "partition of `gateway.events`"),
    Column::new("offset", Kind::Integer, "offset there"),
];

pub(crate) const ABOUT: About = About {
    name: "reactions",
    doc: "Reactions that were added, removed and cleared: a row for each event.",
    topics: &[catalogue::GATEWAY_EVENTS],
    columns: COLUMNS,
    queries: [
        (
            "the emoji used most",
            "select emoji, count(*) as times from {files} where event = 'added' group by emoji \
             order by times desc, emoji limit 20",
        ),
        (
            "the messages with most reactions left",
            "select message_id, sum(case event when 'added' then 1 when 'removed' then -1 else 0 end) as reactions \
             from {files} group by message_id order by reactions desc, message_id limit 10",
        ),
        (
            "who reacts most, by guild",
            "select guild_id, user_id, count(*) as times from {files} where event = 'added' \
             group by guild_id, user_id order by times desc, user_id limit 20",
        ),
    ],
};

#[derive(Deserialize)]
struct Reaction<'a> {
    message_id: Id,
    #[serde(default)]
    user_id: Option<Id>,
    #[serde(borrow, default)]
    emoji: Option<Emoji<'a>>,
}

#[derive(Deserialize)]
struct Emoji<'a> {
    #[serde(default)]
    id: Option<Id>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
}

pub(crate) fn rows(rows: &Rows<'_>, each: &mut dyn FnMut(&[Cell<'_>])) -> Result<(), Unreadable> {
    rows.event(|event| {
        let kind = match event.event_type {
            "MESSAGE_REACTION_ADD" => "added",
            "MESSAGE_REACTION_REMOVE" => "removed",
            "MESSAGE_REACTION_REMOVE_ALL" => "cleared",
            "MESSAGE_REACTION_REMOVE_EMOJI" => "cleared_emoji",
            _ => return Ok(()),
        };
        let reaction: Reaction<'_> = serde_json::from_slice(event.d)?;
        let emoji = reaction.emoji.as_ref();
        let [partition, offset] = rows.place();
        each(&[
            Cell::Time(event.received_at_ms),
            Cell::text(kind),
            Cell::id(event.guild_id.map(|id| id.0)),
            Cell::id(event.channel_id.map(|id| id.0)),
            Cell::Id(reaction.message_id.0),
            Cell::id(reaction.user_id.map(|id| id.0)),
            emoji.and_then(|emoji| emoji.name.as_deref()).map_or(Cell::Null, Cell::text),
            Cell::id(emoji.and_then(|emoji| emoji.id).map(|id| id.0)),
            Cell::owned(event.id()),
            partition,
            offset,
        ]);
        Ok(())
    })
}
