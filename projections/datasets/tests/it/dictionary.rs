use std::path::Path;

/// `MISO_WRITE_DOCS=1 cargo test -p miso-datasets` writes the page anew.
#[test]
fn the_data_dictionary_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/DATASETS.md");
    let page = miso_datasets::dictionary();
    if std::env::var_os("MISO_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("write page");
    }
    let on_disk = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(on_disk, page, "docs/DATASETS.md is stale: run `make docs`");
}
