//! Kinds and bodies of the facts that are projected. Ids are strings in JSON. A body that holds more
//! members than these is read all the same.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use miso_model::{ChannelId, GuildId, MessageId, UserId};

/// Settings of a module were changed: [`SettingsChanged`].
pub const SETTINGS_CHANGED: &str = "SettingsChanged";
/// Members wrote: [`ActivityCounted`].
pub const ACTIVITY_COUNTED: &str = "ActivityCounted";
/// A member reached a level: [`LevelReached`]. Changes no table.
pub const LEVEL_REACHED: &str = "LevelReached";
/// Messages, joins, leaves and commands were counted: [`CountsAdded`].
pub const COUNTS_ADDED: &str = "CountsAdded";
/// Somebody starred a message or took it back: [`StarCounted`].
pub const STAR_COUNTED: &str = "StarCounted";
/// A starred message stands on the starboard: [`StarPosted`].
pub const STAR_POSTED: &str = "StarPosted";
/// A message lost all its stars at once: [`StarsCleared`]. A [`StarCounted`] follows with what its post needs.
pub const STARS_CLEARED: &str = "StarsCleared";
/// A reminder was set: [`ReminderSet`].
pub const REMINDER_SET: &str = "ReminderSet";
/// A reminder is due at another time: [`ReminderSnoozed`].
pub const REMINDER_SNOOZED: &str = "ReminderSnoozed";
/// A reminder was taken back: [`ReminderCancelled`].
pub const REMINDER_CANCELLED: &str = "ReminderCancelled";
/// A reminder was due: [`ReminderFired`].
pub const REMINDER_FIRED: &str = "ReminderFired";
/// What was counted of a member in a guild is gone: [`MemberForgotten`].
pub const MEMBER_FORGOTTEN: &str = "MemberForgotten";
/// Somebody wants to see what a module sends: [`SampleAsked`]. Changes no table.
pub const SAMPLE_ASKED: &str = "SampleAsked";
/// Somebody's listens were learnt from Last.fm: [`ListensSeen`].
pub const LISTENS_SEEN: &str = "ListensSeen";
/// Somebody who is linked with Last.fm used a command in a guild: [`SeenInGuild`].
pub const SEEN_IN_GUILD: &str = "SeenInGuild";
/// Somebody holds an artist's crown now: [`CrownTaken`].
pub const CROWN_TAKEN: &str = "CrownTaken";
/// Somebody left a guild: their crowns there are free, and its lists leave them out: [`MemberForgotten`].
pub const LISTENER_LEFT: &str = "ListenerLeft";
/// All that was kept of a user is gone; the body is empty.
pub const PERSONAL_DATA_DELETED: &str = "PersonalDataDeleted";

/// Body of a [`SETTINGS_CHANGED`] fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// Key of the module.
    pub module: String,
    /// Of the module, after the change.
    pub module_version: i64,
    /// The changed fields' values before; null where none was set.
    pub before: Map<String, Json>,
    /// The changed fields' values after; null where it was taken back.
    pub after: Map<String, Json>,
    /// All settings of the aggregate after, by module.
    pub settings: Map<String, Json>,
    /// `panel`, `command`, `import`, `api`.
    #[serde(default = "api")]
    pub via: String,
    /// Version of the fact that this one takes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts: Option<i64>,
}

fn api() -> String {
    "api".to_owned()
}

/// Body of an [`ACTIVITY_COUNTED`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityCounted {
    /// Those who wrote; a member may be there more than once, the last counts.
    pub members: Vec<MemberCounted>,
}

/// What a member has after they wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberCounted {
    /// Who.
    pub user: UserId,
    /// Experience that was added.
    pub xp_added: i64,
    /// Experience of now.
    pub xp: i64,
    /// Level of now, from 1.
    pub level: i64,
    /// Messages that were added.
    pub messages_added: i64,
    /// Messages of now.
    pub messages: i64,
    /// Hour of the day in UTC, 0–23, to which the added messages belong.
    pub hour: i64,
    /// Beginning of the member's window of five minutes, Unix milliseconds.
    pub window_ms: i64,
    /// Experience that the member got in this window.
    pub window_xp: i64,
}

/// Body of a [`LEVEL_REACHED`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelReached {
    /// Who.
    pub user: UserId,
    /// The level.
    pub level: i64,
    /// Where they wrote what brought them there.
    #[serde(default)]
    pub channel: Option<ChannelId>,
}

/// Body of a [`COUNTS_ADDED`] fact and of the request for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsAdded {
    /// One per hour.
    pub counts: Vec<HourCounts>,
}

