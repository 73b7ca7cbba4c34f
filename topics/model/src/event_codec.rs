//! The event envelope without copies: the one record that flows tens of thousands of times a
//! second. Held to the Avro library by a property test.

use bytes::Bytes;

use crate::avro::{RecordError, SINGLE_OBJECT_HEADER_LEN, written_fingerprint};
use crate::{ChannelId, GatewayEvent, GuildId, LogRecord, UserId};

/// A [`GatewayEvent`] whose text and payload are slices of the record's own bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventView<'a> {
    /// Index of the upstream shard.
    pub shard: i32,
    /// Number of upstream shards.
    pub shard_count: i32,
    /// Discord's session id.
    pub session_id: &'a str,
    /// Discord's sequence.
    pub sequence: i64,
    /// Epoch of the shard's owner.
    pub epoch: i64,
    /// Unix milliseconds.
    pub received_at_ms: i64,
    /// Discord's `t`.
    pub event_type: &'a str,
    /// The guild, where known.
    pub guild_id: Option<GuildId>,
    /// The channel, where known.
    pub channel_id: Option<ChannelId>,
    /// The user, where known.
    pub user_id: Option<UserId>,
    /// Discord's JSON.
    pub d: &'a [u8],
}

impl<'a> EventView<'a> {
    /// Reads a record of `gateway.events`. `None` when the record is of another kind or version:
    /// the caller then tries the topic's other records.
    ///
    /// # Errors
    /// [`RecordError::Malformed`] is never returned for bytes that [`EventView::encode`] wrote; cut
    /// or foreign bytes give [`RecordError::NotSingleObject`].
    pub fn decode(bytes: &'a [u8]) -> Result<Option<Self>, RecordError> {
        if !GatewayEvent::codec().wrote(bytes) {
            written_fingerprint(bytes)?;
            return Ok(None);
        }
        let mut cursor = Cursor(&bytes[SINGLE_OBJECT_HEADER_LEN..]);
        cursor.event().map(Some).ok_or(RecordError::NotSingleObject(bytes.len()))
    }

    /// Single-object encoding: the same bytes as [`LogRecord::to_bytes`].
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(
            SINGLE_OBJECT_HEADER_LEN + 96 + self.session_id.len() + self.event_type.len() + self.d.len(),
        );
        out.extend_from_slice(&[0xC3, 0x01]);
        out.extend_from_slice(&GatewayEvent::codec().fingerprint.to_le_bytes());
        put_long(&mut out, i64::from(self.shard));
        put_long(&mut out, i64::from(self.shard_count));
        put_bytes(&mut out, self.session_id.as_bytes());
        put_long(&mut out, self.sequence);
        put_long(&mut out, self.epoch);
        put_long(&mut out, self.received_at_ms);
        put_bytes(&mut out, self.event_type.as_bytes());
        put_optional(&mut out, self.guild_id.map(|id| id.0));
        put_optional(&mut out, self.channel_id.map(|id| id.0));
        put_optional(&mut out, self.user_id.map(|id| id.0));
        put_bytes(&mut out, self.d);
        out.into()
    }

    /// The event's id, the same for a repeat: `session/sequence`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.session_id, self.sequence)
    }
}

fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while zigzag >= 0x80 {
        out.push((zigzag & 0x7f) as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, i64::try_from(bytes.len()).expect("a record is smaller than i64::MAX"));
    out.extend_from_slice(bytes);
}

fn put_optional(out: &mut Vec<u8>, id: Option<u64>) {
    match id {
        None => put_long(out, 0),
        Some(id) => {
            put_long(out, 1);
            put_long(out, id.cast_signed());
        }
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn event(&mut self) -> Option<EventView<'a>> {
        Some(EventView {
            shard: i32::try_from(self.long()?).ok()?,
            shard_count: i32::try_from(self.long()?).ok()?,
            session_id: self.text()?,
            sequence: self.long()?,
            epoch: self.long()?,
            received_at_ms: self.long()?,
            event_type: self.text()?,
            guild_id: self.optional()?.map(GuildId),
            channel_id: self.optional()?.map(ChannelId),
            user_id: self.optional()?.map(UserId),
            d: self.bytes()?,
        })
    }

    fn long(&mut self) -> Option<i64> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.long()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn optional(&mut self) -> Option<Option<u64>> {
        match self.long()? {
            0 => Some(None),
            1 => self.long().map(|id| Some(id.cast_unsigned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn event()(
            shard in any::<i32>(), shard_count in any::<i32>(), session_id in ".*", sequence in any::<i64>(),
            epoch in any::<i64>(), received_at_ms in any::<i64>(), event_type in "[A-Z_]*",
            guild in any::<Option<u64>>(), channel in any::<Option<u64>>(), user in any::<Option<u64>>(),
            d in proptest::collection::vec(any::<u8>(), 0..300),
        ) -> GatewayEvent {
            GatewayEvent {
                shard, shard_count, session_id, sequence, epoch, received_at_ms, event_type,
                guild_id: guild.map(GuildId), channel_id: channel.map(ChannelId), user_id: user.map(UserId),
                d: d.into(),
            }
        }
    }

    fn view(event: &GatewayEvent) -> EventView<'_> {
        EventView {
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
        }
    }

    proptest! {
        #[test]
        fn the_borrowed_codec_agrees_with_the_avro_library(event in event()) {
            let bytes = event.to_bytes();
            prop_assert_eq!(&view(&event).encode()[..], &bytes[..]);
            let decoded = EventView::decode(&bytes).expect("single object").expect("an event");
            prop_assert_eq!(decoded, view(&event));
            prop_assert_eq!(GatewayEvent::from_bytes(&bytes).expect("reads"), event);
        }

        #[test]
        fn a_cut_or_foreign_record_is_an_error_and_never_a_panic(
            event in event(), cut in any::<prop::sample::Index>(), noise in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let bytes = event.to_bytes();
            prop_assert!(EventView::decode(&bytes[..cut.index(bytes.len())]).is_err());
            let _ = EventView::decode(&noise);
            let mut mangled = bytes[..SINGLE_OBJECT_HEADER_LEN].to_vec();
            mangled.extend_from_slice(&noise);
            let _ = EventView::decode(&mangled);
        }
    }
}
