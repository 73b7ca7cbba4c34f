//! Parquet through its column writers: rows are gathered by column and written a row group at a time.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::{Cell, Column, Kind};

/// Rows of a row group, at most; then it is written.
const GROUP_ROWS: usize = 100_000;
/// Bytes of text gathered for a row group; then it is written with fewer rows.
const GROUP_BYTES: usize = 32 * 1_024 * 1_024;
/// Fast, and already far smaller than the text.
const ZSTD_LEVEL: i32 = 1;

pub struct Parquet<W: Write + Send> {
    columns: Vec<Gathering>,
    rows: usize,
    text_bytes: usize,
    writer: SerializedFileWriter<W>,
}

/// What one column has gathered.
struct Gathering {
    kind: Kind,
    nullable: bool,
    /// 1 where there is a value, 0 where it is empty; of nullable columns only.
    defined: Vec<i16>,
    numbers: Vec<i64>,
    flags: Vec<bool>,
    text: Vec<u8>,
    /// Where each text ends in `text`.
    ends: Vec<usize>,
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(columns: &[&'static Column], out: W) -> io::Result<Self> {
        let fields: Result<Vec<Arc<Type>>, ParquetError> = columns.iter().map(|column| field(column)).collect();
        let schema = Type::group_type_builder("miso").with_fields(fields.map_err(failed)?).build().map_err(failed)?;
        let level = ZstdLevel::try_new(ZSTD_LEVEL).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            // No version number: the bytes of one range are the same in every version of Miso.
            .set_created_by("miso".to_owned())
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        let columns = columns.iter().map(|column| Gathering::new(column)).collect();
        Ok(Self { columns, rows: 0, text_bytes: 0, writer })
    }

    pub(super) fn write<'c, 'd: 'c>(&mut self, row: impl IntoIterator<Item = &'c Cell<'d>>) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(row) {
            self.text_bytes += column.add(cell);
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.text_bytes >= GROUP_BYTES { self.write_group() } else { Ok(()) }
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.into_inner().map_err(failed)
    }

    fn write_group(&mut self) -> io::Result<()> {
        let mut group = self.writer.next_row_group().map_err(failed)?;
        for gathered in &mut self.columns {
            let Some(mut column) = group.next_column().map_err(failed)? else { break };
            gathered.write(column.untyped()).map_err(failed)?;
            column.close().map_err(failed)?;
        }
        group.close().map_err(failed)?;
        (self.rows, self.text_bytes) = (0, 0);
        Ok(())
    }
}

fn field(column: &Column) -> Result<Arc<Type>, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Id | Kind::Integer => (Physical::INT64, None),
        Kind::Time => {
            let logical = LogicalType::timestamp(true, TimeUnit::MILLIS);
            (Physical::INT64, Some(logical))
        }
        Kind::Flag => (Physical::BOOLEAN, None),
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let builder = Type::primitive_type_builder(column.name, physical);
    Ok(Arc::new(builder.with_logical_type(logical).with_repetition(repetition).build()?))
}

/// The destination's own error where there is one, so that a full disk is told as such.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

impl Gathering {
    fn new(column: &Column) -> Self {
        Self {
            kind: column.kind,
            nullable: column.nullable,
            defined: Vec::new(),
            numbers: Vec::new(),
            flags: Vec::new(),
            text: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Adds a cell; answers how many bytes of text it took. A cell of another kind than the column's is
    /// empty; a required column then has its kind's zero.
    fn add(&mut self, cell: &Cell<'_>) -> usize {
        let before = self.text.len();
        let there = match (self.kind, cell) {
            (Kind::Id, Cell::Id(id)) => {
                self.numbers.push(id.cast_signed());
                true
            }
            (Kind::Integer, Cell::Integer(number)) | (Kind::Time, Cell::Time(number)) => {
                self.numbers.push(*number);
                true
            }
            (Kind::Flag, Cell::Flag(flag)) => {
                self.flags.push(*flag);
                true
            }
            (Kind::Text, Cell::Text(text)) => {
                self.text.extend_from_slice(text.as_bytes());
                self.ends.push(self.text.len());
                true
            }
            _ => false,
        };
        if self.nullable {
            self.defined.push(i16::from(there));
        } else if !there {
            match self.kind {
                Kind::Id | Kind::Integer | Kind::Time => self.numbers.push(0),
                Kind::Flag => self.flags.push(false),
                Kind::Text => self.ends.push(self.text.len()),
            }
        }
        self.text.len() - before
    }

    /// Writes what was gathered and begins anew.
    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let defined = self.nullable.then_some(&self.defined[..]);
        match writer {
            ColumnWriter::Int64ColumnWriter(writer) => {
                writer.write_batch(&self.numbers, defined, None)?;
            }
            ColumnWriter::BoolColumnWriter(writer) => {
                writer.write_batch(&self.flags, defined, None)?;
            }
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let text = Bytes::from(std::mem::take(&mut self.text));
                let starts = std::iter::once(0).chain(self.ends.iter().copied());
                let texts: Vec<ByteArray> =
                    starts.zip(&self.ends).map(|(from, &to)| ByteArray::from(text.slice(from..to))).collect();
                writer.write_batch(&texts, defined, None)?;
            }
            _ => return Err(ParquetError::General("a column of no kind of ours".to_owned())),
        }
        self.defined.clear();
        self.numbers.clear();
        self.flags.clear();
        self.text.clear();
        self.ends.clear();
        Ok(())
    }
}
