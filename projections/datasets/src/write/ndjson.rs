//! NDJSON: an object a line, empty cells as null.

use std::io::{self, Write};

use super::{Gathered, put_integer};
use crate::{Cell, Clock, Column};

pub struct Ndjson<W: Write> {
    /// `"name":` of each column, with what goes before it.
    names: Vec<Vec<u8>>,
    clock: Clock,
    out: Gathered<W>,
}

impl<W: Write> Ndjson<W> {
    pub(super) fn new(columns: &[&'static Column], out: W) -> Self {
        let name = |(index, column): (usize, &&Column)| {
            format!("{}\"{}\":", if index == 0 { '{' } else { ',' }, column.name).into_bytes()
        };
        let names = columns.iter().enumerate().map(name).collect();
        Self { names, clock: Clock::default(), out: Gathered::new(out) }
    }

    pub(super) fn write<'c, 'd: 'c>(&mut self, row: impl IntoIterator<Item = &'c Cell<'d>>) -> io::Result<()> {
        let out = &mut self.out.buffer;
        for (name, cell) in self.names.iter().zip(row) {
            out.extend_from_slice(name);
            match cell {
                Cell::Null => out.extend_from_slice(b"null"),
                Cell::Id(id) => {
                    out.push(b'"');
                    put_integer(out, id);
                    out.push(b'"');
                }
                Cell::Integer(number) => put_integer(out, number),
                Cell::Time(ms) => {
                    out.push(b'"');
                    self.clock.write(out, *ms);
                    out.push(b'"');
                }
                Cell::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
                Cell::Text(text) => serde_json::to_writer(&mut *out, text).map_err(io::Error::from)?,
            }
        }
        out.extend_from_slice(b"}\n");
        self.out.ended()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// What is written so far.
    pub(super) fn take(&mut self) -> io::Result<Vec<u8>> {
        Ok(std::mem::take(&mut self.out.buffer))
    }

    pub(super) fn finish(self) -> io::Result<W> {
        self.out.finish()
    }
}
