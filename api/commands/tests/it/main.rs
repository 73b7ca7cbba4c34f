//! The commands API over a real log and a real store, through HTTP.
//!
//! Both are the embedded ones; with `MISO_TEST_POSTGRES` and `MISO_TEST_KAFKA`, PostgreSQL and Kafka.

mod asked;
mod chaos;
mod commands;
mod concurrent;
mod endpoints;
mod handled;
mod http;
mod listens;
mod media;
mod openapi;
mod rebuild;
mod refusals;
mod requests;
mod settings;
mod setup;
