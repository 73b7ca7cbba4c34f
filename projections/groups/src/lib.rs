//! Handler groups, folded from `proxy.groups`: who may connect, with which credential, and where
//! each begins to read.
//!
//! A group's events are read under the log group [`consumer_group`]; creating a handler group commits
//! its start there, for every partition, before the group can be seen. Only salted hashes of secrets
//! are kept.

mod credential;
mod follow;
mod groups;

pub use credential::{Credential, credential};
pub use groups::{GroupError, Groups, MAX_GROUPS};

/// The log group whose positions in `gateway.events` are those of a handler group.
#[must_use]
pub fn consumer_group(name: &str) -> String {
    format!("miso.proxy.{name}")
}
