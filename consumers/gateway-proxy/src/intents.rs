//! Which events a client's intents deliver: Discord's table, held by a test to `data/event_intents.json`.

/// `1 << 0`.
pub(crate) const GUILDS: u32 = 1 << 0;
/// `1 << 1`.
pub(crate) const GUILD_MEMBERS: u32 = 1 << 1;
/// `1 << 2`.
pub(crate) const GUILD_MODERATION: u32 = 1 << 2;
/// `1 << 3`.
pub(crate) const GUILD_EXPRESSIONS: u32 = 1 << 3;
/// `1 << 4`.
pub(crate) const GUILD_INTEGRATIONS: u32 = 1 << 4;
/// `1 << 5`.
pub(crate) const GUILD_WEBHOOKS: u32 = 1 << 5;
/// `1 << 6`.
pub(crate) const GUILD_INVITES: u32 = 1 << 6;
/// `1 << 7`.
pub(crate) const GUILD_VOICE_STATES: u32 = 1 << 7;
/// `1 << 8`.
pub(crate) const GUILD_PRESENCES: u32 = 1 << 8;
/// `1 << 9`.
pub(crate) const GUILD_MESSAGES: u32 = 1 << 9;
/// `1 << 10`.
pub(crate) const GUILD_MESSAGE_REACTIONS: u32 = 1 << 10;
/// `1 << 11`.
pub(crate) const GUILD_MESSAGE_TYPING: u32 = 1 << 11;
/// `1 << 12`.
pub(crate) const DIRECT_MESSAGES: u32 = 1 << 12;
/// `1 << 13`.
pub(crate) const DIRECT_MESSAGE_REACTIONS: u32 = 1 << 13;
/// `1 << 14`.
pub(crate) const DIRECT_MESSAGE_TYPING: u32 = 1 << 14;
/// `1 << 15`.
pub(crate) const MESSAGE_CONTENT: u32 = 1 << 15;
/// `1 << 16`.
pub(crate) const GUILD_SCHEDULED_EVENTS: u32 = 1 << 16;
/// `1 << 20`.
pub(crate) const AUTO_MODERATION_CONFIGURATION: u32 = 1 << 20;
/// `1 << 21`.
pub(crate) const AUTO_MODERATION_EXECUTION: u32 = 1 << 21;
/// `1 << 24`.
pub(crate) const GUILD_MESSAGE_POLLS: u32 = 1 << 24;
/// `1 << 25`.
pub(crate) const DIRECT_MESSAGE_POLLS: u32 = 1 << 25;

/// Intents for which Discord wants an application's approval.
pub(crate) const PRIVILEGED: u32 = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT;

/// Every intent that Discord documents.
pub(crate) const ALL: u32 = GUILDS
    | GUILD_MEMBERS
    | GUILD_MODERATION
    | GUILD_EXPRESSIONS
    | GUILD_INTEGRATIONS
    | GUILD_WEBHOOKS
    | GUILD_INVITES
    | GUILD_VOICE_STATES
    | GUILD_PRESENCES
    | GUILD_MESSAGES
    | GUILD_MESSAGE_REACTIONS
    | GUILD_MESSAGE_TYPING
    | DIRECT_MESSAGES
    | DIRECT_MESSAGE_REACTIONS
    | DIRECT_MESSAGE_TYPING
    | MESSAGE_CONTENT
    | GUILD_SCHEDULED_EVENTS
    | AUTO_MODERATION_CONFIGURATION
    | AUTO_MODERATION_EXECUTION
    | GUILD_MESSAGE_POLLS
    | DIRECT_MESSAGE_POLLS;

/// Which intents deliver an event: any bit of `guild` in a guild, any of `direct` outside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    guild: u32,
    direct: u32,
}

impl Rule {
    const fn new(guild: u32, direct: u32) -> Self {
        Self { guild, direct }
    }

    /// Whether a client with these intents gets the event.
    pub(crate) fn delivers(self, intents: u32, in_guild: bool) -> bool {
        let wanted = if in_guild || self.direct == 0 { self.guild } else { self.direct };
        wanted == 0 || wanted & intents != 0
    }
}

