//! The command-line verbs, a file each.

pub(crate) mod command;
pub(crate) mod demo;
mod demo_history;
pub(crate) mod doctor;
pub(crate) mod group;
pub(crate) mod say;
pub(crate) mod simulator;
pub(crate) mod tail;
pub(crate) mod topics;
pub(crate) mod trace;
