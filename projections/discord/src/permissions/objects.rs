//! What of Discord's JSON decides about permissions.

use miso_model::{ChannelId, Permissions, Snowflake, UserId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A role, as Discord's JSON has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Role {
    /// Its id; `@everyone` has its guild's.
    pub id: Snowflake,
    /// Its height; of two at one height the one with the lower id is higher.
    #[serde(default)]
    pub position: i64,
    /// What it gives.
    #[serde(default, deserialize_with = "bits")]
    pub permissions: Permissions,
    /// Whether an integration owns it: nobody else can give or take it.
    #[serde(default)]
    pub managed: bool,
}

impl Role {
    /// Greater is higher.
    #[must_use]
    pub fn height(&self) -> (i64, std::cmp::Reverse<u64>) {
        (self.position, std::cmp::Reverse(self.id.0))
    }
}

/// A member, as Discord's JSON has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// Their roles, without `@everyone`.
    #[serde(default)]
    pub roles: Vec<Snowflake>,
    /// The end of a timeout, Unix milliseconds.
    #[serde(default, rename = "communication_disabled_until", deserialize_with = "instant")]
    pub timed_out_until_ms: Option<i64>,
}

/// A channel or thread, as Discord's JSON has it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// Discord's channel type.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its parent: a category, or a thread's channel.
    #[serde(default)]
    pub parent_id: Option<ChannelId>,
    /// Who began it (threads).
    #[serde(default)]
    pub owner_id: Option<UserId>,
    /// Overwrites, in any order.
    #[serde(default)]
    pub permission_overwrites: Vec<Overwrite>,
    /// Discord sends it to members of a thread: the bot is one.
    #[serde(default)]
    member: Option<IgnoredAny>,
}

impl Channel {
    /// Announcement, public and private threads.
    #[must_use]
    pub fn is_thread(&self) -> bool {
        matches!(self.kind, 10..=12)
    }

    /// Whether only its members and those who manage threads see it.
    #[must_use]
    pub fn is_private_thread(&self) -> bool {
        self.kind == 12
    }

    /// Voice and stage channels.
    #[must_use]
    pub fn is_voice(&self) -> bool {
        matches!(self.kind, 2 | 13)
    }

    /// Whether the bot is known to be in this thread.
    #[must_use]
    pub fn has_bot(&self) -> bool {
        self.member.is_some()
    }
}

/// What a channel changes for a role or a member.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Overwrite {
    /// Of the role or the user.
    pub id: Snowflake,
    /// Whom the id means.
    #[serde(rename = "type", deserialize_with = "target")]
    pub target: Target,
    /// Bits that it gives.
    #[serde(default, deserialize_with = "bits")]
    pub allow: Permissions,
    /// Bits that it takes.
    #[serde(default, deserialize_with = "bits")]
    pub deny: Permissions,
}

/// Whom an overwrite is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Everyone who has the role.
    Role,
    /// One user.
    Member,
    /// A kind of a later version of Discord's API: ignored.
    Unknown,
}

/// Text as Discord writes it today, or a number.
fn bits<'de, D: Deserializer<'de>>(d: D) -> Result<Permissions, D::Error> {
    Snowflake::deserialize(d).map(|bits| Permissions(bits.0))
}

fn target<'de, D: Deserializer<'de>>(d: D) -> Result<Target, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Text(String),
    }
    Ok(match Either::deserialize(d)? {
        Either::Number(0) => Target::Role,
        Either::Number(1) => Target::Member,
        Either::Text(text) if text == "role" || text == "0" => Target::Role,
        Either::Text(text) if text == "member" || text == "1" => Target::Member,
        Either::Number(_) | Either::Text(_) => Target::Unknown,
    })
}

/// What cannot be read as a time never ends: who is timed out must not be taken for one who is not.
fn instant<'de, D: Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    let text = Option::<String>::deserialize(d)?;
    Ok(text.map(|text| match OffsetDateTime::parse(&text, &Rfc3339) {
        Ok(at) => i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX),
        Err(_) => i64::MAX,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_as_discord_wrote_them_and_writes_them() {
        let role: Role =
            serde_json::from_str(r#"{"id":"5","permissions":"1099511627776","position":3,"managed":true}"#)
                .expect("a role");
        assert_eq!((role.permissions, role.position, role.managed), (Permissions::MODERATE_MEMBERS, 3, true));
        let overwrites: Vec<Overwrite> = serde_json::from_str(
            r#"[{"id":"5","type":0,"allow":"1024","deny":"0"},{"id":5,"type":"member","allow":0,"deny":2048},{"id":"6","type":7}]"#,
        )
        .expect("overwrites");
        assert_eq!(
            overwrites.iter().map(|o| o.target).collect::<Vec<_>>(),
            [Target::Role, Target::Member, Target::Unknown]
        );
        assert_eq!(overwrites[1].deny, Permissions::SEND_MESSAGES);
    }

    #[test]
    fn a_timeout_ends_when_it_says_and_an_unreadable_one_never() {
        let member = |until: &str| {
            let json = format!(r#"{{"roles":["1"],"communication_disabled_until":{until}}}"#);
            serde_json::from_str::<Member>(&json).expect("a member").timed_out_until_ms
        };
        assert_eq!(member("null"), None);
        assert_eq!(member(r#""1970-01-01T00:00:02.500000+00:00""#), Some(2_500));
        assert_eq!(member(r#""1970-01-01T02:00:00+02:00""#), Some(0));
        assert_eq!(member(r#""soon""#), Some(i64::MAX));
    }
}