/// The rule of an event type. An event that is not in the table is delivered to all.
#[rustfmt::skip]
pub(crate) fn rule(event_type: &str) -> Rule {
    match event_type {
        "AUTO_MODERATION_RULE_CREATE" | "AUTO_MODERATION_RULE_UPDATE" | "AUTO_MODERATION_RULE_DELETE" => Rule::new(AUTO_MODERATION_CONFIGURATION, 0),
        "AUTO_MODERATION_ACTION_EXECUTION" => Rule::new(AUTO_MODERATION_EXECUTION, 0),
        "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "CHANNEL_DELETE" | "THREAD_CREATE" | "THREAD_UPDATE" |
        "THREAD_DELETE" | "THREAD_LIST_SYNC" | "THREAD_MEMBER_UPDATE" | "GUILD_CREATE" | "GUILD_UPDATE" |
        "GUILD_DELETE" | "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" | "GUILD_ROLE_DELETE" |
        "STAGE_INSTANCE_CREATE" | "STAGE_INSTANCE_UPDATE" | "STAGE_INSTANCE_DELETE" |
        "VOICE_CHANNEL_START_TIME_UPDATE" | "VOICE_CHANNEL_STATUS_UPDATE" => Rule::new(GUILDS, 0),
        "CHANNEL_PINS_UPDATE" => Rule::new(GUILDS, DIRECT_MESSAGES),
        "THREAD_MEMBERS_UPDATE" => Rule::new(GUILDS | GUILD_MEMBERS, 0),
        "GUILD_AUDIT_LOG_ENTRY_CREATE" | "GUILD_BAN_ADD" | "GUILD_BAN_REMOVE" => Rule::new(GUILD_MODERATION, 0),
        "GUILD_EMOJIS_UPDATE" | "GUILD_STICKERS_UPDATE" | "GUILD_SOUNDBOARD_SOUND_CREATE" |
        "GUILD_SOUNDBOARD_SOUND_UPDATE" | "GUILD_SOUNDBOARD_SOUND_DELETE" | "GUILD_SOUNDBOARD_SOUNDS_UPDATE" => Rule::new(GUILD_EXPRESSIONS, 0),
        "GUILD_INTEGRATIONS_UPDATE" | "INTEGRATION_CREATE" | "INTEGRATION_UPDATE" | "INTEGRATION_DELETE" => Rule::new(GUILD_INTEGRATIONS, 0),
        "GUILD_MEMBER_ADD" | "GUILD_MEMBER_REMOVE" | "GUILD_MEMBER_UPDATE" => Rule::new(GUILD_MEMBERS, 0),
        "GUILD_SCHEDULED_EVENT_CREATE" | "GUILD_SCHEDULED_EVENT_UPDATE" | "GUILD_SCHEDULED_EVENT_DELETE" |
        "GUILD_SCHEDULED_EVENT_USER_ADD" | "GUILD_SCHEDULED_EVENT_USER_REMOVE" => Rule::new(GUILD_SCHEDULED_EVENTS, 0),
        "INVITE_CREATE" | "INVITE_DELETE" => Rule::new(GUILD_INVITES, 0),
        "MESSAGE_CREATE" | "MESSAGE_UPDATE" | "MESSAGE_DELETE" => Rule::new(GUILD_MESSAGES, DIRECT_MESSAGES),
        "MESSAGE_DELETE_BULK" => Rule::new(GUILD_MESSAGES, 0),
        "MESSAGE_REACTION_ADD" | "MESSAGE_REACTION_REMOVE" | "MESSAGE_REACTION_REMOVE_ALL" |
        "MESSAGE_REACTION_REMOVE_EMOJI" => Rule::new(GUILD_MESSAGE_REACTIONS, DIRECT_MESSAGE_REACTIONS),
        "PRESENCE_UPDATE" => Rule::new(GUILD_PRESENCES, 0),
        "TYPING_START" => Rule::new(GUILD_MESSAGE_TYPING, DIRECT_MESSAGE_TYPING),
        "VOICE_CHANNEL_EFFECT_SEND" | "VOICE_STATE_UPDATE" => Rule::new(GUILD_VOICE_STATES, 0),
        "WEBHOOKS_UPDATE" => Rule::new(GUILD_WEBHOOKS, 0),
        "MESSAGE_POLL_VOTE_ADD" | "MESSAGE_POLL_VOTE_REMOVE" => Rule::new(GUILD_MESSAGE_POLLS, DIRECT_MESSAGE_POLLS),
        _ => Rule::new(0, 0),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Table {
        bits: BTreeMap<String, u32>,
        events: BTreeMap<String, Vec<String>>,
    }

    fn table() -> Table {
        serde_json::from_str(include_str!("../data/event_intents.json")).expect("the table is JSON")
    }

    #[test]
    fn every_event_is_delivered_by_exactly_the_documented_intents() {
        let table = table();
        assert_eq!(ALL, table.bits.values().fold(0, |all, bit| all | 1 << bit));
        for (event, intents) in &table.events {
            for (name, bit) in &table.bits {
                let alone = 1 << bit;
                let listed = intents.contains(name);
                let is_direct = name.starts_with("DIRECT_");
                let has_direct = intents.iter().any(|intent| intent.starts_with("DIRECT_"));
                let in_guild = intents.is_empty() || (listed && !is_direct);
                let outside = intents.is_empty() || (listed && (is_direct || !has_direct));
                assert_eq!(rule(event).delivers(alone, true), in_guild, "{event} with {name} in a guild");
                assert_eq!(rule(event).delivers(alone, false), outside, "{event} with {name} outside a guild");
            }
        }
    }

    #[test]
    fn an_event_nobody_documented_is_delivered() {
        assert!(rule("SOMETHING_NEW").delivers(0, true));
    }
}
