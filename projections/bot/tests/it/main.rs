//! The store's contract, run over every adapter, and the projection, held to the facts.
//!
//! PostgreSQL takes part when `MISO_TEST_POSTGRES` holds a `postgres://` address.

mod contract;
mod engines;
mod given;
mod listens;
mod projection;
mod read_models;
