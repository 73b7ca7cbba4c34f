//! Records of `rest.actions`, `rest.interactions` and `rest.ledger`.

use apache_avro::AvroSchema;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::avro::log_records;
use crate::{Lane, LogRecord, Payload, Route, SINGLE_OBJECT_HEADER_LEN, Snowflake};

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
    /// Only of `POST /users/@me/channels`: JSON body, at most [`FOLLOW_UP_BYTES`], of a message for the
    /// channel that the answer names. The sender appends that create-message in the transaction of
    /// the outcome. Opening such a channel twice is opening it once, so it is repeated like a PUT.
    #[serde(default)]
    pub follow_up: Option<Payload>,
    /// Id of the event or the fact that a native handler's action follows from, for traces.
    #[serde(default)]
    pub cause: Option<String>,
}

/// Bytes of [`Action::follow_up`], at most; an action with more is refused as `follow_up_too_large`.
pub const FOLLOW_UP_BYTES: usize = 32 * 1_024;

/// First answers to interactions are due this long after the interaction, milliseconds.
pub const CALLBACK_DEADLINE_MS: i64 = 3_000;
/// An interaction's token lives this long, milliseconds.
pub const INTERACTION_TOKEN_MS: i64 = 15 * 60 * 1_000;

impl Action {
    /// An action with its route, by which its topic and partition are chosen. `path` is what follows
    /// `/api/v10`, query included; headers may be set afterwards. Actions on interactions get their
    /// deadline here.
    #[must_use]
    pub fn new(
        action_id: [u8; 16],
        group: &str,
        method: &str,
        path: &str,
        body: Bytes,
        accepted_ms: i64,
        application: Option<u64>,
    ) -> (Self, Route) {
        let route = Route::of(method, path, application);
        let expires_ms = match route.lane {
            Lane::Interactions if route.is_callback() => Some(callback_deadline(path, accepted_ms)),
            Lane::Interactions => Some(accepted_ms + INTERACTION_TOKEN_MS),
            Lane::Actions => None,
        };
        let action = Self {
            action_id: action_id.to_vec().into(),
            credential: if route.tokened { "none" } else { "bot" }.to_owned(),
            group: group.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            template: route.template.clone(),
            order_key: route.order_key().to_owned(),
            priority: i32::from(route.lane == Lane::Actions),
            headers: Vec::new(),
            body_hash: Self::hash_body(&body),
            body: body.into(),
            idempotency_key: None,
            expires_ms,
            accepted_ms,
            replay_id: None,
            follow_up: None,
            cause: None,
        };
        (action, route)
    }

    /// What an identical retry has in common with its first try: who asks, how, where and what.
    /// With the client's `Idempotency-Key`, that instead of the body.
    #[must_use]
    pub fn fingerprint(&self) -> i64 {
        let body = self.body_hash.to_le_bytes();
        let (mark, last) = match &self.idempotency_key {
            Some(key) => (1_u8, key.as_bytes()),
            None => (0, &body[..]),
        };
        let mut all = Vec::with_capacity(self.group.len() + self.method.len() + self.path.len() + last.len() + 4);
        for part in [self.group.as_bytes(), self.method.as_bytes(), self.path.as_bytes(), &[mark], last] {
            all.extend_from_slice(part);
            all.push(0);
        }
        xxhash_rust::xxh3::xxh3_64(&all).cast_signed()
    }

    /// XXH3-64 of a body, for `body_hash`.
    #[must_use]
    pub fn hash_body(body: &[u8]) -> i64 {
        xxhash_rust::xxh3::xxh3_64(body).cast_signed()
    }
}

/// 3 s after the interaction was made, as its id tells; an id that tells no time of the last quarter
/// of an hour is not believed.
fn callback_deadline(path: &str, accepted_ms: i64) -> i64 {
    let id = path.split('/').nth(2).and_then(|id| id.parse::<Snowflake>().ok());
    let made = id.map(Snowflake::created_ms);
    let made = made.filter(|made| (accepted_ms - INTERACTION_TOKEN_MS..=accepted_ms).contains(made));
    made.unwrap_or(accepted_ms) + CALLBACK_DEADLINE_MS
}

/// The client of an action left before its answer: an identical retry may take that answer.
/// Written by the ingress into the action's topic and partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct Orphaned {
    /// The action.
    pub action_id: Payload,
    /// Its offset in this topic.
    pub action_offset: i64,
    /// [`Action::fingerprint`] of it.
    pub fingerprint: i64,
    /// When it was accepted, Unix milliseconds.
    pub accepted_ms: i64,
    /// When the client left, Unix milliseconds.
    pub at_ms: i64,
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

