//! The generated pages of `docs/`: made from code, held up to date by tests.

use std::fmt::Write as _;

use miso_log::catalogue;

use crate::verbs::topics::kept;

/// `docs/TOPICS.md`.
pub(crate) fn topics() -> String {
    let mut page = String::from(
        "# Topics\n\nThis page is made from `topics/log/src/catalogue.rs`; a test holds it up to date. Schemas of the records:\n\
         `topics/model/schemas/`. *Synced*: on disk before an append is answered. *Ordered*: visible, safe against kill -9, on\n\
         disk within 50 ms.\n\n\
         | topic | partition by | partitions | kept | durability | records | written by | read by | holds |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for &topic in catalogue::ALL {
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
            topic.name,
            topic.partition_by,
            topic.partitions,
            kept(topic),
            format!("{:?}", topic.durability).to_lowercase(),
            topic.records.join(", "),
            topic.owner,
            topic.readers,
            topic.holds,
        );
    }
    page
}

#[cfg(test)]
mod tests {
    /// `MISO_WRITE_DOCS=1 cargo test -p miso` writes the pages anew.
    fn holds(file: &str, page: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file);
        if std::env::var_os("MISO_WRITE_DOCS").is_some() {
            std::fs::write(&path, page).expect("write page");
        }
        let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(on_disk, page, "docs/{file} is stale: run `make docs`");
    }

    #[test]
    fn the_page_of_all_topics_is_up_to_date() {
        holds("TOPICS.md", &super::topics());
    }

    #[test]
    fn the_page_of_all_settings_is_up_to_date() {
        holds("CONFIGURATION.md", &crate::config::markdown_table());
    }
}
