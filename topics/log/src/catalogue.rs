//! The catalogue: every topic, once. Code, the table in `docs/` and `miso topics` come from it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use miso_model::SLOTS;

/// When an append counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk (embedded: fdatasync, grouped; Kafka: acks=all).
    Synced,
    /// Visible and safe against kill -9; on disk within 50 ms.
    Ordered,
}

/// What a topic keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Records younger than so many milliseconds.
    For(i64),
    /// The last record of each key; a tombstone removes it.
    Compacted,
    /// Everything.
    Forever,
}

/// A topic's entry in the catalogue.
#[derive(Debug)]
pub struct TopicSpec {
    /// Kafka's name of it.
    pub name: &'static str,
    /// What decides the partition, for people.
    pub partition_by: &'static str,
    /// Fixed when the log is created.
    pub partitions: i32,
    /// Retention or compaction.
    pub kept: Kept,
    /// When an append is done.
    pub durability: Durability,
    /// Key and value of one record, bytes.
    pub max_record_bytes: usize,
    /// Names of the records (and so of their `.avsc` files).
    pub records: &'static [&'static str],
    /// Who writes.
    pub owner: &'static str,
    /// Who reads.
    pub readers: &'static str,
    /// What it holds, one line.
    pub holds: &'static str,
}

/// A topic. Equal when the names are.
#[derive(Clone, Copy)]
pub struct Topic(pub &'static TopicSpec);

impl Deref for Topic {
    type Target = TopicSpec;
    fn deref(&self) -> &TopicSpec {
        self.0
    }
}
impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0) || self.0.name == other.0.name
    }
}
impl Eq for Topic {}
impl Hash for Topic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}
impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

const HOUR: i64 = 60 * 60 * 1_000;
const DAY: i64 = 24 * HOUR;
const KIB: usize = 1_024;
const MIB: usize = 1_024 * KIB;

/// Bound of records that carry Discord's objects or request bodies: a 6 MB GUILD_CREATE passes.
pub const LARGE_RECORD_BYTES: usize = 17 * MIB;
/// Bound of all other records.
pub const RECORD_BYTES: usize = MIB;

/// Partitions of topics whose key is an aggregate (guild or user).
pub const AGGREGATES: i32 = 12;
/// Partitions of topics that are owned whole: shards, homes.
pub const OWNERS: i32 = 16;

