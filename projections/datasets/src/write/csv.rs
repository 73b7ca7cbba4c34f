//! CSV as RFC 4180 has it, with LF: a header, empty cells empty, empty texts quoted.

use std::io::{self, Write};

use super::{Gathered, put_integer};
use crate::{Cell, Clock, Column};

pub struct Csv<W: Write> {
    columns: usize,
    clock: Clock,
    out: Gathered<W>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(columns: &[&'static Column], out: W) -> io::Result<Self> {
        let mut out = Gathered::new(out);
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        out.buffer.extend_from_slice(names.join(",").as_bytes());
        out.buffer.push(b'\n');
        Ok(Self { columns: columns.len(), clock: Clock::default(), out })
    }

    pub(super) fn write<'c, 'd: 'c>(&mut self, row: impl IntoIterator<Item = &'c Cell<'d>>) -> io::Result<()> {
        let out = &mut self.out.buffer;
        for (index, cell) in row.into_iter().take(self.columns).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match cell {
                Cell::Null => {}
                Cell::Id(id) => put_integer(out, id),
                Cell::Integer(number) => put_integer(out, number),
                Cell::Time(ms) => self.clock.write(out, *ms),
                Cell::Flag(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
                Cell::Text(text) => put_text(out, text),
            }
        }
        out.push(b'\n');
        self.out.ended()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub(super) fn finish(self) -> io::Result<W> {
        self.out.finish()
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let plain = !text.is_empty() && !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if plain {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
