//! A topic, record by record: what is exported when no dataset is named.

use serde_json::Value;

use crate::datasets::{Rows, Unreadable};
use crate::{Cell, Column, Kind, line};

pub(crate) const COLUMNS: &[Column] = &[
    Column::new("time", Kind::Time, "the record's timestamp"),
    Column::new("partition", Kind::Integer, "partition of the topic"),
    Column::new("offset", Kind::Integer, "offset there"),
    Column::maybe("key", Kind::Text, "the record's key"),
    Column::maybe("record", Kind::Text, "the record's name; empty for a tombstone"),
    Column::maybe("event", Kind::Text, "Discord's event"),
    Column::maybe("guild_id", Kind::Id, "the guild of an event"),
    Column::maybe("channel_id", Kind::Id, "the channel of an event"),
    Column::maybe("user_id", Kind::Id, "the user of an event"),
    Column::maybe("data", Kind::Text, "JSON; what people wrote is its length unless `--with-content`"),
];

pub(crate) fn rows(rows: &Rows<'_>, each: &mut dyn FnMut(&[Cell<'_>])) -> Result<(), Unreadable> {
    let shown = line(rows.topic, rows.record, rows.schemas, rows.with_content);
    if shown.unreadable {
        // Says what is wrong with it.
        rows.event(|event| Ok(serde_json::from_slice::<serde::de::IgnoredAny>(event.d).map(drop)?))?;
        if let Some(value) = rows.value() {
            rows.schemas.to_json(value)?;
        }
        return Ok(());
    }
    let json = &shown.json;
    let text = |name: &str| json[name].as_str().map_or(Cell::Null, Cell::text);
    let id = |name: &str| Cell::id(json[name].as_str().and_then(|id| id.parse().ok()));
    let data = match &json["data"] {
        Value::Null => Cell::Null,
        data => Cell::owned(data.to_string()),
    };
    let [partition, offset] = rows.place();
    each(&[
        Cell::Time(rows.record.timestamp_ms),
        partition,
        offset,
        text("key"),
        text("record"),
        text("event"),
        id("guild"),
        id("channel"),
        id("user"),
        data,
    ]);
    Ok(())
}
