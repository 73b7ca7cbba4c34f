//! What is to be done about a recognised command. Pure.

use miso_command_catalogue::{
    Args, CATALOGUE, Colour, Command, Context, Document, Found, Invocation, Permissions, Place, Runs, parse,
};
use miso_model::BotCommand;

use super::cooldown::{Cooldowns, Use};
use crate::messages::message::People;

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Step {
    /// Nothing: it was no command of ours.
    Silent,
    /// This is the answer.
    Say(Document),
    /// The answer is made from Discord's state.
    Show { command: &'static Command, args: Args },
    /// The commands API knows the answer.
    Ask { command: &'static Command, invocation: Box<Invocation> },
}

impl Step {
    /// For metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Say(_) => "say",
            Self::Show { .. } => "show",
            Self::Ask { .. } => "ask",
        }
    }
}

/// Decides. An unknown word is answered where the bot was meant (mentioned, in a direct message, or
/// a known name is near), else passed over: other bots share prefixes.
pub(crate) fn plan(command: &BotCommand, people: &People, permissions: Permissions, cooldowns: &mut Cooldowns) -> Step {
    let (declared, rest) = match CATALOGUE.find(&command.line) {
        Found::Command { command, rest } => (command, rest),
        Found::Unknown { near, .. } => return unknown(command, near),
    };
    let prefix = shown_prefix(command);
    if declared.place == Place::Guild && command.guild_id.is_none() {
        return warn(format!("`{}` works in servers only.", declared.name));
    }
    let args = match parse(declared, rest) {
        Ok(args) => args,
        Err(error) => {
            let examples: Vec<String> =
                declared.examples.iter().map(|example| format!("`{prefix}{example}`")).collect();
            let usage = format!("{error}\n\nUsage: `{prefix}{}`\nSuch as {}", declared.usage(), examples.join(", "));
            return Step::Say(Document::text(Colour::Warning, usage));
        }
    };
    if !permissions.cover(declared.permissions) {
        return warn(format!("You need the permission {} for that.", declared.permissions.names().join(", ")));
    }
    if let Use::Wait(wait_ms) = cooldowns.try_use(declared, command) {
        let seconds = (wait_ms + 999) / 1_000;
        return Step::Say(Document::text(Colour::Cooldown, format!("`{}` again in {seconds} s.", declared.name)));
    }
    match declared.runs {
        Runs::Client => Step::Show { command: declared, args },
        Runs::Reads | Runs::Changes => {
            let invocation =
                Invocation { args: args.to_json(), context: context(command, people, permissions, prefix) };
            Step::Ask { command: declared, invocation: Box::new(invocation) }
        }
    }
}

fn unknown(command: &BotCommand, near: Option<&'static Command>) -> Step {
    let meant = command.guild_id.is_none() || command.prefix.starts_with("<@");
    let prefix = shown_prefix(command);
    match near {
        Some(near) => warn(format!("There is no such command. Did you mean `{prefix}{}`?", near.name)),
        None if meant => warn(format!("There is no such command. `{prefix}help` lists them all.")),
        None => Step::Silent,
    }
}

fn warn(text: String) -> Step {
    Step::Say(Document::text(Colour::Warning, text))
}

/// What examples begin with: the prefix that was used; a mention is not repeated.
fn shown_prefix(command: &BotCommand) -> String {
    if command.prefix.starts_with("<@") { "@me ".to_owned() } else { command.prefix.clone() }
}

fn context(command: &BotCommand, people: &People, permissions: Permissions, prefix: String) -> Context {
    let locale = people.author.get("locale").and_then(|locale| locale.as_str()).unwrap_or("en");
    Context {
        platform: "discord".to_owned(),
        user: command.user_id,
        guild: command.guild_id,
        channel: Some(command.channel_id),
        locale: locale.to_owned(),
        timezone: "UTC".to_owned(),
        permissions,
        mentions: people.mentioned(),
        prefix: Some(prefix),
        said_ms: Some(miso_model::Snowflake(command.message_id.0).created_ms()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use miso_model::{ChannelId, GuildId, MessageId, UserId};

    use super::*;

    pub(crate) fn said(line: &str) -> BotCommand {
        BotCommand {
            event_id: "s/1".to_owned(),
            guild_id: Some(GuildId(1)),
            channel_id: ChannelId(2),
            user_id: UserId(3),
            message_id: MessageId(4 << 22),
            prefix: "!".to_owned(),
            line: line.to_owned(),
            message: br#"{"mentions":[{"id":"9"}]}"#.to_vec().into(),
            at_ms: 0,
            event_partition: 0,
            event_offset: 0,
        }
    }

    fn planned(command: &BotCommand) -> Step {
        plan(command, &People::read(&command.message), Permissions::NONE, &mut Cooldowns::default())
    }

    fn answered(command: &BotCommand) -> String {
        match planned(command) {
            Step::Say(document) => document.text.expect("text"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn commands_go_where_they_are_carried_out() {
        let Step::Ask { command, invocation } = planned(&said("random 1-6")) else { panic!("asked") };
        assert_eq!((command.name, invocation.args["range"]["to"].as_i64()), ("rng", Some(6)));
        assert_eq!((invocation.context.mentions.as_slice(), invocation.context.user), (&[UserId(9)][..], UserId(3)));
        assert!(matches!(planned(&said("av")), Step::Show { command, .. } if command.name == "avatar"));
    }

    #[test]
    fn arguments_that_do_not_fit_are_answered_with_the_word_the_usage_and_examples() {
        let text = answered(&said("rng six"));
        for part in ["`range`", "`six`", "`!rng <n or n-m>`", "`!rng 1-6`"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn unknown_words_are_answered_only_where_the_bot_is_meant() {
        assert!(matches!(planned(&said("play music")), Step::Silent));
        assert!(answered(&said("hlep")).contains("`!help`"));
        assert!(answered(&BotCommand { guild_id: None, ..said("play") }).contains("`!help`"));
        assert!(answered(&BotCommand { prefix: "<@5>".to_owned(), ..said("play") }).contains("`@me help`"));
    }

    #[test]
    fn commands_of_servers_are_refused_in_direct_messages() {
        assert!(answered(&BotCommand { guild_id: None, ..said("serverinfo") }).contains("servers only"));
    }

    #[test]
    fn too_often_is_answered_with_the_time_to_wait() {
        let mut cooldowns = Cooldowns::default();
        let mut texts = Vec::new();
        for n in 0..4 {
            let command = BotCommand { event_id: format!("s/{n}"), ..said("userinfo") };
            texts.push(plan(&command, &People::default(), Permissions::NONE, &mut cooldowns));
        }
        assert!(texts[..3].iter().all(|step| matches!(step, Step::Show { .. })));
        let Step::Say(document) = &texts[3] else { panic!("cooled down") };
        assert_eq!((document.colour, document.text.as_deref()), (Colour::Cooldown, Some("`userinfo` again in 30 s.")));
    }
}
