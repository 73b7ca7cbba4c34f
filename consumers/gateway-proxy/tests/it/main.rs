//! The proxy's contract, through real sockets and the embedded log.

mod client;
mod close_codes;
mod delivery;
mod encodings;
mod groups;
mod kafka;
mod listener;
mod members;
mod resuming;
mod rig;
mod sharing;
mod upstream;
