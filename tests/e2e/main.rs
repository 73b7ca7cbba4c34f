//! The whole system, from outside: the built binary, a simulated Discord in a process of its own,
//! real client libraries. On the embedded log always; on Kafka and PostgreSQL where
//! `MISO_TEST_KAFKA` and `MISO_TEST_POSTGRES` say where they are (`make test-engines`).

mod harness;

mod analysts;
mod bad_input;
mod browser;
mod cli;
mod commands;
mod compose;
mod crash;
mod documents;
mod gets;
mod media;
mod panel;
mod passive;
mod raw_client;
mod real_clients;
mod trace;
mod waiting;
mod writers;
