//! Records of `rest.actions`, `rest.interactions` and `rest.ledger`.

use apache_avro::AvroSchema;
use serde::{Deserialize, Serialize};

use crate::Payload;
use crate::avro::log_records;

/// A header that goes along with an action or its outcome; bytes as they were received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct Header {
    /// Lower case.
    pub name: String,
    /// Untouched.
    pub value: Payload,
}

/// An outgoing REST request that changes something: synced before its HTTP request is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct Action {
    /// Unique; 16 random bytes or, for native handlers, derived from the event. Our nonce is its base62.
    pub action_id: Payload,
    /// `bot` (the bot's token, resolved at send time) or `none` (the route carries its own token).
    pub credential: String,
    /// Handler group that asked, for limits and traces.
    pub group: String,
    /// HTTP method.
    pub method: String,
    /// Path and query after `/api/v10`, such as `/channels/1/messages`.
    pub path: String,
    /// Route template, such as `/channels/{channel}/messages`.
    pub template: String,
    /// What keeps order: channel, guild, webhook, interaction token, else the template.
    pub order_key: String,
    /// Lower is sooner. 0: interaction lane.
    pub priority: i32,
    /// Headers that go to Discord: content type, audit-log reason.
    pub headers: Vec<Header>,
    /// At most 16 MiB.
    pub body: Payload,
    /// The client's own `Idempotency-Key`, where it gave one.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// XXH3-64 of the body: an identical retry is recognised without comparing bodies.
    pub body_hash: i64,
    /// Not sent after this time, Unix milliseconds.
    #[serde(default)]
    pub expires_ms: Option<i64>,
    /// When it was accepted, Unix milliseconds.
    pub accepted_ms: i64,
    /// Set when an operator replays: such an action is captured, never sent.
    #[serde(default)]
    pub replay_id: Option<String>,
}

/// With this record a sender begins on a partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct SenderClaim {
    /// Last seen epoch + 1.
    pub epoch: i64,
    /// The owner's address for GETs from other processes.
    pub address: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// A clean hand-back: the next owner skips every wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct SenderReleased {
    /// The epoch that ends.
    pub epoch: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
}

/// Bytes of this action are about to leave: committed, fenced, before they do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct Intent {
    /// The action.
    pub action_id: Payload,
    /// Its offset in the topic named by `interactions`.
    pub action_offset: i64,
    /// The action stands in `rest.interactions` (else `rest.actions`), same partition number.
    #[serde(default)]
    pub interactions: bool,
    /// From 1.
    pub attempt: i32,
    /// The nonce with which a create-message goes out, when it is ours.
    #[serde(default)]
    pub nonce: Option<String>,
    /// Bucket it was charged to, where one is known.
    #[serde(default)]
    pub bucket: Option<String>,
    /// Unix milliseconds.
    pub at_ms: i64,
}

text_enum! {
    /// How an action ended.
    OutcomeKind {
        /// Discord answered, with success or a final error: see `status`.
        Done = "done",
        /// Miso did not send it: see `reason`.
        Refused = "refused",
        /// Its time was over before it could be sent.
        Expired = "expired",
        /// It left, no answer came, and Discord's API gives no way to find out. Never repeated.
        UnknownEffect = "unknown",
    }
}

/// Rate-limit headers of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct RateLimitSeen {
    /// `X-RateLimit-Bucket`.
    pub hash: String,
    /// `X-RateLimit-Limit`.
    pub limit: i64,
    /// `X-RateLimit-Remaining`.
    pub remaining: i64,
    /// `X-RateLimit-Reset-After` in milliseconds.
    pub reset_after_ms: i64,
}

/// What became of an action. One per action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct Outcome {
    /// The action.
    pub action_id: Payload,
    /// Its offset in the topic named by `interactions`.
    pub action_offset: i64,
    /// The action stands in `rest.interactions` (else `rest.actions`), same partition number.
    #[serde(default)]
    pub interactions: bool,
    /// How it ended.
    pub kind: OutcomeKind,
    /// HTTP status for the client.
    pub status: i32,
    /// For people, when Miso itself decided: `queue_full`, `deadline`, …
    #[serde(default)]
    pub reason: Option<String>,
    /// Headers for the client.
    pub headers: Vec<Header>,
    /// Discord's answer, or a problem document of Miso's.
    pub body: Payload,
    /// Rate-limit headers of the answer.
    #[serde(default)]
    pub bucket: Option<RateLimitSeen>,
    /// Unix milliseconds.
    pub received_ms: i64,
}

/// Offsets `from..to` (half open) of finished actions above the committed offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct FinishedRange {
    /// The range belongs to `rest.interactions`.
    #[serde(default)]
    pub interactions: bool,
    /// First offset.
    pub from: i64,
    /// One past the last offset.
    pub to: i64,
}

/// What a sender knows of a bucket, so that a restart does not forget a long wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct BucketState {
    /// Method and route template.
    pub route: String,
    /// Top-level resource.
    pub major: String,
    /// `X-RateLimit-Bucket`, where known.
    #[serde(default)]
    pub hash: Option<String>,
    /// Limit.
    pub limit: i64,
    /// Remaining.
    pub remaining: i64,
    /// When the window resets or the block ends, Unix milliseconds.
    pub resets_ms: i64,
}

/// A sender's checkpoint, every 10 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct SenderCheckpoint {
    /// Epoch of the owner.
    pub epoch: i64,
    /// Committed offset of `rest.actions`.
    pub committed: i64,
    /// Committed offset of `rest.interactions`.
    pub committed_interactions: i64,
    /// Finished above the committed offsets.
    pub finished: Vec<FinishedRange>,
    /// Blocked or learned buckets.
    pub buckets: Vec<BucketState>,
    /// Unix milliseconds of the invalid requests (401, 403, 429) of the last 10 minutes.
    pub invalid_ms: Vec<i64>,
    /// From here the ledger must be read on top of this.
    pub ledger_offset: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
}

log_records!(Action, SenderClaim, SenderReleased, Intent, Outcome, SenderCheckpoint);
