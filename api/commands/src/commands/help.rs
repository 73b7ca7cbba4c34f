use miso_command_catalogue::{Args, CATALOGUE, Colour, Command, Document, Group, Place};

use super::code;

/// Lists all commands, or explains one.
pub(crate) fn help(args: &Args, prefix: &str) -> Document {
    match args.text("command").and_then(|name| CATALOGUE.by_name(name)) {
        Some(command) => one(command, prefix),
        None => all(prefix),
    }
}

fn all(prefix: &str) -> Document {
    let mut document = Document { colour: Colour::Help, ..Document::default() }
        .titled("Commands")
        .footer(format!("{prefix}help <command> explains one; mentioning me works in place of {prefix}"));
    for group in Group::ALL {
        let of_group = CATALOGUE.commands.iter().filter(|command| command.group == *group);
        let lines: Vec<String> = of_group
            .map(|command| format!("{} {}", code(&format!("{prefix}{}", command.name)), command.help))
            .collect();
        if !lines.is_empty() {
            document = document.field(group.name(), lines.join("\n"), false);
        }
    }
    document
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
        let text: String = document.fields.iter().map(|field| field.value.as_str()).collect();
        for command in CATALOGUE.commands {
            assert!(text.contains(&format!("`!{}`", command.name)), "{}", command.name);
        }
        assert_eq!(document.colour, Colour::Help);
    }

    #[test]
    fn help_explains_a_command_by_name_or_alias() {
        let document = shown("random");
        assert_eq!(document.title.as_deref(), Some("!rng <n or n-m>"));
        assert!(document.fields.iter().any(|field| field.name == "Examples" && field.value.contains("`!rng 1-6`")));
        assert!(shown("prefix").fields.iter().any(|field| field.value.contains("Manage Server")));
    }
}
