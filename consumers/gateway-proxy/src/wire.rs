//! What passes between an edge and a home: the messages of the later wire between processes.

use std::net::IpAddr;

use crate::frame::Frames;
use crate::home::Wishes;
use crate::payload::Resume;

/// A client's connection, unique within the process.
pub(crate) type ConnectionId = u64;

/// Frames that wait for one connection, batches. Its window bounds the events in them; a connection
/// that exceeds even this is closed with 4000.
pub(crate) const EDGE_QUEUE: usize = 16_384;
/// Messages of edges that wait for one home; a full queue makes the edges wait.
pub(crate) const HOME_QUEUE: usize = 4_096;

/// The payload with which a connection turns to its home.
#[derive(Debug, Clone)]
pub(crate) enum First {
    /// A new session, as the edge has admitted it.
    Identify(Wishes),
    /// An old one.
    Resume(Resume),
}

/// From an edge to the home of a group.
#[derive(Debug)]
pub(crate) enum ToHome {
    /// A client identified itself or wants to resume.
    Open {
        connection: ConnectionId,
        first: First,
        /// Gateway version, 9 or 10.
        version: i32,
        remote: IpAddr,
        to_edge: tokio::sync::mpsc::Sender<ToEdge>,
        /// Cancelled when `to_edge` is full.
        overflow: tokio_util::sync::CancellationToken,
    },
    /// A heartbeat with its sequence. The edge has answered it.
    Heartbeat { connection: ConnectionId, sequence: Option<i64> },
    /// Ops 3, 4, 8, 31, 43.
    Command { connection: ConnectionId, op: i64, d: Box<str> },
    /// The connection is gone; the client's close code, if it gave one.
    Closed { connection: ConnectionId, code: Option<u16> },
}

/// From a home to an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToEdge {
    /// Dispatches.
    Frames(Frames),
    /// Op 1: the answer does not count in the client's 120 per 60 s.
    Ask,
    /// Op 11. Edges send it to themselves.
    HeartbeatAck,
    /// Op 7, then the connection is closed.
    Reconnect,
    /// Op 9 `d: false`; the connection goes on.
    InvalidSession,
    /// Close with a code and words for people.
    Close(u16, &'static str),
}