macro_rules! topics {
    ($($(#[$meta:meta])* $const:ident = $name:literal { $($field:ident: $value:expr),+ $(,)? })+) => {
        $($(#[$meta])* pub const $const: Topic = {
            static SPEC: TopicSpec = TopicSpec { name: $name, $($field: $value),+ };
            Topic(&SPEC)
        };)+
        /// Every topic, in the order of the data's way.
        pub const ALL: &[Topic] = &[$($const),+];
    };
}

topics! {
    /// Events.
    GATEWAY_EVENTS = "gateway.events" {
        partition_by: "slot of guild, else channel, else user; else 0", partitions: SLOTS,
        kept: Kept::For(7 * DAY), durability: Durability::Ordered, max_record_bytes: LARGE_RECORD_BYTES,
        records: &["GatewayEvent", "ShardReady", "GatewayGap"],
        owner: "gateway", readers: "state, proxy, message and event handlers",
        holds: "every dispatch: envelope and Discord's JSON bytes, untouched",
    }
    /// Shards' checkpoints.
    GATEWAY_CHECKPOINTS = "gateway.checkpoints" {
        partition_by: "owner of the shard", partitions: OWNERS,
        kept: Kept::Compacted, durability: Durability::Ordered, max_record_bytes: RECORD_BYTES,
        records: &["Checkpoint", "ShardClaim"],
        owner: "gateway", readers: "gateway",
        holds: "session id, resume URL, last sequence: written in the transaction of the events it covers",
    }
    /// Commands for Discord's gateway.
    GATEWAY_COMMANDS = "gateway.commands" {
        partition_by: "owner of the shard", partitions: OWNERS,
        kept: Kept::For(HOUR), durability: Durability::Ordered, max_record_bytes: RECORD_BYTES,
        records: &["GatewayCommand"],
        owner: "proxy", readers: "gateway",
        holds: "ops 3, 4, 8, 31 and 43 to be sent to Discord",
    }
    /// The fold's checkpoint.
    DISCORD_STATE = "discord.state" {
        partition_by: "as gateway.events", partitions: SLOTS,
        kept: Kept::Compacted, durability: Durability::Ordered, max_record_bytes: LARGE_RECORD_BYTES,
        records: &["StateEntry"],
        owner: "state", readers: "every process that folds Discord's state",
        holds: "checkpoint of the fold of Discord's objects, unknown fields kept",
    }
    /// Handler groups.
    PROXY_GROUPS = "proxy.groups" {
        partition_by: "none", partitions: 1,
        kept: Kept::Compacted, durability: Durability::Synced, max_record_bytes: RECORD_BYTES,
        records: &["HandlerGroup"],
        owner: "miso group", readers: "proxy, ingress",
        holds: "handler groups: hashed secrets, start, intents, grace",
    }
    /// The proxy's ledger.
    PROXY_LEDGER = "proxy.ledger" {
        partition_by: "home of the handler group", partitions: OWNERS,
        kept: Kept::For(2 * DAY), durability: Durability::Ordered, max_record_bytes: RECORD_BYTES,
        records: &["HomeLease", "HomeClaim", "HomeReleased", "Sent", "Acked", "Ended", "Asked"],
        owner: "proxy", readers: "proxy",
        holds: "claims, what was sent to which session under which sequence, acknowledgements",
    }
    /// Handler sessions.
    PROXY_SESSIONS = "proxy.sessions" {
        partition_by: "as proxy.ledger", partitions: OWNERS,
        kept: Kept::Compacted, durability: Durability::Ordered, max_record_bytes: LARGE_RECORD_BYTES,
        records: &["HomeLease", "HomeClaim", "HomeReleased", "GroupCheckpoint", "SessionCheckpoint"],
        owner: "proxy", readers: "proxy",
        holds: "checkpoints of handler sessions and groups, the home's last claim",
    }
    /// Outgoing REST requests.
    REST_ACTIONS = "rest.actions" {
        partition_by: "slot of the order key: channel, guild, webhook; else its hash", partitions: SLOTS,
        kept: Kept::For(7 * DAY), durability: Durability::Synced, max_record_bytes: LARGE_RECORD_BYTES,
        records: &["Action", "Orphaned"],
        owner: "ingress, handlers, sender", readers: "sender",
        holds: "every outgoing REST request that changes something",
    }
    /// Interaction answers, their own lane.
    REST_INTERACTIONS = "rest.interactions" {
        partition_by: "hash of the interaction's token", partitions: SLOTS,
        kept: Kept::For(7 * DAY), durability: Durability::Synced, max_record_bytes: LARGE_RECORD_BYTES,
        records: &["Action", "Orphaned"],
        owner: "ingress, handlers", readers: "sender",
        holds: "answers to interactions and their follow-ups, which must not wait behind others",
    }
    /// The sender's ledger.
    REST_LEDGER = "rest.ledger" {
        partition_by: "the action's partition number", partitions: SLOTS,
        kept: Kept::For(7 * DAY), durability: Durability::Synced, max_record_bytes: LARGE_RECORD_BYTES,
        records: &["SenderClaim", "SenderReleased", "Intent", "Returned", "Outcome", "SenderCheckpoint"],
        owner: "sender", readers: "sender, ingress",
        holds: "claims, intents, outcomes, checkpoints of the sender",
    }
    /// Recognised commands.
    BOT_COMMANDS = "bot.commands" {
        partition_by: "slot of the channel", partitions: AGGREGATES,
        kept: Kept::For(7 * DAY), durability: Durability::Ordered, max_record_bytes: RECORD_BYTES,
        records: &["BotCommand"],
        owner: "message handler", readers: "command handler",
        holds: "messages that the message handler recognised as commands",
    }
    /// Requests to change something.
    BOT_REQUESTS = "bot.requests" {
        partition_by: "aggregate: guild or user", partitions: AGGREGATES,
        kept: Kept::For(DAY), durability: Durability::Synced, max_record_bytes: RECORD_BYTES,
        records: &["Request"],
        owner: "commands API, handlers, timers", readers: "decider",
        holds: "what the decider is asked to change",
    }
    /// Answers to requests.
    BOT_ANSWERS = "bot.answers" {
        partition_by: "aggregate", partitions: AGGREGATES,
        kept: Kept::For(DAY), durability: Durability::Ordered, max_record_bytes: RECORD_BYTES,
        records: &["Answer"],
        owner: "decider", readers: "commands API",
        holds: "the decider's answers",
    }
    /// Facts.
    BOT_FACTS = "bot.facts" {
        partition_by: "aggregate", partitions: AGGREGATES,
        kept: Kept::Forever, durability: Durability::Synced, max_record_bytes: RECORD_BYTES,
        records: &["Fact"],
        owner: "decider", readers: "store projection, fact handlers",
        holds: "domain facts in the past tense: the truth behind the database",
    }
    /// Latest settings.
    BOT_SETTINGS = "bot.settings" {
        partition_by: "aggregate", partitions: AGGREGATES,
        kept: Kept::Compacted, durability: Durability::Ordered, max_record_bytes: RECORD_BYTES,
        records: &["Setting"],
        owner: "decider", readers: "handlers",
        holds: "latest settings, for handlers to hold in memory",
    }
    /// Timers.
    TIMERS = "timers" {
        partition_by: "aggregate", partitions: AGGREGATES,
        kept: Kept::Compacted, durability: Durability::Synced, max_record_bytes: RECORD_BYTES,
        records: &["TimerRecord"],
        owner: "decider", readers: "timers",
        holds: "reminders, timed unmutes: what is due when",
    }
    /// Given up.
    PARKED = "parked" {
        partition_by: "none", partitions: 1,
        kept: Kept::For(30 * DAY), durability: Durability::Ordered, max_record_bytes: LARGE_RECORD_BYTES,
        records: &["ParkedRecord", "HandlerGap"],
        owner: "any consumer", readers: "operators",
        holds: "records that a consumer gave up on, and gaps, with error class, attempts, origin",
    }
    /// What operators did.
    OPERATOR_ACTS = "operator.acts" {
        partition_by: "none", partitions: 1,
        kept: Kept::Forever, durability: Durability::Synced, max_record_bytes: RECORD_BYTES,
        records: &["OperatorAct"],
        owner: "command line", readers: "operators",
        holds: "exports, reveals of content, replays, redrives and swaps: who, what range, masked or not",
    }
    /// Schemas.
    SCHEMAS = "schemas" {
        partition_by: "none", partitions: 1,
        kept: Kept::Compacted, durability: Durability::Synced, max_record_bytes: RECORD_BYTES,
        records: &["SchemaRecord"],
        owner: "every process, at start", readers: "every process",
        holds: "every Avro schema ever written, so that any record can always be read",
    }
}

/// The topic of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<Topic> {
    ALL.iter().copied().find(|topic| topic.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_record_of_a_topic_has_a_schema() {
        let names: BTreeSet<_> = ALL.iter().map(|topic| topic.name).collect();
        assert_eq!(names.len(), ALL.len());
        let codecs: BTreeSet<_> = miso_model::all_codecs().iter().map(|codec| codec.name).collect();
        let used: BTreeSet<_> = ALL.iter().flat_map(|topic| topic.records.iter().copied()).collect();
        assert_eq!(used.difference(&codecs).count(), 0, "records without a schema");
        assert_eq!(codecs.difference(&used).count(), 0, "schemas that no topic holds");
    }
}