/// An attempt ended without any effect at Discord (it was rate limited, or nothing was sent): its
/// intent is void and the action waits again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "miso.rest")]
pub struct Returned {
    /// The action.
    pub action_id: Payload,
    /// Its offset in the topic named by `interactions`.
    pub action_offset: i64,
    /// The action stands in `rest.interactions` (else `rest.actions`), same partition number.
    #[serde(default)]
    pub interactions: bool,
    /// Intents of this attempt and earlier ones are void.
    pub attempt: i32,
    /// HTTP status that returned it; 0 when nothing was sent.
    pub status: i32,
    /// A bucket that is blocked for long, so that a restart does not forget it.
    #[serde(default)]
    pub blocked: Option<BucketState>,
    /// Whether the answer counts against the invalid-request budget.
    #[serde(default)]
    pub invalid: bool,
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
    /// Method and route template of the counter; only where nothing remained, so that a restart
    /// waits for the window.
    #[serde(default)]
    pub route: Option<String>,
    /// Its top-level resource.
    #[serde(default)]
    pub major: Option<String>,
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

impl Outcome {
    /// The action id of an outcome's bytes without reading the rest; `None` when the record is of
    /// another kind or version.
    #[must_use]
    pub fn peek_action_id(bytes: &[u8]) -> Option<[u8; 16]> {
        if !Self::codec().wrote(bytes) {
            return None;
        }
        // Avro: the first field is its length (zigzag of 16) and the bytes.
        match bytes.get(SINGLE_OBJECT_HEADER_LEN..)? {
            [32, id @ ..] => id.first_chunk().copied(),
            _ => None,
        }
    }
}

log_records!(Action, Orphaned, SenderClaim, SenderReleased, Intent, Returned, Outcome, SenderCheckpoint);

#[cfg(test)]
mod tests {
    use super::*;

    fn action(body: &str, key: Option<&str>) -> Action {
        Action {
            action_id: vec![1; 16].into(),
            credential: "bot".to_owned(),
            group: "demo".to_owned(),
            method: "POST".to_owned(),
            path: "/channels/1/messages".to_owned(),
            template: "/channels/{channel}/messages".to_owned(),
            order_key: "channel/1".to_owned(),
            priority: 1,
            headers: Vec::new(),
            body: body.to_owned().into(),
            idempotency_key: key.map(str::to_owned),
            body_hash: Action::hash_body(body.as_bytes()),
            expires_ms: None,
            accepted_ms: 5,
            replay_id: None,
            follow_up: None,
            cause: None,
        }
    }

    #[test]
    fn a_fingerprint_tells_bodies_apart_unless_the_client_gave_a_key() {
        assert_eq!(action("a", None).fingerprint(), action("a", None).fingerprint());
        assert_ne!(action("a", None).fingerprint(), action("b", None).fingerprint());
        assert_eq!(action("a", Some("k")).fingerprint(), action("b", Some("k")).fingerprint());
        assert_ne!(action("a", Some("k")).fingerprint(), action("a", None).fingerprint());
    }

    #[test]
    fn an_interaction_must_be_answered_within_three_seconds_of_its_making() {
        let made = Snowflake(175_928_847_299_117_063).created_ms();
        let path = "/interactions/175928847299117063/tok/callback";
        let new = |path: &str, at| Action::new([0; 16], "demo", "POST", path, Bytes::new(), at, None).0.expires_ms;
        assert_eq!(new(path, made + 500), Some(made + 3_000));
        assert_eq!(new("/interactions/1/tok/callback", made), Some(made + 3_000));
        assert_eq!(new("/webhooks/1/aW50ZXJhY3Rpb246MTox/messages/@original", made), Some(made + 900_000));
        assert_eq!(new("/webhooks/1/not-of-an-interaction", made), None);
        assert_eq!(new("/channels/1/messages", made), None);
    }

    #[test]
    fn what_follows_an_action_is_kept_with_it() {
        for follow_up in [None, Some(Payload::from("{}".to_owned()))] {
            let action = Action { follow_up, ..action("a", None) };
            assert_eq!(Action::from_bytes(&action.to_bytes()).expect("reads"), action);
        }
    }

    #[test]
    fn the_action_of_an_outcome_is_found_without_reading_it() {
        let outcome = Outcome {
            action_id: (0..16).collect::<Vec<u8>>().into(),
            action_offset: 3,
            interactions: false,
            kind: OutcomeKind::Done,
            status: 200,
            reason: None,
            headers: Vec::new(),
            body: Payload::default(),
            bucket: None,
            received_ms: 1,
        };
        let id: [u8; 16] = std::array::from_fn(|index| u8::try_from(index).expect("small"));
        assert_eq!(Outcome::peek_action_id(&outcome.to_bytes()), Some(id));
        assert_eq!(Outcome::peek_action_id(&action("a", None).to_bytes()), None);
        assert_eq!(Outcome::peek_action_id(&outcome.to_bytes()[..20]), None);
    }
}