/// What happened in a guild in an hour, in addition to what was counted before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourCounts {
    /// `2026-11-24`, UTC.
    pub day: String,
    /// 0–23, UTC.
    pub hour: i64,
    /// Messages.
    #[serde(default)]
    pub messages: i64,
    /// Members who joined.
    #[serde(default)]
    pub joins: i64,
    /// Members who left.
    #[serde(default)]
    pub leaves: i64,
    /// Commands.
    #[serde(default)]
    pub commands: i64,
}

/// What the starboard needs after a star was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StarAct {
    /// Nothing: too few stars, or its post is on the way.
    Nothing,
    /// A post.
    Post,
    /// The new count in its post.
    Edit,
    /// Its post has to go.
    Remove,
}

/// Body of a [`STAR_COUNTED`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarCounted {
    /// The starred message.
    pub message: MessageId,
    /// Where it stands.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: UserId,
    /// Who starred; none where the count is only told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Whether they did, or took it back.
    #[serde(default)]
    pub added: bool,
    /// Stars of now.
    pub count: i64,
    /// Its post on the starboard; with [`StarAct::Remove`] the one that has to go.
    pub post: Option<MessageId>,
    /// Where the post stands.
    pub posted_channel: Option<ChannelId>,
    /// What the starboard needs.
    pub act: StarAct,
    /// Since when a post is on its way, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posting_ms: Option<i64>,
}

/// Body of a [`STAR_POSTED`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarPosted {
    /// The starred message.
    pub message: MessageId,
    /// Where it stands.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: UserId,
    /// Stars of now.
    pub count: i64,
    /// Its post on the starboard.
    pub post: MessageId,
    /// Where the post stands.
    pub posted_channel: ChannelId,
}

/// Body of a [`STARS_CLEARED`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarsCleared {
    /// The message that was starred.
    pub message: MessageId,
}

/// Body of a [`REMINDER_SET`] fact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderSet {
    /// Short; of the user.
    pub id: String,
    /// What to be reminded of.
    pub text: String,
    /// Unix milliseconds.
    pub due_ms: i64,
    /// Where to say it; none: by direct message.
    pub channel: Option<ChannelId>,
    /// The channel's guild.
    pub guild: Option<GuildId>,
}

/// Body of a [`REMINDER_SNOOZED`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderSnoozed {
    /// Which.
    pub id: String,
    /// When it is due now, Unix milliseconds.
    pub due_ms: i64,
}

/// Body of a [`REMINDER_CANCELLED`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderCancelled {
    /// Which.
    pub id: String,
}

/// Body of a [`REMINDER_FIRED`] fact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReminderFired {
    /// Which.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// What to be reminded of.
    pub text: String,
    /// Where to say it; none: by direct message.
    pub channel: Option<ChannelId>,
    /// The channel's guild.
    pub guild: Option<GuildId>,
    /// When it was due, Unix milliseconds.
    pub due_ms: i64,
    /// How much later than that this was decided, milliseconds.
    pub late_ms: i64,
}

/// Body of a [`MEMBER_FORGOTTEN`] fact and of the request for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberForgotten {
    /// Who.
    pub user: UserId,
}

/// A track that was played.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Listen {
    /// When, Unix milliseconds; Last.fm tells seconds.
    pub at_ms: i64,
    /// By whom.
    pub artist: String,
    /// On which album; none where Last.fm knows none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Its title.
    pub track: String,
}

/// Body of a [`LISTENS_SEEN`] fact: listens that none before it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListensSeen {
    /// The name at Last.fm.
    pub lastfm_user: String,
    /// 500 at most.
    pub listens: Vec<Listen>,
    /// The newest listen of now, Unix milliseconds; what is younger is not known yet.
    pub newest_ms: i64,
    /// The oldest listen of now, Unix milliseconds; what is older is not known yet, unless `complete`.
    pub oldest_ms: i64,
    /// Whether the past is known to its beginning.
    pub complete: bool,
}

/// Body of a [`SEEN_IN_GUILD`] fact and of the request for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenInGuild {
    /// Who.
    pub user: UserId,
}

/// Body of a [`CROWN_TAKEN`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrownTaken {
    /// The artist.
    pub artist: String,
    /// Who holds its crown now.
    pub user: UserId,
    /// With so many plays.
    pub plays: i64,
    /// Who held it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<UserId>,
    /// Where it came to light, and is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
}

impl std::fmt::Debug for ReminderSet {
    /// Without the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReminderSet").field("id", &self.id).field("due_ms", &self.due_ms).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ReminderFired {
    /// Without the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReminderFired").field("id", &self.id).field("due_ms", &self.due_ms).finish_non_exhaustive()
    }
}

/// Body of a [`SAMPLE_ASKED`] fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleAsked {
    /// `greeting`, `goodbye`, or a log such as `logs.members`.
    pub what: String,
    /// Who wants to see it.
    pub user: UserId,
    /// Where; none: by direct message to them.
    pub channel: Option<ChannelId>,
    /// The text that the settings have for it.
    pub text: Option<String>,
}
