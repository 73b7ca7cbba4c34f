//! The read models behind the commands API: tables that are a pure fold of `bot.facts`.
//!
//! [`Store`] is the port (transaction, execute, query, bound parameters); its adapters are SQLite
//! ([`EmbeddedStore`]) and PostgreSQL ([`PostgresStore`]), held together by one contract suite.
//! [`BotStore`] is the projection and its queries. Because the log is the truth, a broken or
//! outdated store is dropped and rebuilt: [`BotStore::prepare`].

mod backup;
mod beside;
mod changes;
mod embedded;
pub mod facts;
mod model;
mod postgres;
mod prepare;
mod project;
mod read_models;
mod store;
mod tables;

use std::sync::Arc;

pub use backup::copy_embedded;
pub use beside::{Beside, Diff, OPERATORS_BUILD, Positions, SHOWN_DIFFERENCES, TableDiff};
pub use embedded::{EmbeddedStore, STORE_QUEUE};
pub use model::{BotStore, Execution, ProjectError};
pub use postgres::{POSTGRES_CONNECTIONS, PostgresStore};
pub use prepare::{PREPARE_BATCH, PrepareError, read_facts};
pub use project::project;
pub use read_models::activity::{Activity, Ranked};
pub use read_models::counts::DayCounts;
pub use read_models::crowns::Crown;
pub use read_models::listens::{Listener, Played, Progress, RECENT_KEPT_MS, key_of};
pub use read_models::personal::PersonalData;
pub use read_models::reminders::{FIRED_KEPT_MS, Reminder};
pub use read_models::settings::{AggregateState, AuditEntry};
pub use read_models::stars::{STARRED_COUNTED, Starred};
pub use read_models::whoknows::{KNOWERS, Kind, Knower, Knowers, Wanted};
pub use store::{Row, Statement, Store, StoreError, Value};
pub use tables::{SCHEMA_VERSION, Tables};

/// Opens the store that `MISO_STORE` names: `file:PATH` (SQLite) or `postgres://…`.
///
/// PostgreSQL is not contacted: a server that is down is reported by the first call.
///
/// # Errors
/// [`StoreError::Refused`] when the address is neither, or the file cannot be opened.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    if let Some(path) = url.strip_prefix("file:") {
        return Ok(Arc::new(EmbeddedStore::open(path.as_ref()).await?));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Arc::new(PostgresStore::open(url)?));
    }
    // The address itself may hold a password: it is not repeated.
    Err(StoreError::Refused("MISO_STORE must be file:PATH or postgres://USER:PASSWORD@HOST/DATABASE".to_owned()))
}
