//! Rows as bytes: NDJSON, CSV, Parquet. The same rows give the same bytes.

mod csv;
mod ndjson;
mod parquet;

use std::io::{self, Write};

use crate::{Cell, Column};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object a line; ids and times are strings.
    Ndjson,
    /// RFC 4180 with a header; an empty cell is empty, an empty text is `""`.
    Csv,
    /// Parquet, compressed with zstd; ids are int64, times UTC timestamps of milliseconds.
    Parquet,
}

impl Format {
    /// What the files' names end in.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Writes rows of one file.
pub enum RowWriter<W: Write + Send> {
    /// NDJSON.
    Ndjson(ndjson::Ndjson<W>),
    /// CSV.
    Csv(csv::Csv<W>),
    /// Parquet.
    Parquet(Box<parquet::Parquet<W>>),
}

impl<W: Write + Send> std::fmt::Debug for RowWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RowWriter")
    }
}

impl<W: Write + Send> RowWriter<W> {
    /// Begins a file with these columns.
    ///
    /// # Errors
    /// The destination's.
    pub fn new(format: Format, columns: &[&'static Column], out: W) -> io::Result<Self> {
        Ok(match format {
            Format::Ndjson => Self::Ndjson(ndjson::Ndjson::new(columns, out)),
            Format::Csv => Self::Csv(csv::Csv::new(columns, out)?),
            Format::Parquet => Self::Parquet(Box::new(parquet::Parquet::new(columns, out)?)),
        })
    }

    /// Adds a row: a cell for each column, in their order.
    ///
    /// # Errors
    /// The destination's.
    pub fn write<'c, 'd: 'c>(&mut self, row: impl IntoIterator<Item = &'c Cell<'d>>) -> io::Result<()> {
        match self {
            Self::Ndjson(writer) => writer.write(row),
            Self::Csv(writer) => writer.write(row),
            Self::Parquet(writer) => writer.write(row),
        }
    }

    /// Hands on what is written so far where the format allows it, so that a reader of a pipe sees it.
    ///
    /// # Errors
    /// The destination's.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Ndjson(writer) => writer.flush(),
            Self::Csv(writer) => writer.flush(),
            Self::Parquet(_) => Ok(()),
        }
    }

    /// Writes what is left and gives the destination back.
    ///
    /// # Errors
    /// The destination's.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Ndjson(writer) => writer.finish(),
            Self::Csv(writer) => writer.finish(),
            Self::Parquet(writer) => writer.finish(),
        }
    }
}

/// One row at a time as a line of NDJSON.
#[derive(Debug)]
pub struct RowLine(RowWriter<Vec<u8>>);

impl RowLine {
    /// For rows with these columns.
    #[must_use]
    pub fn new(columns: &'static [Column]) -> Self {
        Self(RowWriter::Ndjson(ndjson::Ndjson::new(&columns.iter().collect::<Vec<_>>(), Vec::new())))
    }

    /// The row's line.
    ///
    /// # Errors
    /// Never: it goes to memory.
    pub fn line<'c, 'd: 'c>(&mut self, row: impl IntoIterator<Item = &'c Cell<'d>>) -> io::Result<Vec<u8>> {
        let RowWriter::Ndjson(writer) = &mut self.0 else { return Ok(Vec::new()) };
        writer.write(row)?;
        writer.take()
    }
}

/// Bytes gathered before they are handed to the destination.
const GATHER_BYTES: usize = 256 * 1_024;

/// A destination behind a buffer that lines are made in.
pub(crate) struct Gathered<W: Write> {
    pub(crate) buffer: Vec<u8>,
    out: W,
}

impl<W: Write> Gathered<W> {
    fn new(out: W) -> Self {
        Self { buffer: Vec::with_capacity(GATHER_BYTES + GATHER_BYTES / 4), out }
    }

    /// To be called after each line.
    fn ended(&mut self) -> io::Result<()> {
        if self.buffer.len() >= GATHER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }

    fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.out)
    }
}

/// Appends a whole number.
fn put_integer(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{number}");
}
