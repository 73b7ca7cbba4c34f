//! Dataset `messages`.

use std::borrow::Cow;

use miso_log::catalogue;
use serde::Deserialize;

use crate::dataset::About;
use crate::datasets::{Count, Id, Rows, Unreadable};
use crate::{Cell, Column, Kind};

const COLUMNS: &[Column] = &[
    Column::new("time", Kind::Time, "when Miso received the event"),
    Column::new("event", Kind::Text, "`created`, `updated` or `deleted`"),
    Column::new("message_id", Kind::Id, "the message"),
    Column::maybe("guild_id", Kind::Id, "the guild; empty in a direct message"),
    Column::maybe("channel_id", Kind::Id, "the channel or thread"),
    Column::maybe("user_id", Kind::Id, "who wrote it; empty where Discord does not say (deleted)"),
    Column::maybe("bot", Kind::Flag, "whether a bot wrote it"),
    Column::maybe("content", Kind::Text, "the text; its length unless `--with-content`"),
    Column::maybe("content_chars", Kind::Integer, "characters of the text"),
    Column::maybe("attachments", Kind::Integer, "number of attachments"),
    Column::maybe("embeds", Kind::Integer, "number of embeds"),
    Column::maybe("mentions", Kind::Integer, "number of users mentioned"),
    Column::maybe("reply_to", Kind::Id, "the message it answers"),
    Column::new("event_id", Kind::Text, "the event's id, `session/sequence`; a repeat has the same"),
    Column::new("partition", Kind::Integer, "partition of `gateway.events`"),
    Column::new("offset", Kind::Integer, "offset there"),
];

pub(crate) const ABOUT: About = About {
    name: "messages",
    doc: "Messages that were written, changed and deleted: a row for each event of each message.",
    topics: &[catalogue::GATEWAY_EVENTS],
    columns: COLUMNS,
    queries: [
        (
            "the busiest channels",
            "select channel_id, count(*) as messages, count(distinct user_id) as people from {files} \
             where event = 'created' group by channel_id order by messages desc, channel_id limit 10",
        ),
        (
            "messages by hour of the day",
            "select extract(hour from cast(time as timestamp)) as hour, count(*) as messages from {files} \
             where event = 'created' group by hour order by hour",
        ),
        (
            "how many of each member's messages were deleted",
            "select c.user_id, count(distinct c.message_id) as written, count(distinct d.message_id) as deleted \
             from {files} c left join {files} d on d.message_id = c.message_id and d.event = 'deleted' \
             where c.event = 'created' group by c.user_id order by deleted desc, written desc, c.user_id limit 10",
        ),
    ],
};

#[derive(Deserialize)]
struct Message<'a> {
    id: Id,
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(default)]
    author: Option<Author>,
    #[serde(default)]
    attachments: Option<Count>,
    #[serde(default)]
    embeds: Option<Count>,
    #[serde(default)]
    mentions: Option<Count>,
    #[serde(default)]
    message_reference: Option<Reference>,
}

#[derive(Deserialize)]
struct Author {
    id: Id,
    #[serde(default)]
    bot: bool,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    message_id: Option<Id>,
}

#[derive(Deserialize)]
struct Deleted {
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    ids: Vec<Id>,
}

pub(crate) fn rows(rows: &Rows<'_>, each: &mut dyn FnMut(&[Cell<'_>])) -> Result<(), Unreadable> {
    rows.event(|event| {
        let kind = match event.event_type {
            "MESSAGE_CREATE" => "created",
            "MESSAGE_UPDATE" => "updated",
            "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => {
                let deleted: Deleted = serde_json::from_slice(event.d)?;
                for id in deleted.id.into_iter().chain(deleted.ids) {
                    let empty = Message::without_text(id);
                    row(rows, event, "deleted", &empty, each);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let message: Message<'_> = serde_json::from_slice(event.d)?;
        row(rows, event, kind, &message, each);
        Ok(())
    })
}

impl Message<'_> {
    fn without_text(id: Id) -> Self {
        Self {
            id,
            content: None,
            author: None,
            attachments: None,
            embeds: None,
            mentions: None,
            message_reference: None,
        }
    }
}

fn row(
    rows: &Rows<'_>,
    event: &miso_model::EventView<'_>,
    kind: &'static str,
    message: &Message<'_>,
    each: &mut dyn FnMut(&[Cell<'_>]),
) {
    let count = |count: Option<Count>| count.map_or(Cell::Null, |count| Cell::count(count.0));
    let author = message.author.as_ref();
    let reply = message.message_reference.as_ref().and_then(|reference| reference.message_id);
    let content = message.content.as_deref();
    let [partition, offset] = rows.place();
    each(&[
        Cell::Time(event.received_at_ms),
        Cell::text(kind),
        Cell::Id(message.id.0),
        Cell::id(event.guild_id.map(|id| id.0)),
        Cell::id(event.channel_id.map(|id| id.0)),
        Cell::id(author.map(|author| author.id.0)),
        author.map_or(Cell::Null, |author| Cell::Flag(author.bot)),
        content.map_or(Cell::Null, |text| rows.content(text)),
        content.map_or(Cell::Null, |text| Cell::count(text.chars().count())),
        count(message.attachments),
        count(message.embeds),
        count(message.mentions),
        Cell::id(reply.map(|id| id.0)),
        Cell::owned(event.id()),
        partition,
        offset,
    ]);
}
