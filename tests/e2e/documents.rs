//! The documents speak of what is there.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            sources(&path, text);
        } else if name.ends_with(".rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("utf-8"));
        }
    }
}

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let page = std::fs::read_to_string(root().join("docs/GUARANTEES.md")).expect("the page");
    let mut code = String::new();
    sources(&root(), &mut code);
    let looks_like_a_test = |word: &&str| word.matches('_').count() >= 4 && !word.contains(['/', ' ', ':']);
    let named: Vec<&str> = page.split('`').skip(1).step_by(2).filter(looks_like_a_test).collect();
    assert!(named.len() > 30, "the page names its tests");
    let missing: Vec<&&str> = named
        .iter()
        .filter(|name| !code.contains(&format!("fn {name}(")) && !code.contains(&format!("    {name},")))
        .collect();
    assert!(missing.is_empty(), "named in docs/GUARANTEES.md, and nowhere in the code: {missing:?}");
}

#[test]
fn only_the_commands_api_and_the_binary_that_wires_it_depend_on_the_store() {
    let mut dependents = Vec::new();
    for floor in ["topics", "projections", "producers", "consumers", "api"] {
        for entry in std::fs::read_dir(root().join(floor)).expect("a folder") {
            let manifest = entry.expect("an entry").path().join("Cargo.toml");
            let Ok(text) = std::fs::read_to_string(&manifest) else { continue };
            // Tests may start a commands API of their own.
            let product = text.split("[dev-dependencies]").next().unwrap_or_default();
            if product.contains("miso-bot-store.workspace") {
                dependents.push(manifest);
            }
        }
    }
    assert_eq!(dependents, [root().join("api/commands/Cargo.toml")]);
}

#[test]
fn links_of_the_documents_lead_to_files() {
    for page in ["README.md", "docs/ARCHITECTURE.md", "docs/GUARANTEES.md"] {
        let text = std::fs::read_to_string(root().join(page)).expect("the page");
        let folder = root().join(page).parent().expect("a folder").to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(
                link.starts_with("http") || folder.join(link).exists(),
                "{page} links to {link}, which is not there"
            );
        }
    }
}
