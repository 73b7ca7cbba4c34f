//! The log port and its two adapters.
//!
//! Words are Kafka's: topic, partition, key, offset, group, assignment, commit, transaction,
//! compaction, retention. [`Log`] is the port; [`catalogue`] says which topics there are.
//!
//! Reading and owning are separate. A [`Reader`] reads partitions from explicit offsets and knows
//! no group. A [`Member`] of a group is told which partitions it owns, as [`Owner`]s, and an owner
//! commits offsets and appends records in one fenced transaction. A consumer is both together: it
//! opens readers at the committed offsets of what it owns (see [`Consumer`]).

pub mod catalogue;
mod codec;
mod consumer;
pub mod embedded;
mod inspect;
pub mod kafka;
mod member;
mod open;
mod owned;
mod port;
mod prefix;
mod range;
mod reader;
mod record;
mod ring;
mod trace;
mod waiting;
mod waits;

pub use catalogue::{Durability, Kept, Topic, TopicSpec};
pub use codec::{FOREIGN_SCHEMAS, Foreign, Schemas, register_schemas};
pub use consumer::{Consumer, ConsumerEvent};
pub use member::{MEMBER_EVENTS, Member, MemberEvent, Owner, Revocation, Transact, TransactError};
pub use open::{open, open_reader};
pub use owned::{Owned, SETTLE, run_owned};
pub use port::{AppendError, Bounds, Log, LogError, PartitionLag, SharedLog};
pub use prefix::FinishedPrefix;
pub use range::{LogErrorText, Point, Range, RangeError, Span, Spans, parse_duration, parse_time};
pub use reader::{Batch, FETCH_RECORDS, Fetched, ReadError, Reader, Source};
pub use record::{Append, OffsetCommit, Record};
pub use ring::{RING_BYTES, Ring};
pub use trace::{TRACE_BEFORE_MS, TRACE_SCANNED, Trace, TraceError, TraceStep, trace};
pub use waits::Waits;
