//! The files of one segment: one for each day, or one; hashed as they are written, in their place only
//! when whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::checkpoint::FileDone;
use crate::{Cell, Column, Format, RowWriter};

/// Days that are written at the same time, at most; beyond it the oldest is finished, and gets another
/// file if it comes again.
const OPEN_DAYS: usize = 32;

/// An error at a file, which it names.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written: {source}", path.display())]
pub struct PartError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Hashes and counts what passes.
pub(crate) struct Hashed {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

struct Part {
    path: String,
    rows: u64,
    writer: RowWriter<Hashed>,
}

/// The files that are open.
pub(crate) struct Parts<'a> {
    place: &'a Path,
    format: Format,
    columns: Vec<&'static Column>,
    segment: u64,
    opened: usize,
    open: BTreeMap<String, Part>,
    done: Vec<FileDone>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(place: &'a Path, format: Format, columns: Vec<&'static Column>, segment: u64) -> Self {
        Self { place, format, columns, segment, opened: 0, open: BTreeMap::new(), done: Vec::new() }
    }

    /// Adds a row to the file of its day (`""`: there are no days).
    pub(crate) fn write<'c, 'd: 'c>(
        &mut self,
        day: &str,
        row: impl IntoIterator<Item = &'c Cell<'d>>,
    ) -> Result<(), PartError> {
        if !self.open.contains_key(day) {
            self.begin(day)?;
        }
        let Some(part) = self.open.get_mut(day) else { return Ok(()) };
        part.rows += 1;
        part.writer.write(row).map_err(|source| PartError { path: self.place.join(&part.path), source })
    }

    fn begin(&mut self, day: &str) -> Result<(), PartError> {
        if self.open.len() >= OPEN_DAYS
            && let Some((_, oldest)) = self.open.pop_first()
        {
            self.finish_part(oldest)?;
        }
        let extension = self.format.extension();
        let name = format!("{:05}-{:02}.{extension}", self.segment, self.opened);
        self.opened += 1;
        let path = if day.is_empty() { name } else { format!("day={day}/{name}") };
        let whole = self.place.join(&path);
        let failed = |source| PartError { path: whole.clone(), source };
        if let Some(folder) = whole.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::create(unfinished(&whole)).map_err(failed)?;
        let hashed = Hashed { file, hash: Sha256::new(), bytes: 0 };
        let writer = RowWriter::new(self.format, &self.columns, hashed).map_err(failed)?;
        self.open.insert(day.to_owned(), Part { path, rows: 0, writer });
        Ok(())
    }

    fn finish_part(&mut self, part: Part) -> Result<(), PartError> {
        let path = self.place.join(&part.path);
        let failed = |source| PartError { path: path.clone(), source };
        let hashed = part.writer.finish().map_err(failed)?;
        hashed.file.sync_all().map_err(failed)?;
        fs::rename(unfinished(&path), &path).map_err(failed)?;
        let sha256 = hashed.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.done.push(FileDone { path: part.path, rows: part.rows, bytes: hashed.bytes, sha256 });
        Ok(())
    }

    /// Finishes all files; they are on disk and in their place.
    pub(crate) fn finish(mut self) -> Result<Vec<FileDone>, PartError> {
        while let Some((_, part)) = self.open.pop_first() {
            self.finish_part(part)?;
        }
        let mut folders: Vec<PathBuf> = vec![self.place.to_owned()];
        folders.extend(self.done.iter().filter_map(|file| self.place.join(&file.path).parent().map(Path::to_owned)));
        folders.dedup();
        for folder in folders {
            let synced = File::open(&folder).and_then(|folder| folder.sync_all());
            synced.map_err(|source| PartError { path: folder, source })?;
        }
        self.done.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.done)
    }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
