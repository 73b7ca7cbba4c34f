//! The data dictionary, `docs/DATASETS.md`: made from the datasets themselves.

use std::fmt::Write as _;

use crate::Dataset;

/// The page.
#[must_use]
pub fn dictionary() -> String {
    let mut page = String::from(
        "# Datasets\n\nThis page is made from `projections/datasets/src/datasets/`; a test holds it up to date, and runs every query in\n\
         DuckDB over Parquet and over CSV. How to export: [CLI.md](CLI.md).\n\n\
         | kind | in NDJSON and CSV | in Parquet |\n|---|---|---|\n\
         | id | a string of digits | int64 |\n| integer | a number | int64 |\n| time | RFC 3339, UTC, milliseconds | timestamp, UTC, milliseconds |\n\
         | flag | `true`, `false` | boolean |\n| text | text | UTF-8 |\n\n\
         What people wrote is masked to its length (`‹14 chars›`) unless `--with-content` was given; the manifest says which.\n\
         In the queries `{files}` stands for the files, such as `'out/**/*.parquet'`.\n",
    );
    for dataset in Dataset::ALL {
        let about = dataset.about();
        let topics: Vec<String> = about.topics.iter().map(|topic| format!("`{}`", topic.name)).collect();
        let _ = writeln!(page, "\n## {}\n\n{} Made from {}.\n", about.name, about.doc, topics.join(", "));
        page.push_str("| column | kind | may be empty | means |\n|---|---|---|---|\n");
        for column in about.columns {
            let empty = if column.nullable { "yes" } else { "" };
            let _ = writeln!(page, "| `{}` | {} | {empty} | {} |", column.name, column.kind.name(), column.doc);
        }
        for (what, sql) in about.queries {
            let _ = write!(page, "\n{}:\n\n```sql\n{sql}\n```\n", capitalised(what));
        }
    }
    page
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
