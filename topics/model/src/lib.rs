//! What the log holds: ids, the event envelope, and every record with its Avro schema.
//!
//! Pure data. A record's Rust type is the source of its schema; `schemas/*.avsc` are the written
//! form, held to the types by a test, so that a reader in any language has them.

#[macro_use]
mod text_enum;

mod aggregate;
mod avro;
mod bot;
mod event;
mod event_codec;
mod ids;
mod payload;
mod permissions;
mod proxy;
mod rest;
mod route;
mod slot;
mod state;

pub use aggregate::{Aggregate, NotAnAggregate};
pub use avro::{LogRecord, RecordCodec, RecordError, SINGLE_OBJECT_HEADER_LEN, fingerprint_of};
pub use bot::{
    Answer, BotCommand, Fact, HandlerGap, OperatorAct, ParkedRecord, Request, SchemaRecord, Setting, TimerRecord,
};
pub use event::{Checkpoint, GatewayCommand, GatewayEvent, GatewayGap, ShardClaim, ShardReady, ShardState};
pub use event_codec::EventView;
pub use ids::{ChannelId, GuildId, MessageId, Snowflake, UserId};
pub use payload::Payload;
pub use permissions::Permissions;
pub use proxy::{
    Acked, Asked, Balance, Ended, GroupCheckpoint, GroupStart, HandlerGroup, HashedSecret, HomeClaim, HomeLease,
    HomeReleased, PartitionRead, Sent, SentItem, SentKind, SessionCheckpoint,
};
pub use rest::{
    Action, BucketState, CALLBACK_DEADLINE_MS, FOLLOW_UP_BYTES, FinishedRange, Header, INTERACTION_TOKEN_MS, Intent,
    Orphaned, Outcome, OutcomeKind, RateLimitSeen, Returned, SenderCheckpoint, SenderClaim, SenderReleased,
};
pub use route::{Lane, Route, RouteClass};
pub use slot::{SLOTS, key_partition, slot};
pub use state::StateEntry;

/// A file of `schemas/` and the schema that belongs in it: `(name without .avsc, schema JSON)`.
#[must_use]
pub fn all_codecs() -> Vec<&'static RecordCodec> {
    vec![
        GatewayEvent::codec(),
        ShardReady::codec(),
        GatewayGap::codec(),
        Checkpoint::codec(),
        ShardClaim::codec(),
        GatewayCommand::codec(),
        StateEntry::codec(),
        HandlerGroup::codec(),
        HomeLease::codec(),
        HomeClaim::codec(),
        HomeReleased::codec(),
        Sent::codec(),
        Acked::codec(),
        Ended::codec(),
        Asked::codec(),
        GroupCheckpoint::codec(),
        SessionCheckpoint::codec(),
        Action::codec(),
        Orphaned::codec(),
        SenderClaim::codec(),
        SenderReleased::codec(),
        Intent::codec(),
        Returned::codec(),
        Outcome::codec(),
        SenderCheckpoint::codec(),
        BotCommand::codec(),
        Request::codec(),
        Answer::codec(),
        Fact::codec(),
        Setting::codec(),
        TimerRecord::codec(),
        ParkedRecord::codec(),
        HandlerGap::codec(),
        SchemaRecord::codec(),
        OperatorAct::codec(),
    ]
}
