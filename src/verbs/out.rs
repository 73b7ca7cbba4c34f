//! Standard output of the verbs: a closed pipe is success, a full disk is told.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use serde_json::Value;

/// Whoever read the output went away: nothing is wrong, nothing more is wanted.
#[derive(Debug, thiserror::Error)]
#[error("the pipe was closed")]
pub(crate) struct Closed;

/// Standard output, buffered between lines that come together.
pub(crate) struct Out(io::BufWriter<io::Stdout>);

impl Out {
    pub(crate) fn new() -> Self {
        Self(io::BufWriter::with_capacity(64 * 1_024, io::stdout()))
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: impl std::fmt::Display) -> anyhow::Result<()> {
        told(writeln!(self.0, "{line}"))
    }

    /// Hands on what was written; to be called before waiting and at the end.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        told(self.0.flush())
    }
}

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// An error of standard output as the verbs tell it.
pub(crate) fn told<T>(written: io::Result<T>) -> anyhow::Result<T> {
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Closed.into(),
        ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded => {
            anyhow::anyhow!("standard output cannot be written: {error}; make room, or write elsewhere")
        }
        _ => anyhow::anyhow!("standard output cannot be written: {error}"),
    })
}

/// Whether people look at standard output.
pub(crate) fn to_people() -> bool {
    io::stdout().is_terminal()
}

/// Rows for people: columns as wide as what is in them, the last one cut at the terminal's edge.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|name| name.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            if !text.is_empty() {
                text.push_str("  ");
            }
            let number = cell.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
                && cell.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'));
            text.push_str(&if number { format!("{cell:>width$}") } else { format!("{cell:<width$}") });
        }
        text.trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// What stands at a path such as `.data.content` or `event` of a line.
pub(crate) fn at_path<'a>(json: &'a Value, path: &str) -> &'a Value {
    path.trim_start_matches('.').split('.').fold(json, |value, name| match value {
        Value::Array(values) => name.parse().ok().and_then(|index: usize| values.get(index)).unwrap_or(&Value::Null),
        other => &other[name],
    })
}

/// A value in a cell: text bare, the rest as JSON.
pub(crate) fn bare(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace(['\n', '\r', '\t'], " "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells_and_numbers_stand_right() {
        let rows = vec![vec!["a".to_owned(), "5".to_owned()], vec!["bcd".to_owned(), "1,000".to_owned()]];
        assert_eq!(table(&["name", "count"], &rows), "name  count\na         5\nbcd   1,000");
    }

    #[test]
    fn paths_lead_into_objects_and_arrays() {
        let json = serde_json::json!({"data": {"list": [{"x": "y\nz"}]}});
        assert_eq!(bare(at_path(&json, ".data.list.0.x")), "y z");
        assert_eq!(bare(at_path(&json, "data.none.at.all")), "");
        assert_eq!(bare(at_path(&json, ".data.list")), r#"[{"x":"y\nz"}]"#);
    }
}
