//! What may be fetched: URLs, addresses and connections that lead outside, and only there.

mod address;
mod link;
mod network;

pub(crate) use address::is_public;
pub(crate) use link::{Link, Ports};
pub(crate) use network::{Internet, Network, NetworkError, Sites};
