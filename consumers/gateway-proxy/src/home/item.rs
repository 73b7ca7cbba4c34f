//! What stands behind a session's sequences, and how the ledger writes it. Pure.

use std::sync::Arc;

use miso_model::{GuildId, Payload, SentItem, SentKind};

use super::packing::{Packer, unpack};

/// What stands behind one sequence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// An event of the log.
    Event {
        partition: i32,
        offset: i64,
        bytes: u32,
    },
    /// GUILD_CREATE from state.
    Snapshot {
        guild: u64,
        bytes: u32,
    },
    /// GUILD_DELETE `unavailable: true`.
    Gone(u64),
    Ready,
    Resumed,
    /// One GUILD_MEMBERS_CHUNK from state: index, and the `d` of the op 8.
    Members {
        index: u32,
        request: Arc<str>,
    },
    /// Any other dispatch of ours: event type, a space, the JSON of `d`.
    Other(Arc<str>),
}

impl Item {
    /// What it counts in a client's window, bytes.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Event { bytes, .. } | Self::Snapshot { bytes, .. } => u64::from(*bytes),
            _ => 256,
        }
    }
}

/// Items as the ledger has them: events in a row are one.
pub(super) fn pack<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<SentItem> {
    let mut out = Vec::new();
    let mut packer = Packer::new();
    for item in items {
        if let Item::Event { partition, offset, .. } = item {
            packer.push(*partition, *offset);
            continue;
        }
        if !packer.is_empty() {
            out.push(sent_item(SentKind::Events, Some(packer.take().into()), None, None));
        }
        out.push(match item {
            Item::Event { .. } => continue,
            Item::Snapshot { guild, .. } => sent_item(SentKind::Snapshot, None, Some(GuildId(*guild)), None),
            Item::Gone(guild) => sent_item(SentKind::Gone, None, Some(GuildId(*guild)), None),
            Item::Ready => sent_item(SentKind::Ready, None, None, None),
            Item::Resumed => sent_item(SentKind::Resumed, None, None, None),
            Item::Members { index, request } => {
                sent_item(SentKind::Members, None, None, Some(format!("{index} {request}").into()))
            }
            Item::Other(text) => sent_item(SentKind::Other, None, None, Some(text.as_bytes().to_vec().into())),
        });
    }
    if !packer.is_empty() {
        out.push(sent_item(SentKind::Events, Some(packer.take().into()), None, None));
    }
    out
}

fn sent_item(kind: SentKind, events: Option<Payload>, guild_id: Option<GuildId>, json: Option<Payload>) -> SentItem {
    SentItem { kind, events, guild_id, json }
}

/// The items that were packed. What a newer version wrote keeps its sequence as an empty dispatch.
pub(crate) fn unpacked(items: &[SentItem]) -> Vec<Item> {
    let mut out = Vec::new();
    for item in items {
        let guild = item.guild_id.map_or(0, |guild| guild.0);
        let text = || item.json.as_ref().and_then(|json| std::str::from_utf8(json).ok()).unwrap_or_default();
        match &item.kind {
            SentKind::Events => {
                let places = item.events.as_ref().and_then(|events| unpack(events)).unwrap_or_default();
                out.extend(places.into_iter().map(|(partition, offset)| Item::Event {
                    partition,
                    offset,
                    bytes: UNKNOWN_BYTES,
                }));
            }
            SentKind::Snapshot => out.push(Item::Snapshot { guild, bytes: UNKNOWN_BYTES }),
            SentKind::Gone => out.push(Item::Gone(guild)),
            SentKind::Ready => out.push(Item::Ready),
            SentKind::Resumed => out.push(Item::Resumed),
            SentKind::Members => {
                let (index, request) = text().split_once(' ').unwrap_or(("0", "{}"));
                out.push(Item::Members { index: index.parse().unwrap_or(0), request: request.into() });
            }
            SentKind::Other => out.push(Item::Other(text().into())),
            SentKind::Unknown(_) => out.push(Item::Other(FILLER.into())),
        }
    }
    out
}

/// Assumed length of an item whose frame was written before a restart, bytes.
const UNKNOWN_BYTES: u32 = 1_024;
/// A dispatch that libraries ignore: keeps a sequence whose event retention has removed.
pub(crate) const FILLER: &str = "MISO_GONE {}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_survive_the_ledger() {
        let event = |offset| Item::Event { partition: 3, offset, bytes: UNKNOWN_BYTES };
        let items = [
            Item::Ready,
            event(100),
            event(101),
            Item::Gone(9),
            Item::Snapshot { guild: 4, bytes: UNKNOWN_BYTES },
            Item::Members { index: 2, request: r#"{"guild_id":"1"}"#.into() },
            Item::Other("X {}".into()),
            event(7),
            Item::Resumed,
        ];
        let packed = pack(items.iter());
        assert_eq!(packed.len(), 8, "events in a row are one");
        assert_eq!(unpacked(&packed), items);
    }

    #[test]
    fn what_a_newer_version_sent_keeps_its_sequence() {
        let item = SentItem { kind: SentKind::from("newer"), events: None, guild_id: None, json: None };
        assert_eq!(unpacked(&[item]), [Item::Other(FILLER.into())]);
    }
}
