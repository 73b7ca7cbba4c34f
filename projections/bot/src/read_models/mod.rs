//! The read models, one file each: the rows that facts leave, and the queries that read them.

pub(crate) mod activity;
pub(crate) mod counts;
pub(crate) mod crowns;
pub(crate) mod listens;
pub(crate) mod personal;
pub(crate) mod reminders;
pub(crate) mod settings;
pub(crate) mod stars;
pub(crate) mod whoknows;

use crate::{Row, StoreError};

/// An id as it is kept; 0 where it is none.
fn id(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Rows of hour and number, as 24 numbers.
fn hours(rows: &[Row]) -> Result<[i64; 24], StoreError> {
    let mut hours = [0; 24];
    for row in rows {
        let hour = row.integer(0)?.and_then(|hour| usize::try_from(hour).ok());
        if let Some(slot) = hour.and_then(|hour| hours.get_mut(hour)) {
            *slot = row.integer(1)?.unwrap_or_default();
        }
    }
    Ok(hours)
}
