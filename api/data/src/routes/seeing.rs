//! Whether a caller sees a guild, and how much of it.

use miso_command_catalogue::Problem;
use miso_discord_state::DiscordState;
use miso_discord_state::permissions::{Channel, Member, Standing};
use miso_model::{GuildId, Permissions, UserId};

use crate::access::{Caller, wrong_token};
use crate::api::Api;
use crate::view::GuildFields;

/// How somebody sees a guild.
#[derive(Debug)]
pub(super) struct Seeing {
    /// `None`: a service, which sees everything.
    pub(super) standing: Option<Standing>,
    /// By Discord's own list, where the fold does not know the member.
    listed: Option<Permissions>,
}

impl Seeing {
    /// What they may do in the guild.
    pub(super) fn permissions(&self) -> Permissions {
        match (&self.standing, self.listed) {
            (None, _) => Permissions::ALL,
            (_, Some(listed)) => listed,
            (Some(standing), None) => standing.in_guild(),
        }
    }

    /// Whether they manage the guild: they see all of its channels in lists.
    pub(super) fn manages(&self) -> bool {
        self.permissions().cover(Permissions::MANAGE_GUILD)
    }

    /// Whether a channel, or a thread of this channel, is in their lists.
    pub(super) fn sees(&self, channel: &Channel, thread: Option<&Channel>) -> bool {
        let Some(standing) = self.standing.as_ref().filter(|_| !self.manages()) else { return true };
        let left = match thread {
            Some(thread) => standing.in_thread(channel, thread, false),
            None => standing.in_channel(channel),
        };
        left.cover(Permissions::VIEW_CHANNEL)
    }
}

/// A guild that is not there and one that the caller is not in look alike.
pub(super) fn unknown_guild() -> Problem {
    let detail = "Miso is in no such server, or you are not.";
    Problem::new(404, "unknown-guild", "No such server", detail)
}

/// Members by the fold; of a guild that is not known whole, Discord's list of the caller's guilds counts
/// where the fold does not know them.
pub(super) async fn seeing<'a>(
    api: &'a Api,
    caller: &Caller,
    guild: GuildId,
) -> Result<(&'a DiscordState, GuildFields, Seeing), Problem> {
    let state = api.folded()?;
    let fields = state.guild(guild).and_then(|json| serde_json::from_slice::<GuildFields>(&json).ok());
    let fields = fields.ok_or_else(unknown_guild)?;
    let Some(user) = caller.user() else { return Ok((state, fields, Seeing { standing: None, listed: None })) };
    if let Some(standing) = state.standing(guild, user) {
        return Ok((state, fields, Seeing { standing: Some(standing), listed: None }));
    }
    let listed = listed(api, caller, guild, &fields).await?.ok_or_else(unknown_guild)?;
    let standing = state.standing_of(guild, user, &Member::default());
    Ok((state, fields, Seeing { standing, listed: Some(listed) }))
}

async fn listed(
    api: &Api,
    caller: &Caller,
    guild: GuildId,
    fields: &GuildFields,
) -> Result<Option<Permissions>, Problem> {
    let known = u64::try_from(api.state.known_members(guild)).unwrap_or(u64::MAX);
    let whole = fields.member_count.is_some_and(|count| known >= count);
    let Caller::Person { token, .. } = caller else { return Ok(None) };
    if whole {
        return Ok(None);
    }
    let guilds = api.guilds_of(token).await.map_err(|error| error.problem(wrong_token))?;
    Ok(guilds.iter().find(|listed| listed.id == guild).map(|listed| listed.permissions))
}

/// What a member or the bot may do in a channel.
pub(super) fn in_channel(
    state: &DiscordState,
    guild: GuildId,
    user: Option<UserId>,
    channel: miso_model::ChannelId,
) -> Option<Permissions> {
    match user {
        Some(user) => state.member_permissions(guild, user, Some(channel)),
        None => state.bot_permissions(guild, Some(channel)),
    }
}
