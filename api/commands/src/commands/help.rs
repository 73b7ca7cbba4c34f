use miso_command_catalogue::{Args, CATALOGUE, Colour, Command, Document, Group, Place};

use super::code;

/// Lists all commands, explains one, or lists those of a family or a group.
pub(crate) fn help(args: &Args, prefix: &str) -> Document {
    let Some(name) = args.text("command") else { return all(prefix) };
    if let Some(command) = CATALOGUE.by_name(name) {
        return one(command, prefix);
    }
    match (CATALOGUE.family(name), Group::named(name)) {
        (Some(family), _) => {
            let aliases: Vec<String> = family.aliases.iter().map(|alias| code(alias)).collect();
            let document = some(family.help, prefix, |command| command.words().0 == Some(family.name));
            let document = document.titled(format!("{prefix}{}", family.name));
            if aliases.is_empty() { document } else { document.field("Also", aliases.join(" "), true) }
        }
        (None, Some(group)) => some("", prefix, |command| command.group == group).titled(group.name()),
        (None, None) => all(prefix),
    }
}

/// A line per command; a family takes one together.
fn all(prefix: &str) -> Document {
    let mut document = Document { colour: Colour::Help, ..Document::default() }
        .titled("Commands")
        .footer(format!("{prefix}help <command> explains one; mentioning me works in place of {prefix}"));
    for group in Group::ALL {
        let of_group = || CATALOGUE.commands.iter().filter(|command| command.group == *group);
        let mut lines = Vec::new();
        for command in of_group() {
            match command.words() {
                (None, name) => lines.push(format!("{} {}", code(&format!("{prefix}{name}")), command.help)),
                (Some(family), own) => {
                    let first = of_group().find(|other| other.words().0 == Some(family));
                    if first.is_some_and(|first| first.words().1 == own) {
                        lines.push(together(family, prefix, of_group()));
                    }
                }
            }
        }
        if !lines.is_empty() {
            document = document.field(group.name(), lines.join("\n"), false);
        }
    }
    document
}

/// `>starboard` toggle, channel, amount.
fn together(family: &str, prefix: &str, of_group: impl Iterator<Item = &'static Command>) -> String {
    let own: Vec<&str> = of_group.filter(|command| command.words().0 == Some(family)).map(|c| c.words().1).collect();
    format!("{} {}", code(&format!("{prefix}{family}")), own.join(", "))
}

fn some(help: &str, prefix: &str, is_meant: impl Fn(&Command) -> bool) -> Document {
    let commands = CATALOGUE.commands.iter().filter(|command| is_meant(command));
    let rows = commands.map(|command| format!("{}\n{}", code(&format!("{prefix}{}", command.usage())), command.help));
    let text = Some(help.to_owned()).filter(|help| !help.is_empty());
    Document { text, rows: rows.collect(), colour: Colour::Help, ..Document::default() }
}

fn one(command: &Command, prefix: &str) -> Document {
    let mut document = Document::text(Colour::Help, command.help).titled(format!("{prefix}{}", command.usage()));
    if !command.aliases.is_empty() {
        let aliases: Vec<String> = command.aliases.iter().map(|alias| code(alias)).collect();
        document = document.field("Also", aliases.join(" "), true);
    }
    if command.place == Place::Guild {
        document = document.field("Where", "Servers only", true);
    }
    if let Some(cooldown) = command.cooldown {
        document =
            document.field("How often", format!("{} times in {} s", cooldown.uses, cooldown.per_ms / 1_000), true);
    }
    for (name, needed) in [("You need", command.permissions), ("I need", command.bot_permissions)] {
        if needed.0 != 0 {
            document = document.field(name, needed.names().join(", "), true);
        }
    }
    if !command.arguments.is_empty() {
        let lines: Vec<String> = command
            .arguments
            .iter()
            .map(|argument| {
                let needs = argument.permissions.names();
                let needs = if needs.is_empty() { String::new() } else { format!(" (needs {})", needs.join(", ")) };
                format!("{} {}{needs}", code(argument.name), argument.help)
            })
            .collect();
        document = document.field("Arguments", lines.join("\n"), false);
    }
    let examples: Vec<String> = command.examples.iter().map(|example| code(&format!("{prefix}{example}"))).collect();
    document.field("Examples", examples.join("\n"), false)
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::parse;

    use super::*;

    fn shown(line: &str) -> Document {
        let command = CATALOGUE.by_name("help").expect("declared");
        help(&parse(command, line).expect("fits"), "!")
    }

    #[test]
    fn help_lists_every_command_under_the_prefix_in_use() {
        let document = shown("");
        for command in CATALOGUE.commands {
            let field = document.fields.iter().find(|field| field.name == command.group.name()).expect("its group");
            let (family, own) = command.words();
            let line = field.value.lines().find(|line| line.starts_with(&format!("`!{}`", family.unwrap_or(own))));
            assert!(line.is_some_and(|line| family.is_none() || line.contains(own)), "{}", command.name);
        }
        // Discord shows no more of a field.
        assert!(document.fields.iter().all(|field| field.value.encode_utf16().count() <= 1_024));
        assert_eq!(document.colour, Colour::Help);
    }

    #[test]
    fn help_lists_the_commands_of_a_family_and_of_a_group() {
        let document = shown("welcome");
        assert_eq!(document.title.as_deref(), Some("!greeter"));
        assert!(document.rows.iter().any(|row| row.starts_with("`!greeter toggle [on|off]`")));
        let document = shown("FUN");
        assert!(document.title.as_deref() == Some("Fun") && document.rows.iter().any(|row| row.contains("!ship")));
    }

    #[test]
    fn help_explains_a_command_by_name_or_alias() {
        let document = shown("random");
        assert_eq!(document.title.as_deref(), Some("!rng <n or n-m>"));
        assert!(document.fields.iter().any(|field| field.name == "Examples" && field.value.contains("`!rng 1-6`")));
        assert!(shown("prefix").fields.iter().any(|field| field.value.contains("Manage Server")));
        let shown = shown("autorole add");
        let field = |name: &str| shown.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str());
        assert_eq!((field("You need"), field("I need")), (Some("Manage Server"), Some("Manage Roles")));
    }
}
