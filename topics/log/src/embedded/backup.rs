//! A copy of the file while it is written.

use std::path::Path;

use rusqlite::Connection;

use super::file::{advice, check_version, connect_reader};
use crate::LogError;

/// Copies the log at `path` as it stands at one moment into a new file, also while another process writes
/// it; writers do not wait. The copy takes as much room as the records need.
///
/// # Errors
/// [`LogError::Refused`] when there is no log or `to` is there already; [`LogError::Unavailable`] when the
/// copy cannot be written.
pub async fn copy(path: &Path, to: &Path) -> Result<(), LogError> {
    let (path, to) = (path.to_owned(), to.to_owned());
    let copied = tokio::task::spawn_blocking(move || copy_blocking(&path, &to)).await;
    copied.unwrap_or_else(|error| Err(LogError::Unavailable(error.to_string())))
}

fn copy_blocking(path: &Path, to: &Path) -> Result<(), LogError> {
    if !path.exists() {
        return Err(LogError::Refused(format!("there is no log at {}", path.display())));
    }
    if to.exists() {
        return Err(LogError::Refused(format!("{} is there already", to.display())));
    }
    let failed = |error: rusqlite::Error| LogError::Unavailable(advice(path, &error));
    let db: Connection = connect_reader(path).map_err(failed)?;
    check_version(&db, path)?;
    // The copy is written through this connection too; the log itself is only read.
    db.pragma_update(None, "query_only", false).map_err(failed)?;
    let name = to.to_str().ok_or_else(|| LogError::Refused(format!("{} is no text", to.display())))?;
    db.execute("vacuum into ?1", [name])
        .map_err(|error| LogError::Unavailable(format!("the copy {} cannot be written: {error}", to.display())))?;
    std::fs::File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(|error| LogError::Unavailable(format!("the copy {} is not on disk: {error}", to.display())))
}
