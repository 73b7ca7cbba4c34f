//! Miso as Discord's gateway, for handlers.
//!
//! An **edge** accepts connections: websocket, HELLO, compression, frame limits, close codes; it keeps
//! no session. The **home** of a handler group keeps its sessions: which guild's events go to which
//! client, what was sent under which sequence, what was acknowledged, and what may be committed. The
//! home's decisions are pure ([`home`]); [`driver`] reads the log, writes the ledger before frames go
//! out, and commits. Edge and home meet in two bounded channels that carry exactly the messages
//! ([`wire`]) of a later wire between processes.

mod admission;
mod close_code;
mod config;
mod driver;
mod edge;
mod error;
mod frame;
mod gating;
mod home;
mod intents;
mod payload;
mod proxy;
mod wire;

pub use config::ProxyConfig;
pub use error::ProxyError;
pub use proxy::Proxy;
