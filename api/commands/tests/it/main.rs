//! The commands API over a real log and a real store, through HTTP.
//!
//! The store is the embedded one; with `MISO_TEST_POSTGRES` PostgreSQL as well.

mod chaos;
mod endpoints;
mod http;
mod requests;
mod setup;
