use super::{STATE, argument, command, optional, setting};
use crate::{Argument, Command, Group, How, Kind, PREFIX_CHARS, Permissions, Place, Runs};

/// Characters of a message at Discord.
const MESSAGE_CHARS: usize = 2_000;

const CHANNEL: Argument = argument("value", "The channel.", Kind::Channel { or_off: false });
const CHANNEL_OR_OFF: Argument = argument("value", "The channel; `off` ends it.", Kind::Channel { or_off: true });
const MESSAGE: Argument = argument(
    "value",
    "What it says; {mention}, {user}, {username}, {id}, {server} and {count} are filled in.",
    Kind::Message { max_chars: MESSAGE_CHARS },
);
const COMMAND: Argument = argument("command", "A command, or a group of them.", Kind::CommandsName);

pub(super) const COMMANDS: &[Command] = &[
    Command {
        arguments: &[Argument {
            permissions: Permissions::MANAGE_GUILD,
            ..optional(
                "prefix",
                "The new prefix; put it in quotes to end it with a space.",
                Kind::Text { max_chars: PREFIX_CHARS, rest: true },
            )
        }],
        place: Place::Guild,
        examples: &["prefix", "prefix !", "prefix \"miso \""],
        ..command(
            "prefix",
            Group::Configuration,
            "Shows or changes what commands begin with in this server.",
            Runs::Changes,
        )
    },
    setting(
        "greeter toggle",
        "Turns the greeting on or off.",
        "greeting",
        How::Toggle("enabled"),
        &[STATE],
        &["greeter toggle", "greeter toggle on"],
    ),
    setting(
        "greeter channel",
        "Chooses where newcomers are greeted.",
        "greeting",
        How::Set("channel"),
        &[CHANNEL],
        &["greeter channel #channel"],
    ),
    setting(
        "greeter message",
        "Changes what the greeting says.",
        "greeting",
        How::Set("message"),
        &[MESSAGE],
        &["greeter message Welcome {mention} to {server}!"],
    ),
    setting(
        "goodbyemessage toggle",
        "Turns the goodbye on or off.",
        "goodbye",
        How::Toggle("enabled"),
        &[STATE],
        &["goodbyemessage toggle"],
    ),
    setting(
        "goodbyemessage channel",
        "Chooses where goodbye is said.",
        "goodbye",
        How::Set("channel"),
        &[CHANNEL],
        &["goodbyemessage channel #channel"],
    ),
    setting(
        "goodbyemessage message",
        "Changes what the goodbye says.",
        "goodbye",
        How::Set("message"),
        &[MESSAGE],
        &["goodbyemessage message Farewell, {user}."],
    ),
    setting(
        "logger members",
        "Chooses where joins and leaves are told.",
        "logs",
        How::Set("members"),
        &[CHANNEL_OR_OFF],
        &["logger members #channel", "logger members off"],
    ),
    setting(
        "logger bans",
        "Chooses where bans are told.",
        "logs",
        How::Set("bans"),
        &[CHANNEL_OR_OFF],
        &["logger bans #channel"],
    ),
    setting(
        "logger deleted",
        "Chooses where deleted messages are told.",
        "logs",
        How::Set("deleted"),
        &[CHANNEL_OR_OFF],
        &["logger deleted #channel"],
    ),
    setting(
        "logger edited",
        "Chooses where edited messages are told.",
        "logs",
        How::Set("edited"),
        &[CHANNEL_OR_OFF],
        &["logger edited #channel"],
    ),
    setting(
        "starboard toggle",
        "Turns the starboard on or off.",
        "starboard",
        How::Toggle("enabled"),
        &[STATE],
        &["starboard toggle"],
    ),
    setting(
        "starboard channel",
        "Chooses where starred messages are posted.",
        "starboard",
        How::Set("channel"),
        &[CHANNEL],
        &["starboard channel #channel"],
    ),
    setting(
        "starboard amount",
        "Changes how many reactions a message needs.",
        "starboard",
        How::Set("amount"),
        &[argument("value", "From 1 to 100.", Kind::Integer { min: 1, max: 100 })],
        &["starboard amount 5"],
    ),
    setting(
        "starboard emoji",
        "Changes which reaction counts.",
        "starboard",
        How::Set("emoji"),
        &[argument("value", "The emoji.", Kind::Emoji)],
        &["starboard emoji 🌟"],
    ),
    Command {
        permissions: Permissions::NONE,
        runs: Runs::Reads,
        ..setting(
            "starboard current",
            "Shows how the starboard is set up.",
            "starboard",
            How::Show(&[]),
            &[],
            &["starboard current"],
        )
    },
    Command {
        bot_permissions: Permissions::MANAGE_ROLES,
        ..setting(
            "autorole add",
            "Adds a role that newcomers get.",
            "roles",
            How::Add("autoroles"),
            &[argument("value", "The role.", Kind::Role)],
            &["autorole add @role"],
        )
    },
    setting(
        "autorole remove",
        "Takes one of them away again.",
        "roles",
        How::Remove("autoroles"),
        &[argument("value", "The role.", Kind::Role)],
        &["autorole remove @role"],
    ),
    Command {
        permissions: Permissions::NONE,
        runs: Runs::Reads,
        ..setting(
            "autorole list",
            "Lists the roles that newcomers get.",
            "roles",
            How::List("autoroles"),
            &[],
            &["autorole list"],
        )
    },
    setting(
        "blacklist channel",
        "Lets no command work in a channel.",
        "commands",
        How::Add("ignored_channels"),
        &[CHANNEL],
        &["blacklist channel #channel"],
    ),
    setting(
        "blacklist member",
        "Lets no command work for a member.",
        "commands",
        How::Add("ignored_members"),
        &[argument("value", "The member.", Kind::Member)],
        &["blacklist member @member"],
    ),
    Command {
        aliases: &["list"],
        runs: Runs::Reads,
        ..setting(
            "blacklist show",
            "Shows where and for whom no command works.",
            "commands",
            How::Show(&["ignored_channels", "ignored_members"]),
            &[],
            &["blacklist show"],
        )
    },
    Command {
        aliases: &["remove"],
        ..setting(
            "blacklist delete",
            "Takes a channel or a member off the list.",
            "commands",
            How::Unignore,
            &[argument("value", "Which.", Kind::ChannelOrMember)],
            &["blacklist delete #channel", "blacklist delete @member"],
        )
    },
    setting(
        "command restrict",
        "Lets a command work in this channel only; said again with another channel, in both.",
        "commands",
        How::Restrict,
        &[CHANNEL, COMMAND],
        &["command restrict #channel ship"],
    ),
    setting(
        "command disable",
        "Turns a command off in this server.",
        "commands",
        How::Enable(false),
        &[COMMAND],
        &["command disable ship"],
    ),
    setting(
        "command enable",
        "Turns a command on again.",
        "commands",
        How::Enable(true),
        &[COMMAND],
        &["command enable ship"],
    ),
    setting(
        "command clear",
        "Lets a command work everywhere and for everybody again.",
        "commands",
        How::Unrestrict,
        &[COMMAND],
        &["command clear ship"],
    ),
];
