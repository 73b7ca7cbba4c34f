//! The log for analysts: which records are wanted ([`Filter`]), how one is shown ([`line`]), what can be
//! made of many ([`Dataset`]) and how it is written down ([`export`]).
//!
//! Reads only, from explicit positions: no group is joined, no position moved.

mod cell;
mod checkpoint;
mod clock;
mod dataset;
mod datasets;
mod dictionary;
mod export;
mod filter;
mod jq;
mod parts;
mod plan;
mod scan;
mod shown;
mod write;

pub use cell::{Cell, Column, Kind};
pub use checkpoint::{CHECKPOINT_FILE, Checkpoint, FileDone, Gap, MANIFEST_FILE, Place, TopicSpans};
pub use clock::{Clock, rfc3339};
pub use dataset::{Dataset, Source};
pub use datasets::Unreadable;
pub use dictionary::dictionary;
pub use export::{ExportError, Progress, SEGMENT_RECORDS, export};
pub use filter::{Envelope, Filter, envelope};
pub use jq::{Jq, JqError};
pub use plan::{Plan, plan};
pub use scan::{AHEAD, Scan, ScanError, Step};
pub use shown::{Shown, line, mask};
pub use write::{Format, RowLine, RowWriter};
