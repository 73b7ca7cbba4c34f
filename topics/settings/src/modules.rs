use miso_model::Permissions;

use crate::embeds;
use crate::lastfm;
use crate::{Default, Field, Kind, Module, Scope};

/// Text channels and announcement channels.
const TEXT: &[u8] = &[0, 5];
/// What a greeting and a goodbye may say, in braces.
const PLACEHOLDERS: &[&str] = &["mention", "user", "username", "id", "server", "guild", "count"];
/// To write in a channel.
const WRITE: Permissions = Permissions::VIEW_CHANNEL.and(Permissions::SEND_MESSAGES);
/// To write embeds in a channel.
const EMBED: Permissions = WRITE.and(Permissions::EMBED_LINKS);

/// Characters of a message at Discord.
const MESSAGE_CHARS: usize = 2_000;

pub(crate) const fn field(
    key: &'static str,
    title: &'static str,
    help: &'static str,
    kind: Kind,
    default: Default,
) -> Field {
    Field { key, title, help, kind, default, bot_needs: Permissions::NONE, actor_needs: Permissions::NONE }
}

pub(crate) const fn needs(field: Field, bot_needs: Permissions) -> Field {
    Field { bot_needs, ..field }
}

/// A field through which the bot gives roles.
const fn gives_roles(field: Field) -> Field {
    Field { bot_needs: Permissions::MANAGE_ROLES, actor_needs: Permissions::MANAGE_ROLES, ..field }
}

pub(crate) const fn switch(key: &'static str, title: &'static str, help: &'static str) -> Field {
    field(key, title, help, Kind::Switch, Default::Bool(false))
}

const fn channel(key: &'static str, title: &'static str, help: &'static str, bot_needs: Permissions) -> Field {
    needs(field(key, title, help, Kind::Channel { types: TEXT }, Default::Nothing), bot_needs)
}

pub(crate) const fn channels(key: &'static str, title: &'static str, help: &'static str) -> Field {
    field(key, title, help, Kind::Channels { max: 50 }, Default::Empty)
}

