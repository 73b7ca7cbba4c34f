//! The commands API over a real log and a real store, through HTTP.
//!
//! Both are the embedded ones; with `MISO_TEST_POSTGRES` and `MISO_TEST_KAFKA`, PostgreSQL and Kafka.

mod chaos;
mod endpoints;
mod http;
mod requests;
mod setup;
