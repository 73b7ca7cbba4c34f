//! The datasets, a file each: columns, queries, and the rows that a record gives.

pub(crate) mod actions;
pub(crate) mod commands;
pub(crate) mod facts;
pub(crate) mod listens;
pub(crate) mod members;
pub(crate) mod messages;
pub(crate) mod reactions;
pub(crate) mod records;

use miso_log::{Record, Schemas, Topic};
use miso_model::{EventView, GatewayEvent, LogRecord, RecordError};
use serde::{Deserialize, Deserializer};

use crate::Cell;
use crate::shown::masked;

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Its bytes.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Discord's JSON in it.
    #[error("Discord's JSON cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// A record and how it shall be read.
pub(crate) struct Rows<'a> {
    pub(crate) topic: Topic,
    pub(crate) record: &'a Record,
    pub(crate) schemas: &'a Schemas,
    pub(crate) with_content: bool,
}

impl<'a> Rows<'a> {
    /// The record's bytes; none of a tombstone.
    pub(crate) fn value(&self) -> Option<&'a [u8]> {
        self.record.value.as_deref()
    }

    /// The record as `T`. `None`: it is another.
    pub(crate) fn decode<T: LogRecord>(&self) -> Result<Option<T>, Unreadable> {
        let Some(value) = self.value() else { return Ok(None) };
        if !T::codec().wrote(value) && self.schemas.name_of(value).is_some_and(|name| name != T::codec().name) {
            return Ok(None);
        }
        Ok(Some(self.schemas.decode(value)?))
    }

    /// Calls `with` for a dispatch of Discord's; other records of the topic are passed over.
    pub(crate) fn event(&self, with: impl FnOnce(&EventView<'_>) -> Result<(), Unreadable>) -> Result<(), Unreadable> {
        let Some(value) = self.value() else { return Ok(()) };
        if let Some(event) = EventView::decode(value)? {
            return with(&event);
        }
        let Some(event) = self.decode::<GatewayEvent>()? else { return Ok(()) };
        with(&EventView {
            shard: event.shard,
            shard_count: event.shard_count,
            session_id: &event.session_id,
            sequence: event.sequence,
            epoch: event.epoch,
            received_at_ms: event.received_at_ms,
            event_type: &event.event_type,
            guild_id: event.guild_id,
            channel_id: event.channel_id,
            user_id: event.user_id,
            d: &event.d,
        })
    }

    /// What people wrote, or its length.
    pub(crate) fn content<'b>(&self, text: &'b str) -> Cell<'b> {
        if self.with_content { Cell::text(text) } else { Cell::owned(masked(text)) }
    }

    /// The last columns of every dataset: where the row comes from.
    pub(crate) fn place(&self) -> [Cell<'static>; 2] {
        [Cell::Integer(self.record.partition.into()), Cell::Integer(self.record.offset)]
    }
}

/// One of Discord's ids in its JSON: a string, seldom a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) u64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        miso_model::Snowflake::deserialize(deserializer).map(|id| Self(id.0))
    }
}

/// How many entries a JSON array has, without keeping them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;
        impl<'de> serde::de::Visitor<'de> for Counting {
            type Value = Count;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
            fn visit_unit<E>(self) -> Result<Count, E> {
                Ok(Count(0))
            }
        }
        deserializer.deserialize_any(Counting)
    }
}

/// Discord's ISO 8601 time as Unix milliseconds.
pub(crate) fn moment(text: Option<&str>) -> Option<i64> {
    text?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}
