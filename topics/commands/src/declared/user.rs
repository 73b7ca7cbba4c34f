use super::{argument, command, optional};
use crate::{Command, Cooldown, Group, Kind, Runs};

const GROUP: Group = Group::User;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        aliases: &["dp", "av", "pfp"],
        arguments: &[optional("user", "Whose; without it, yours.", Kind::User)],
        examples: &["avatar", "avatar @miso"],
        ..command("avatar", GROUP, "Shows someone's profile picture.", Runs::Client)
    },
    Command {
        arguments: &[optional("user", "Whose; without it, yours.", Kind::User)],
        examples: &["banner", "banner @member"],
        ..command("banner", GROUP, "Shows someone's banner.", Runs::Client)
    },
    Command {
        aliases: &["uinfo"],
        arguments: &[optional("user", "Who; without it, you.", Kind::User)],
        cooldown: Some(Cooldown { uses: 3, per_ms: 30_000 }),
        examples: &["userinfo", "userinfo @miso"],
        ..command("userinfo", GROUP, "Shows what is known of someone.", Runs::Client)
    },
    Command {
        aliases: &["snowflake"],
        arguments: &[argument("id", "An id, or a mention.", Kind::Id)],
        examples: &["inspect 175928847299117063", "inspect #channel"],
        ..command("inspect", GROUP, "Tells what an id is and when it was made.", Runs::Client)
    },
];
