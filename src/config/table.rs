use std::fmt::Write as _;

use super::ALL;

/// `docs/CONFIGURATION.md`.
pub(crate) fn markdown_table() -> String {
    let mut page = String::from(
        "# Configuration\n\nEvery setting is a variable of the environment, or a key of the same name in a TOML file\n\
         (`--config FILE`, `MISO_CONFIG`, or `miso.toml` in the current folder). The environment wins over the\n\
         file. All problems are reported at once, and the process ends with exit code 2.\n\n\
         This page is made from `src/config/variables.rs`; a test holds it up to date.\n\n\
         | variable | default | allowed | meaning |\n|---|---|---|---|\n",
    );
    for variable in ALL {
        let default = variable.default.map_or_else(|| "–".into(), |value| format!("`{value}`"));
        let secret = if variable.secret { " (secret: never printed)" } else { "" };
        let _ = writeln!(
            page,
            "| `{}` | {default} | {} | {}{secret} |",
            variable.name,
            variable.allowed.replace('|', "\\|"),
            variable.meaning.replace('|', "\\|"),
        );
    }
    page
}