/// Every module, in the order of the panel's navigation.
pub static MODULES: &[Module] = &[
    Module {
        key: "general",
        scope: Scope::Guild,
        title: "General",
        help: "What commands begin with.",
        fields: &[field(
            "prefix",
            "Prefix",
            "What commands begin with. Mentioning the bot always works too.",
            Kind::Text { max_chars: 32 },
            Default::Text(">"),
        )],
    },
    Module {
        key: "access",
        scope: Scope::Guild,
        title: "Access",
        help: "Who may use this panel besides members with Manage Server.",
        fields: &[
            field("read", "May look", "Roles that see the settings.", Kind::Roles { max: 25 }, Default::Empty),
            field("write", "May change", "Roles that change the settings.", Kind::Roles { max: 25 }, Default::Empty),
        ],
    },
    Module {
        key: "commands",
        scope: Scope::Guild,
        title: "Commands",
        help: "Which commands work, where and for whom.",
        fields: &[
            field(
                "rules",
                "Rules",
                "One row per command or group; a command's own row wins over its group's.",
                Kind::Table {
                    columns: &[
                        field(
                            "command",
                            "Command",
                            "A command's name, or a group's.",
                            Kind::Text { max_chars: 64 },
                            Default::Nothing,
                        ),
                        field("enabled", "On", "Whether it works at all.", Kind::Switch, Default::Bool(true)),
                        field(
                            "roles",
                            "Only roles",
                            "Only members with one of these; none: everybody.",
                            Kind::Roles { max: 25 },
                            Default::Empty,
                        ),
                        field(
                            "channels",
                            "Only channels",
                            "Only in these; none: everywhere.",
                            Kind::Channels { max: 50 },
                            Default::Empty,
                        ),
                        field(
                            "cooldown_s",
                            "Cooldown",
                            "Seconds between two uses by one member.",
                            Kind::Integer { min: 0, max: 86_400 },
                            Default::Nothing,
                        ),
                    ],
                    max_rows: 200,
                    key: "command",
                },
                Default::Empty,
            ),
            channels("ignored_channels", "Ignored channels", "No command works there."),
            field(
                "ignored_members",
                "Ignored members",
                "No command works for them.",
                Kind::Members { max: 100 },
                Default::Empty,
            ),
            switch(
                "delete_trigger",
                "Delete the command",
                "The message that called a command is deleted after the answer.",
            ),
        ],
    },
    Module {
        key: "custom-commands",
        scope: Scope::Guild,
        title: "Custom commands",
        help: "Texts that the bot answers with.",
        fields: &[
            field(
                "commands",
                "Commands",
                "What follows the prefix, and what the bot answers.",
                Kind::Table {
                    columns: &[
                        field("name", "Name", "One word.", Kind::Text { max_chars: 32 }, Default::Nothing),
                        field(
                            "text",
                            "Answer",
                            "What the bot says.",
                            Kind::Template { max_chars: MESSAGE_CHARS, placeholders: PLACEHOLDERS },
                            Default::Nothing,
                        ),
                    ],
                    max_rows: 200,
                    key: "name",
                },
                Default::Empty,
            ),
            switch(
                "members_may_add",
                "Members may add",
                "Everybody may add custom commands, not only who manages the server.",
            ),
        ],
    },
    Module {
        key: "greeting",
        scope: Scope::Guild,
        title: "Greeting",
        help: "Welcomes who joins.",
        fields: &[
            switch("enabled", "Greet who joins", "Sends a message when somebody joins."),
            channel("channel", "Channel", "Where the greeting is sent.", EMBED),
            field(
                "message",
                "Message",
                "What it says.",
                Kind::Template { max_chars: MESSAGE_CHARS, placeholders: PLACEHOLDERS },
                Default::Text("Welcome {mention} to {server}! You are member number {count}."),
            ),
        ],
    },
    Module {
        key: "goodbye",
        scope: Scope::Guild,
        title: "Goodbye",
        help: "Says goodbye to who leaves.",
        fields: &[
            switch("enabled", "Say goodbye", "Sends a message when somebody leaves."),
            channel("channel", "Channel", "Where it is sent.", WRITE),
            field(
                "message",
                "Message",
                "What it says.",
                Kind::Template { max_chars: MESSAGE_CHARS, placeholders: PLACEHOLDERS },
                Default::Text("Goodbye {user}."),
            ),
        ],
    },
    Module {
        key: "logs",
        scope: Scope::Guild,
        title: "Logs",
        help: "Tells a channel what happens in the server.",
        fields: &[
            channel("members", "Joins and leaves", "Who joined and who left.", EMBED),
            channel("bans", "Bans", "Who was banned and unbanned.", EMBED),
            channel("deleted", "Deleted messages", "What they said, as far as the event log still knows.", EMBED),
            channel("edited", "Edited messages", "Before and after.", EMBED),
            channels("ignored", "Ignored channels", "Deleted and edited messages there are not told."),
        ],
    },
    Module {
        key: "starboard",
        scope: Scope::Guild,
        title: "Starboard",
        help: "Collects messages that members star.",
        fields: &[
            switch("enabled", "Starboard", "Posts messages that got enough reactions."),
            channel("channel", "Channel", "Where they are posted.", EMBED),
            field("emoji", "Emoji", "The reaction that counts.", Kind::Emoji, Default::Text("⭐")),
            field(
                "amount",
                "Amount",
                "Reactions a message needs.",
                Kind::Integer { min: 1, max: 100 },
                Default::Integer(4),
            ),
            channels("ignored", "Ignored channels", "Reactions there do not count."),
        ],
    },
    Module {
        key: "roles",
        scope: Scope::Guild,
        title: "Roles",
        help: "Roles that the bot gives.",
        fields: &[
            gives_roles(field(
                "autoroles",
                "Roles for new members",
                "Given to everybody who joins.",
                Kind::Roles { max: 10 },
                Default::Empty,
            )),
            gives_roles(field("mute_role", "Mute role", "Given to who is muted.", Kind::Role, Default::Nothing)),
        ],
    },
    Module {
        key: "activity",
        scope: Scope::Guild,
        title: "Activity",
        help: "Experience and levels for members who write.",
        fields: &[
            switch(
                "enabled",
                "Count activity",
                "Members get experience for what they write. Off until you turn it on.",
            ),
            switch("announce", "Announce levels", "Tells when a member reaches a level."),
            channel("channel", "Channel", "Where levels are announced; none: where the member wrote.", WRITE),
            gives_roles(field(
                "rewards",
                "Role rewards",
                "Roles given at a level.",
                Kind::Table {
                    columns: &[
                        field(
                            "level",
                            "Level",
                            "The level that is reached.",
                            Kind::Integer { min: 1, max: 500 },
                            Default::Nothing,
                        ),
                        field("role", "Role", "The role that is given.", Kind::Role, Default::Nothing),
                    ],
                    max_rows: 50,
                    key: "level",
                },
                Default::Empty,
            )),
            channels("ignored", "Ignored channels", "Messages there give nothing."),
        ],
    },
    embeds::MODULE,
    lastfm::GUILD,
    Module {
        key: "time",
        scope: Scope::User,
        title: "Time",
        help: "Your time zone, for reminders and dates.",
        fields: &[field("timezone", "Time zone", "Such as Europe/Helsinki.", Kind::Timezone, Default::Text("UTC"))],
    },
    Module {
        key: "notifications",
        scope: Scope::User,
        title: "Notifications",
        help: "Tells you by direct message when somebody says one of your words.",
        fields: &[field(
            "keywords",
            "Words",
            "Whole words, in any case.",
            Kind::Table {
                columns: &[
                    field("word", "Word", "One word or a few.", Kind::Text { max_chars: 64 }, Default::Nothing),
                    field(
                        "guild",
                        "Server",
                        "Only in this server; none: in every one that you share with the bot.",
                        Kind::Text { max_chars: 20 },
                        Default::Nothing,
                    ),
                ],
                max_rows: 50,
                key: "word",
            },
            Default::Empty,
        )],
    },
    lastfm::USER,
    Module {
        key: "privacy",
        scope: Scope::User,
        title: "Privacy",
        help: "What is kept about you.",
        fields: &[field(
            "count_activity",
            "Count my activity",
            "Off: no server counts what you write.",
            Kind::Switch,
            Default::Bool(true),
        )],
    },
    Module {
        key: "logins",
        scope: Scope::User,
        title: "Logins",
        help: "Logins to the panel that were ended before their time.",
        fields: &[
            field(
                "ended_before_ms",
                "Ended before",
                "Logins that began at or before this moment are over; Unix milliseconds.",
                Kind::Integer { min: 0, max: 4_102_444_800_000 },
                Default::Integer(0),
            ),
            field(
                "ended",
                "Ended one by one",
                "Ids of further logins that are over.",
                Kind::Words { max: 50, max_chars: 64 },
                Default::Empty,
            ),
        ],
    },
];

/// The module of this key.
#[must_use]
pub fn module(key: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.key == key)
}

/// The modules of a scope, in order.
pub fn modules_of(scope: Scope) -> impl Iterator<Item = &'static Module> {
    MODULES.iter().filter(move |module| module.scope == scope)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_there_once_and_defaults_fit_their_own_fields() {
        let mut seen = HashSet::new();
        for module in MODULES {
            assert!(seen.insert(module.key), "{} is there twice", module.key);
            let mut fields = HashSet::new();
            for field in module.fields {
                assert!(fields.insert(field.key), "{}.{} is there twice", module.key, field.key);
                assert!(!field.title.is_empty() && field.help.ends_with('.'), "{}.{}", module.key, field.key);
                if let Kind::Table { columns, key, .. } = field.kind {
                    assert!(columns.iter().any(|column| column.key == key), "{}.{}", module.key, field.key);
                    assert!(!columns.iter().any(|column| matches!(column.kind, Kind::Table { .. })));
                }
            }
            assert_eq!(crate::check(module, &module.with_defaults(&serde_json::Map::new())), Ok(()), "{}", module.key);
        }
    }
}
