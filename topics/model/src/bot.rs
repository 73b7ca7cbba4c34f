//! Records of the bot's own topics: `bot.*`, `timers`, `parked`, `schemas`.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use crate::avro::log_records;
use crate::{ChannelId, GuildId, MessageId, Payload, UserId};

/// A message that the message handler recognised as a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.bot")]
pub struct BotCommand {
    /// The event's id, `session/sequence`: the request id of what it asks for.
    pub event_id: String,
    /// The guild; none in a direct message.
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    /// Where it was said.
    pub channel_id: ChannelId,
    /// By whom.
    pub user_id: UserId,
    /// The message.
    pub message_id: MessageId,
    /// The prefix that was used, a mention included.
    pub prefix: String,
    /// The text after the prefix.
    pub line: String,
    /// The MESSAGE_CREATE's `d`, for mentions, member and author.
    pub message: Payload,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Partition of the MESSAGE_CREATE in `gateway.events`: what its handler reads of Discord's state
    /// must have folded it.
    #[serde(default)]
    pub event_partition: i32,
    /// Its offset there.
    #[serde(default)]
    pub event_offset: i64,
}

/// What the commands API was asked to change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.bot")]
pub struct Request {
    /// The caller's idempotency key; within its aggregate it takes effect once however often it is sent.
    pub request_id: String,
    /// `guild/<id>` or `user/<id>`.
    pub aggregate: String,
    /// Imperative, such as `ChangePrefix`.
    pub kind: String,
    /// Refused with 409 when the aggregate's version is another.
    #[serde(default)]
    pub expected_version: Option<i64>,
    /// `user/<id>`, `handler/<group>`, `operator`.
    pub actor: String,
    /// JSON.
    pub body: Payload,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// The decider's answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.bot")]
pub struct Answer {
    /// Of the request.
    pub request_id: String,
    /// Of the request.
    #[serde(default)]
    pub aggregate: String,
    /// HTTP status for the caller.
    pub status: i32,
    /// JSON: the answer or a problem document.
    pub body: Payload,
    /// Partition of `bot.facts`.
    pub partition: i32,
    /// Offset up to which the store has projected the facts.
    pub position: i64,
}

/// A domain fact, in the past tense: the truth behind the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.bot")]
pub struct Fact {
    /// `guild/<id>` or `user/<id>`.
    pub aggregate: String,
    /// The aggregate's version after this fact, from 1 without gaps.
    pub version: i64,
    /// Past tense, such as `PrefixChanged`.
    pub kind: String,
    /// The request that caused it.
    pub request_id: String,
    /// Who.
    pub actor: String,
    /// JSON: before and after.
    pub body: Payload,
    /// JSON: the answer that the request gets, again if it is asked again.
    pub answer: Payload,
    /// HTTP status of that answer.
    pub status: i32,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Latest settings of an aggregate, key = aggregate, for handlers to hold in memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.bot")]
pub struct Setting {
    /// The aggregate's version.
    pub version: i64,
    /// JSON of all settings.
    pub json: Payload,
}

/// Something due at a time, key = timer id. A tombstone cancels it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.bot")]
pub struct TimerRecord {
    /// `guild/<id>` or `user/<id>`.
    pub aggregate: String,
    /// Kind, such as `Reminder`.
    pub kind: String,
    /// Unix milliseconds.
    pub due_ms: i64,
    /// JSON.
    pub body: Payload,
}

/// A record that a consumer gave up on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.log")]
pub struct ParkedRecord {
    /// The group that gave up.
    pub group: String,
    /// Where it stands.
    pub topic: String,
    /// Where it stands.
    pub partition: i32,
    /// Where it stands.
    pub offset: i64,
    /// Short and stable, such as `malformed_record`.
    pub error_class: String,
    /// For people. Never message content.
    pub error: String,
    /// How often it was tried.
    pub attempts: i32,
    /// The record's value.
    pub value: Payload,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A group's position had been removed by retention: what it has lost, said out loud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.log")]
pub struct HandlerGap {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// First offset that was lost.
    pub from: i64,
    /// First offset that is there.
    pub to: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A schema, key = fingerprint (16 hexadecimal digits), so that any record can always be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.log")]
pub struct SchemaRecord {
    /// The record's full name.
    pub name: String,
    /// The schema's JSON.
    pub schema: String,
}

/// What an operator did from the command line that others may ask about: kept for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.log")]
pub struct OperatorAct {
    /// `operator/<name>`: the name of the system's user.
    pub actor: String,
    /// Past tense: `Exported`, `ContentRevealed`, `Replayed`, `Redriven`, `Discarded`, `ModelSwapped`.
    pub act: String,
    /// The topic, dataset or model it concerns.
    pub subject: String,
    /// Positions, `partition:from..to` with commas between; empty for all.
    pub range: String,
    /// Whether what people wrote was masked to its length.
    pub masked: bool,
    /// Unix milliseconds.
    pub at_ms: i64,
}

log_records!(
    BotCommand,
    Request,
    Answer,
    Fact,
    Setting,
    TimerRecord,
    ParkedRecord,
    HandlerGap,
    SchemaRecord,
    OperatorAct
);
