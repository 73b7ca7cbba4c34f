//! Records of `proxy.groups`, `proxy.ledger` and `proxy.sessions`.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use crate::avro::log_records;
use crate::{GuildId, Payload};

text_enum! {
    /// Where a new group begins to read.
    GroupStart {
        /// With the events after its creation.
        Latest = "latest",
        /// With the oldest event that retention has kept.
        Earliest = "earliest",
    }
}

text_enum! {
    /// How a group's events are shared among its members.
    Balance {
        /// A guild's events go to one member at a time, in order.
        Guild = "guild",
        /// Each event to the least loaded member; order is kept per channel.
        Event = "event",
    }
}

/// A secret of a group: only its hash is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct HashedSecret {
    /// Random, 16 bytes.
    pub salt: Payload,
    /// SHA-256 of salt + secret (secrets are random and long, so no slow hash is needed).
    pub sha256: Payload,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// A handler group, key = name. A tombstone removes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct HandlerGroup {
    /// `[a-z0-9-]`, 1 to 40 characters.
    pub name: String,
    /// At most 2: the current one, and the one before while it is being rotated.
    pub secrets: Vec<HashedSecret>,
    /// Where it begins.
    pub start: GroupStart,
    /// Intents the group may ask for; none: whatever the upstream connection has.
    #[serde(default)]
    pub intents: Option<i64>,
    /// How long a connection must live on after a heartbeat before what it acknowledges is committed.
    pub ack_grace_ms: i64,
    /// How long the guilds of a dropped connection wait for its RESUME.
    pub resume_grace_ms: i64,
    /// Predicted wait of a REST request beyond which it is answered 429; none: never.
    #[serde(default)]
    pub accept_wait_ms: Option<i64>,
    /// How events are shared.
    pub balance: Balance,
    /// Event types that are delivered; empty: all.
    pub events: Vec<String>,
    /// Unix milliseconds.
    pub created_ms: i64,
}

/// A record for a fenced transaction that has nothing else to say: it renews the home's lease, or
/// marks the end of a topic for its reader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct HomeLease {
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// With this record a home begins: what older epochs write after it is void.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct HomeClaim {
    /// Last seen epoch + 1.
    pub epoch: i64,
    /// The home's address for edges in other processes.
    pub address: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A clean hand-back: the next owner skips every wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct HomeReleased {
    /// The epoch that ends.
    pub epoch: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
}

text_enum! {
    /// What a run of sequences in a session was.
    SentKind {
        /// Events, one sequence each: `events`.
        Events = "events",
        /// GUILD_CREATE built from state: `guild_id`.
        Snapshot = "snapshot",
        /// GUILD_DELETE `unavailable: true`: `guild_id`.
        Gone = "gone",
        /// READY.
        Ready = "ready",
        /// RESUMED.
        Resumed = "resumed",
        /// A GUILD_MEMBERS_CHUNK answered from state, rendered anew from the request: `json` is the
        /// chunk's index, a space, then the `d` of the op 8.
        Members = "members",
        /// Anything else, whole: `json`, at most 4 KiB.
        Other = "other",
    }
}

/// One item of a [`Sent`]; it covers one sequence, `events` one per event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct SentItem {
    /// Which of the fields below are set.
    pub kind: SentKind,
    /// Places in `gateway.events`, two zigzag varints each: the partition, then the offset minus the
    /// offset before it of the same partition in this item (the first: minus 0). Sessions see events
    /// of many partitions interleaved, so runs of one partition would be longer than this.
    #[serde(default)]
    pub events: Option<Payload>,
    /// The guild of a snapshot or of a guild that left.
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    /// The payload of any other dispatch: event type, a space, then the JSON of `d`; at most 4 KiB.
    #[serde(default)]
    pub json: Option<Payload>,
}

/// What is about to be sent to a session: appended before the frames go out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct Sent {
    /// Epoch of the home.
    pub home_epoch: i64,
    /// Handler session.
    pub session_id: String,
    /// Sequence of the first item; they run without gaps.
    pub first_sequence: i64,
    /// In order of sequence.
    pub items: Vec<SentItem>,
}

/// A session received everything up to a sequence. At most 5 a second per session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct Acked {
    /// Epoch of the home.
    pub home_epoch: i64,
    /// Handler session.
    pub session_id: String,
    /// Heartbeat's sequence.
    pub sequence: i64,
}

/// A session is over: a RESUME of it gets op 9 `d: false`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct Ended {
    /// Epoch of the home.
    pub home_epoch: i64,
    /// Handler session.
    pub session_id: String,
    /// For people.
    pub reason: String,
}

/// A session asked for members (op 8); chunks with this request id go to it only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct Asked {
    /// Epoch of the home.
    pub home_epoch: i64,
    /// The nonce that goes upstream.
    pub request_id: String,
    /// Handler session.
    pub session_id: String,
    /// The nonce that the client gave, to be given back to it.
    #[serde(default)]
    pub client_nonce: Option<String>,
}

/// A handler session's checkpoint, key = session id. A tombstone ends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct SessionCheckpoint {
    /// Handler group.
    pub group: String,
    /// Slice index; `None` when the client gave no shard.
    #[serde(default)]
    pub shard: Option<i32>,
    /// Slice count.
    #[serde(default)]
    pub shard_count: Option<i32>,
    /// The client's intents.
    pub intents: i64,
    /// Gateway version, 9 or 10.
    pub version: i32,
    /// Members up to which a guild's snapshot lists all.
    #[serde(default)]
    pub large_threshold: i32,
    /// The sequence that the next dispatch gets.
    pub next_sequence: i64,
    /// Last acknowledged sequence.
    pub acked: i64,
    /// Guilds that this session owns.
    pub guilds: Vec<GuildId>,
    /// Sequence of `pending`'s first item.
    pub pending_first: i64,
    /// What was sent above `acked`.
    pub pending: Vec<SentItem>,
    /// Offset of `proxy.ledger` from which the ledger must be read on top of this.
    pub ledger_offset: i64,
    /// When the client was last heard, Unix milliseconds.
    pub seen_ms: i64,
    /// Epoch of the home.
    pub home_epoch: i64,
}

/// What a group has read of one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct PartitionRead {
    /// Partition of `gateway.events`.
    pub partition: i32,
    /// Everything below was read: finished, unless it is in `open` or pending in a session.
    pub end: i64,
    /// Offsets that were read and could not be sent to anybody yet; ascending, each minus the one
    /// before (the first: minus 0), as zigzag varints.
    pub open: Payload,
    /// Offsets at or beyond `end` that are finished all the same (a restart reads again), packed as `open`.
    #[serde(default)]
    pub done: Payload,
}

/// Where a handler group stands, key `group/<name>` in `proxy.sessions`; written in the transaction
/// of the group's positions, so that a restart does not deliver again what was acknowledged beyond
/// them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.proxy")]
pub struct GroupCheckpoint {
    /// Handler group.
    pub group: String,
    /// What was read; partitions that nobody covers are left out.
    pub partitions: Vec<PartitionRead>,
    /// Requests for members whose chunks may still come, at most 1,024.
    pub asked: Vec<Asked>,
    /// Offset of `proxy.ledger` from which the ledger must be read on top of this.
    pub ledger_offset: i64,
    /// Epoch of the home.
    pub home_epoch: i64,
}

log_records!(
    HandlerGroup,
    HomeLease,
    HomeClaim,
    HomeReleased,
    Sent,
    Acked,
    Ended,
    Asked,
    GroupCheckpoint,
    SessionCheckpoint
);
