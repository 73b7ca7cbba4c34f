//! The data API over HTTP, beside a simulated Discord and an embedded log.

mod access;
mod guilds;
mod login;
mod members;
mod restart;
mod rig;
