//! The generated pages of `docs/`: made from code, held up to date by tests.

use std::fmt::Write as _;

use miso_command_catalogue::{Argument, CATALOGUE, Command, Group, Permissions, Place, Runs};
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

/// `docs/COMMANDS.md`.
pub(crate) fn commands() -> String {
    let mut page = String::from(
        "# Commands\n\nThis page is made from `topics/commands/src/declared/`; a test holds it up to date. Commands begin with the\n\
         server's prefix (`>` unless `prefix` changed it) or with a mention of the bot, in any case. `<required>`, `[optional]`.\n\
         Quotes hold several words together. One member may use 15 commands a minute (`MISO_COMMANDS_PER_MINUTE`).\n",
    );
    for group in Group::ALL {
        let _ = writeln!(page, "\n## {}\n", group.name());
        page.push_str("| command | also | what it does | needs | examples |\n|---|---|---|---|---|\n");
        for command in CATALOGUE.commands.iter().filter(|command| command.group == *group) {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                cell(&command.usage()),
                codes(command.aliases),
                cell(command.help),
                needs(command),
                codes(command.examples),
            );
        }
    }
    page.push_str("\n## Words that stand for others\n\n| family | also | about |\n|---|---|---|\n");
    for family in CATALOGUE.families {
        let _ = writeln!(page, "| `{}` | {} | {} |", family.name, codes(family.aliases), family.help);
    }
    page
}

fn codes(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{}`", cell(word))).collect::<Vec<_>>().join(", ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Permissions, place and cooldown.
fn needs(command: &Command) -> String {
    let mut parts = Vec::new();
    let mut all = |who: &str, permissions: Permissions| {
        if permissions != Permissions::NONE {
            parts.push(format!("{who}{}", permissions.names().join(", ")));
        }
    };
    all("", command.permissions);
    let to_give = |argument: &Argument| argument.permissions != Permissions::NONE;
    for argument in command.arguments.iter().filter(|argument| to_give(argument)) {
        all(&format!("to give `{}`: ", argument.name), argument.permissions);
    }
    all("the bot: ", command.bot_permissions);
    if command.place == Place::Guild {
        parts.push("a server".to_owned());
    }
    if let Some(cooldown) = command.cooldown {
        parts.push(format!("{} times in {} s", cooldown.uses, cooldown.per_ms / 1_000));
    }
    if command.private {
        parts.push("answered in private".to_owned());
    }
    if command.runs == Runs::Client {
        parts.push("Discord's data only".to_owned());
    }
    parts.join("; ")
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
    fn the_page_of_all_commands_is_up_to_date() {
        holds("COMMANDS.md", &super::commands());
    }

    #[test]
    fn the_page_of_all_settings_is_up_to_date() {
        holds("CONFIGURATION.md", &crate::config::markdown_table());
    }
}
