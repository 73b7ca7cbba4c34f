//! Records of `gateway.events`, `gateway.checkpoints` and `gateway.commands`.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use crate::avro::log_records;
use crate::{ChannelId, GuildId, Payload, UserId};

/// One dispatch (op 0) of Discord's gateway: the envelope and Discord's JSON bytes, untouched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.gateway")]
pub struct GatewayEvent {
    /// Index of the upstream shard.
    pub shard: i32,
    /// Number of upstream shards.
    pub shard_count: i32,
    /// Discord's session id. With `sequence` it is the event's id: a repeat is recognised.
    pub session_id: String,
    /// Discord's sequence (`s`) within the session.
    pub sequence: i64,
    /// Epoch of the shard's owner that wrote it.
    pub epoch: i64,
    /// When the frame was read, Unix milliseconds.
    pub received_at_ms: i64,
    /// Discord's `t`, such as `MESSAGE_CREATE`.
    pub event_type: String,
    /// The guild, where the payload names one (`d.id` for GUILD_CREATE, UPDATE, DELETE).
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    /// The channel, where the payload names one.
    #[serde(default)]
    pub channel_id: Option<ChannelId>,
    /// The user: `d.user_id`, else `d.author.id` or `d.user.id`.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// Discord's `d` as it came. The last field, so that it can be borrowed.
    pub d: Payload,
}

/// Written to every partition of `gateway.events` when a shard's READY has come, in the
/// transaction of that READY: the fold learns which guilds were left while away, and an initial
/// GUILD_CREATE can be told from a join.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.gateway")]
pub struct ShardReady {
    /// Index of the upstream shard.
    pub shard: i32,
    /// Number of upstream shards.
    pub shard_count: i32,
    /// The new session.
    pub session_id: String,
    /// Epoch of the shard's owner.
    pub epoch: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Those guilds of the READY whose slot is this partition.
    pub guild_ids: Vec<GuildId>,
}

/// Events that Discord could not replay (the session was invalidated), written to every partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.gateway")]
pub struct GatewayGap {
    /// Index of the upstream shard.
    pub shard: i32,
    /// Number of upstream shards.
    pub shard_count: i32,
    /// The session that ended.
    pub session_id: String,
    /// Last sequence in the log: the gap begins after it.
    pub after_sequence: i64,
    /// Why, for people: `session invalidated`, `shard count changed`.
    pub reason: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

text_enum! {
    /// How far a shard's connection has come.
    ShardState {
        /// A session is about to be opened or resumed; committed before the attempt.
        Connecting = "connecting",
        /// Dispatches of the session are being appended.
        Live = "live",
    }
}

/// Where a shard stands, key `shard/count` in `gateway.checkpoints`; written in the transaction of
/// the events it covers, so it says exactly what was appended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.gateway")]
pub struct Checkpoint {
    /// Index of the upstream shard.
    pub shard: i32,
    /// Number of upstream shards.
    pub shard_count: i32,
    /// Discord's session id; none before the first READY.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Where Discord wants the RESUME.
    #[serde(default)]
    pub resume_url: Option<String>,
    /// Last sequence appended.
    pub sequence: i64,
    /// How far the connection has come.
    pub state: ShardState,
    /// Epoch of the owner.
    pub epoch: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// With this record in `gateway.checkpoints` (key `claim/<partition>`) an owner of shards begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.gateway")]
pub struct ShardClaim {
    /// Partition of `gateway.commands` that stands for the shards.
    pub partition: i32,
    /// Last seen epoch + 1.
    pub epoch: i64,
    /// The owner's address for calls between processes.
    pub address: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A command for Discord's gateway (op 3, 4, 8, 31, 43), as a handler sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.gateway")]
pub struct GatewayCommand {
    /// Discord's opcode.
    pub op: i32,
    /// Upstream shard that must send it.
    pub shard: i32,
    /// Id of the request; the nonce of an op 8.
    pub request_id: String,
    /// The whole payload's `d`, JSON.
    pub d: Payload,
    /// Unix milliseconds.
    pub at_ms: i64,
}

log_records!(GatewayEvent, ShardReady, GatewayGap, Checkpoint, ShardClaim, GatewayCommand);
