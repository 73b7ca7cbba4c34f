//! Which intent lets an event through (Discord's table), and which intents exist and are privileged.

pub(crate) const GUILDS: u64 = 1;
pub(crate) const GUILD_MEMBERS: u64 = 1 << 1;
pub(crate) const GUILD_PRESENCES: u64 = 1 << 8;
pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;

/// Every intent bit that Discord defines; another bit closes with 4013.
const KNOWN: u64 = 0x1_FFFF | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25;

/// Whether all bits of `intents` are defined.
pub(crate) fn are_known(intents: u64) -> bool {
    intents & !KNOWN == 0
}

/// Whether an application with these `flags` may use `intents`: each privileged one needs its flag or the limited form of it.
pub(crate) fn are_allowed(intents: u64, flags: u64) -> bool {
    let privileged = [(GUILD_PRESENCES, 0b11 << 12), (GUILD_MEMBERS, 0b11 << 14), (MESSAGE_CONTENT, 0b11 << 18)];
    privileged.iter().all(|(intent, needed)| intents & intent == 0 || flags & needed != 0)
}

/// The intents of which one must be held to get `kind`; `None`: everybody gets it.
pub(crate) fn needed_for(kind: &str, in_guild: bool) -> Option<u64> {
    let bit = |guild: u32, direct: u32| Some(1_u64 << if in_guild { guild } else { direct });
    match kind {
        "CHANNEL_CREATE"
        | "CHANNEL_UPDATE"
        | "CHANNEL_DELETE"
        | "THREAD_CREATE"
        | "THREAD_UPDATE"
        | "THREAD_DELETE"
        | "THREAD_LIST_SYNC"
        | "THREAD_MEMBER_UPDATE"
        | "GUILD_CREATE"
        | "GUILD_UPDATE"
        | "GUILD_DELETE"
        | "GUILD_ROLE_CREATE"
        | "GUILD_ROLE_UPDATE"
        | "GUILD_ROLE_DELETE"
        | "STAGE_INSTANCE_CREATE"
        | "STAGE_INSTANCE_UPDATE"
        | "STAGE_INSTANCE_DELETE" => Some(GUILDS),
        "THREAD_MEMBERS_UPDATE" => Some(GUILDS | GUILD_MEMBERS),
        "CHANNEL_PINS_UPDATE" => bit(0, 12),
        "GUILD_MEMBER_ADD" | "GUILD_MEMBER_REMOVE" | "GUILD_MEMBER_UPDATE" => Some(GUILD_MEMBERS),
        "GUILD_BAN_ADD" | "GUILD_BAN_REMOVE" | "GUILD_AUDIT_LOG_ENTRY_CREATE" => Some(1 << 2),
        "GUILD_EMOJIS_UPDATE" | "GUILD_STICKERS_UPDATE" => Some(1 << 3),
        "INTEGRATION_CREATE" | "INTEGRATION_UPDATE" | "INTEGRATION_DELETE" | "GUILD_INTEGRATIONS_UPDATE" => {
            Some(1 << 4)
        }
        "WEBHOOKS_UPDATE" => Some(1 << 5),
        "INVITE_CREATE" | "INVITE_DELETE" => Some(1 << 6),
        "VOICE_STATE_UPDATE" => Some(1 << 7),
        "PRESENCE_UPDATE" => Some(GUILD_PRESENCES),
        "MESSAGE_CREATE" | "MESSAGE_UPDATE" | "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => bit(9, 12),
        "MESSAGE_REACTION_ADD"
        | "MESSAGE_REACTION_REMOVE"
        | "MESSAGE_REACTION_REMOVE_ALL"
        | "MESSAGE_REACTION_REMOVE_EMOJI" => bit(10, 13),
        "TYPING_START" => bit(11, 14),
        "GUILD_SCHEDULED_EVENT_CREATE" | "GUILD_SCHEDULED_EVENT_UPDATE" | "GUILD_SCHEDULED_EVENT_DELETE" => {
            Some(1 << 16)
        }
        "AUTO_MODERATION_RULE_CREATE" | "AUTO_MODERATION_RULE_UPDATE" | "AUTO_MODERATION_RULE_DELETE" => Some(1 << 20),
        "AUTO_MODERATION_ACTION_EXECUTION" => Some(1 << 21),
        "MESSAGE_POLL_VOTE_ADD" | "MESSAGE_POLL_VOTE_REMOVE" => bit(24, 25),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileged_intents_need_their_application_flag() {
        assert!(are_allowed(GUILDS | GUILD_MESSAGES, 0));
        assert!(!are_allowed(MESSAGE_CONTENT, 1 << 14));
        assert!(are_allowed(MESSAGE_CONTENT, 1 << 19));
        assert!(!are_known(1 << 18));
    }

    #[test]
    fn direct_and_guild_messages_have_their_own_intents() {
        assert_eq!(needed_for("MESSAGE_CREATE", true), Some(1 << 9));
        assert_eq!(needed_for("MESSAGE_CREATE", false), Some(1 << 12));
        assert_eq!(needed_for("INTERACTION_CREATE", true), None);
    }
}
