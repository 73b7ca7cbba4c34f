use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Discord's permission bits; a decimal string in JSON, as Discord writes them. The bits are those of
/// Discord's documentation, "Permissions", of August 2026.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Permissions(pub u64);

macro_rules! permissions {
    ($($name:ident = $bit:literal $shown:literal),+ $(,)?) => {
        impl Permissions {
            $(
                #[doc = concat!("Discord's `", stringify!($name), "`: ", $shown, ".")]
                pub const $name: Self = Self(1 << $bit);
            )+

            /// Each known bit with its name as Discord's client shows it.
            pub const NAMED: &'static [(Self, &'static str)] = &[$((Self::$name, $shown)),+];
        }
    };
}

permissions! {
    CREATE_INSTANT_INVITE = 0 "Create Invite",
    KICK_MEMBERS = 1 "Kick Members",
    BAN_MEMBERS = 2 "Ban Members",
    ADMINISTRATOR = 3 "Administrator",
    MANAGE_CHANNELS = 4 "Manage Channels",
    MANAGE_GUILD = 5 "Manage Server",
    ADD_REACTIONS = 6 "Add Reactions",
    VIEW_AUDIT_LOG = 7 "View Audit Log",
    PRIORITY_SPEAKER = 8 "Priority Speaker",
    STREAM = 9 "Video",
    VIEW_CHANNEL = 10 "View Channel",
    SEND_MESSAGES = 11 "Send Messages",
    SEND_TTS_MESSAGES = 12 "Send Text-to-Speech Messages",
    MANAGE_MESSAGES = 13 "Manage Messages",
    EMBED_LINKS = 14 "Embed Links",
    ATTACH_FILES = 15 "Attach Files",
    READ_MESSAGE_HISTORY = 16 "Read Message History",
    MENTION_EVERYONE = 17 "Mention Everyone",
    USE_EXTERNAL_EMOJIS = 18 "Use External Emoji",
    VIEW_GUILD_INSIGHTS = 19 "View Server Insights",
    CONNECT = 20 "Connect",
    SPEAK = 21 "Speak",
    MUTE_MEMBERS = 22 "Mute Members",
    DEAFEN_MEMBERS = 23 "Deafen Members",
    MOVE_MEMBERS = 24 "Move Members",
    USE_VAD = 25 "Use Voice Activity",
    CHANGE_NICKNAME = 26 "Change Nickname",
    MANAGE_NICKNAMES = 27 "Manage Nicknames",
    MANAGE_ROLES = 28 "Manage Roles",
    MANAGE_WEBHOOKS = 29 "Manage Webhooks",
    MANAGE_GUILD_EXPRESSIONS = 30 "Manage Expressions",
    USE_APPLICATION_COMMANDS = 31 "Use Application Commands",
    REQUEST_TO_SPEAK = 32 "Request to Speak",
    MANAGE_EVENTS = 33 "Manage Events",
    MANAGE_THREADS = 34 "Manage Threads",
    CREATE_PUBLIC_THREADS = 35 "Create Public Threads",
    CREATE_PRIVATE_THREADS = 36 "Create Private Threads",
    USE_EXTERNAL_STICKERS = 37 "Use External Stickers",
    SEND_MESSAGES_IN_THREADS = 38 "Send Messages in Threads",
    USE_EMBEDDED_ACTIVITIES = 39 "Use Activities",
    MODERATE_MEMBERS = 40 "Timeout Members",
    VIEW_CREATOR_MONETIZATION_ANALYTICS = 41 "View Creator Monetization Analytics",
    USE_SOUNDBOARD = 42 "Use Soundboard",
    CREATE_GUILD_EXPRESSIONS = 43 "Create Expressions",
    CREATE_EVENTS = 44 "Create Events",
    USE_EXTERNAL_SOUNDS = 45 "Use External Sounds",
    SEND_VOICE_MESSAGES = 46 "Send Voice Messages",
    SEND_POLLS = 49 "Create Polls",
    USE_EXTERNAL_APPS = 50 "Use External Apps",
    PIN_MESSAGES = 51 "Pin Messages",
}

impl Permissions {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// What a guild's owner has.
    pub const ALL: Self = Self(u64::MAX);

    /// Whether someone with these may do what needs `needed`. An administrator may do everything.
    #[must_use]
    pub fn cover(self, needed: Self) -> bool {
        self.0 & Self::ADMINISTRATOR.0 != 0 || self.0 & needed.0 == needed.0
    }

    /// Those of `needed` that are not here; none for an administrator.
    #[must_use]
    pub fn missing(self, needed: Self) -> Self {
        if self.cover(needed) { Self::NONE } else { Self(needed.0 & !self.0) }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// For people: `Manage Server`.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMED.iter().filter(|(bit, _)| self.0 & bit.0 != 0).map(|(_, name)| *name).collect()
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map(Self).map_err(|_| de::Error::custom("permissions are a decimal string"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_may_do_everything_and_what_is_missing_is_named() {
        assert!(Permissions::ADMINISTRATOR.cover(Permissions::MANAGE_GUILD));
        assert!(!Permissions::SEND_MESSAGES.cover(Permissions::MANAGE_GUILD));
        let needed = Permissions::SEND_MESSAGES.and(Permissions::EMBED_LINKS);
        assert_eq!(Permissions::SEND_MESSAGES.missing(needed).names(), ["Embed Links"]);
        assert_eq!(Permissions::ADMINISTRATOR.missing(needed), Permissions::NONE);
    }
}
