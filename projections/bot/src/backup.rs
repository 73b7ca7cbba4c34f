//! A copy of the embedded store while it is used.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::StoreError;

/// Copies the store at `path` as it stands at one moment into a new file, also while it is written.
///
/// # Errors
/// [`StoreError::Refused`] when there is no store or `to` is there already; [`StoreError::Unavailable`] when
/// the copy cannot be written.
pub async fn copy_embedded(path: &Path, to: &Path) -> Result<(), StoreError> {
    let (path, to) = (path.to_owned(), to.to_owned());
    let copied = tokio::task::spawn_blocking(move || copy(&path, &to)).await;
    copied.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

fn copy(path: &Path, to: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        return Err(StoreError::Refused(format!("there is no store at {}", path.display())));
    }
    if to.exists() {
        return Err(StoreError::Refused(format!("{} is there already", to.display())));
    }
    let name = to.to_str().ok_or_else(|| StoreError::Refused(format!("{} is no text", to.display())))?;
    let failed = |error: rusqlite::Error| {
        StoreError::Unavailable(format!("the copy {} cannot be written: {error}", to.display()))
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(failed)?;
    connection.execute("vacuum into ?1", [name]).map_err(failed)?;
    std::fs::File::open(to)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::Unavailable(format!("the copy {} is not on disk: {error}", to.display())))
}
