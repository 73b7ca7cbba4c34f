//! Dataset `members`.

use std::borrow::Cow;

use miso_log::catalogue;
use serde::Deserialize;

use crate::dataset::About;
use crate::datasets::{Count, Id, Rows, Unreadable, moment};
use crate::{Cell, Column, Kind};

const COLUMNS: &[Column] = &[
    Column::new("time", Kind::Time, "when Miso received the event"),
    Column::new("event", Kind::Text, "`joined`, `updated`, `left`, `banned` or `unbanned`"),
    Column::maybe("guild_id", Kind::Id, "the guild"),
    Column::new("user_id", Kind::Id, "the member"),
    Column::maybe("bot", Kind::Flag, "whether it is a bot"),
    Column::maybe("joined_at", Kind::Time, "when the member joined, as Discord says"),
    Column::maybe("roles", Kind::Integer, "number of roles"),
    Column::maybe("pending", Kind::Flag, "whether the guild's rules are not accepted yet"),
    Column::maybe("boosting_since", Kind::Time, "since when the member boosts the guild"),
    Column::new("event_id", Kind::Text, "the event's id, `session/sequence`"),
    Column::new("partition", Kind::Integer, "partition of `gateway.events`"),
    Column::new("offset", Kind::Integer, "offset there"),
];

pub(crate) const ABOUT: About = About {
    name: "members",
    doc: "Members that joined, changed, left, were banned and unbanned: a row for each event.",
    topics: &[catalogue::GATEWAY_EVENTS],
    columns: COLUMNS,
    queries: [
        (
            "joins and departures by day",
            "select cast(cast(time as timestamp) as date) as on_day, count(*) filter (event = 'joined') as joined, \
             count(*) filter (event = 'left') as gone from {files} group by on_day order by on_day",
        ),
        (
            "who left within an hour of joining",
            "select l.guild_id, l.user_id, min(cast(l.time as timestamp) - cast(j.time as timestamp)) as stayed \
             from {files} j join {files} l on l.guild_id = j.guild_id and l.user_id = j.user_id and l.event = 'left' \
             where j.event = 'joined' and l.time > j.time group by l.guild_id, l.user_id \
             having stayed < interval 1 hour order by stayed limit 20",
        ),
        (
            "bans by guild",
            "select guild_id, count(*) as bans from {files} where event = 'banned' group by guild_id order by bans desc",
        ),
    ],
};

#[derive(Deserialize)]
struct Member<'a> {
    user: User,
    #[serde(borrow, default)]
    joined_at: Option<Cow<'a, str>>,
    #[serde(default)]
    roles: Option<Count>,
    #[serde(default)]
    pending: Option<bool>,
    #[serde(borrow, default)]
    premium_since: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct User {
    id: Id,
    #[serde(default)]
    bot: bool,
}

pub(crate) fn rows(rows: &Rows<'_>, each: &mut dyn FnMut(&[Cell<'_>])) -> Result<(), Unreadable> {
    rows.event(|event| {
        let kind = match event.event_type {
            "GUILD_MEMBER_ADD" => "joined",
            "GUILD_MEMBER_UPDATE" => "updated",
            "GUILD_MEMBER_REMOVE" => "left",
            "GUILD_BAN_ADD" => "banned",
            "GUILD_BAN_REMOVE" => "unbanned",
            _ => return Ok(()),
        };
        let member: Member<'_> = serde_json::from_slice(event.d)?;
        let time = |text: Option<&str>| moment(text).map_or(Cell::Null, Cell::Time);
        let [partition, offset] = rows.place();
        each(&[
            Cell::Time(event.received_at_ms),
            Cell::text(kind),
            Cell::id(event.guild_id.map(|id| id.0)),
            Cell::Id(member.user.id.0),
            Cell::Flag(member.user.bot),
            time(member.joined_at.as_deref()),
            member.roles.map_or(Cell::Null, |roles| Cell::count(roles.0)),
            member.pending.map_or(Cell::Null, Cell::Flag),
            time(member.premium_since.as_deref()),
            Cell::owned(event.id()),
            partition,
            offset,
        ]);
        Ok(())
    })
}
