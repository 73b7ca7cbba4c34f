//! Who may do what, by Discord's algorithm ("Permissions" of its documentation). Pure.
//!
//! The owner and administrators may do everything. Everybody else has what `@everyone` and their roles
//! give; a channel's overwrites change it in this order: `@everyone`, the roles together (what they
//! deny, then what they allow), the member. A thread has its parent's. A timeout leaves viewing and
//! reading. Without [`VIEW_CHANNEL`](Permissions::VIEW_CHANNEL) nothing in a channel is left.

mod objects;
#[cfg(test)]
mod table;

use miso_model::{GuildId, Permissions, UserId};

pub use objects::{Channel, Member, Overwrite, Role, Target};

/// What a timeout leaves.
const LEFT_BY_TIMEOUT: Permissions = Permissions::VIEW_CHANNEL.and(Permissions::READ_MESSAGE_HISTORY);
/// What goes with [`SEND_MESSAGES`](Permissions::SEND_MESSAGES).
const NEEDS_SENDING: Permissions = Permissions::MENTION_EVERYONE
    .and(Permissions::SEND_TTS_MESSAGES)
    .and(Permissions::ATTACH_FILES)
    .and(Permissions::EMBED_LINKS);
/// What goes with [`CONNECT`](Permissions::CONNECT) in a voice channel.
const NEEDS_CONNECTING: Permissions = Permissions::MANAGE_CHANNELS
    .and(Permissions::SPEAK)
    .and(Permissions::STREAM)
    .and(Permissions::USE_VAD)
    .and(Permissions::PRIORITY_SPEAKER)
    .and(Permissions::REQUEST_TO_SPEAK)
    .and(Permissions::USE_SOUNDBOARD)
    .and(Permissions::USE_EXTERNAL_SOUNDS)
    .and(Permissions::USE_EMBEDDED_ACTIVITIES);

/// Where someone stands in a guild: the part of the decision that its channels share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    guild: GuildId,
    user: UserId,
    roles: Vec<u64>,
    /// What the roles give, overwrites and timeout aside; all for who may do everything.
    given: Permissions,
    timed_out: bool,
}

impl Standing {
    /// `owner`: the guild's. `role` gives what a role of the guild gives (`@everyone` under the guild's
    /// id), `None` for one that is unknown, which gives nothing. `now_ms`: Unix milliseconds.
    #[must_use]
    pub fn new(
        guild: GuildId,
        owner: Option<UserId>,
        user: UserId,
        member: &Member,
        role: impl Fn(u64) -> Option<Permissions>,
        now_ms: i64,
    ) -> Self {
        let roles: Vec<u64> = member.roles.iter().map(|role| role.0).collect();
        let given = std::iter::once(guild.0)
            .chain(roles.iter().copied())
            .filter_map(role)
            .fold(Permissions::NONE, Permissions::and);
        let all = owner == Some(user) || given.cover(Permissions::ADMINISTRATOR);
        Self {
            guild,
            user,
            roles,
            given: if all { Permissions::ALL } else { given },
            timed_out: !all && member.timed_out_until_ms.is_some_and(|until| until > now_ms),
        }
    }

    /// Whether overwrites and timeouts do not touch them: the owner and administrators.
    #[must_use]
    pub fn may_everything(&self) -> bool {
        self.given == Permissions::ALL
    }

    /// In the guild, channels aside.
    #[must_use]
    pub fn in_guild(&self) -> Permissions {
        self.after_timeout(self.given)
    }

    /// In a channel that is no thread.
    #[must_use]
    pub fn in_channel(&self, channel: &Channel) -> Permissions {
        if self.may_everything() {
            return Permissions::ALL;
        }
        let mut left = self.overwritten(&channel.permission_overwrites);
        if channel.is_voice() && !left.cover(Permissions::CONNECT) {
            left = without(left, NEEDS_CONNECTING);
        }
        self.as_seen(left)
    }

    /// In a thread: what its parent gives, and [`SEND_MESSAGES_IN_THREADS`](Permissions::SEND_MESSAGES_IN_THREADS)
    /// in the place of [`SEND_MESSAGES`](Permissions::SEND_MESSAGES). A private thread is there only for
    /// its members (`joined`: they are known to be one) and for who manages threads.
    #[must_use]
    pub fn in_thread(&self, parent: &Channel, thread: &Channel, joined: bool) -> Permissions {
        if self.may_everything() {
            return Permissions::ALL;
        }
        let mut left = without(self.overwritten(&parent.permission_overwrites), Permissions::SEND_MESSAGES);
        if left.cover(Permissions::SEND_MESSAGES_IN_THREADS) {
            left = left.and(Permissions::SEND_MESSAGES);
        }
        let in_it = joined || thread.owner_id == Some(self.user) || left.cover(Permissions::MANAGE_THREADS);
        if thread.is_private_thread() && !in_it {
            return Permissions::NONE;
        }
        self.as_seen(left)
    }

    fn overwritten(&self, overwrites: &[Overwrite]) -> Permissions {
        let everyone = overwrites.iter().filter(|o| o.target == Target::Role && o.id.0 == self.guild.0);
        let roles = overwrites
            .iter()
            .filter(|o| o.target == Target::Role && o.id.0 != self.guild.0 && self.roles.contains(&o.id.0));
        let member = overwrites.iter().filter(|o| o.target == Target::Member && o.id.0 == self.user.0);
        applied(applied(applied(self.given, everyone), roles), member)
    }

    /// What depends on something that is missing goes too.
    fn as_seen(&self, given: Permissions) -> Permissions {
        let left = self.after_timeout(given);
        if !left.cover(Permissions::VIEW_CHANNEL) {
            return Permissions::NONE;
        }
        if left.cover(Permissions::SEND_MESSAGES) { left } else { without(left, NEEDS_SENDING) }
    }

    fn after_timeout(&self, given: Permissions) -> Permissions {
        if self.timed_out { Permissions(given.0 & LEFT_BY_TIMEOUT.0) } else { given }
    }
}

/// All that these overwrites deny goes, then all that they allow comes.
fn applied<'a>(given: Permissions, overwrites: impl Iterator<Item = &'a Overwrite>) -> Permissions {
    let (deny, allow) = overwrites.fold((0, 0), |(deny, allow), o| (deny | o.deny.0, allow | o.allow.0));
    Permissions(given.0 & !deny | allow)
}

fn without(given: Permissions, taken: Permissions) -> Permissions {
    Permissions(given.0 & !taken.0)
}

/// Why a role cannot be given by somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAssignable {
    /// Everybody has it.
    Everyone,
    /// An integration owns it.
    Managed,
    /// They may not manage roles.
    NoManageRoles,
    /// It is not below their highest role.
    Above,
}

impl NotAssignable {
    /// For people, about Miso.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Everyone => "@everyone",
            Self::Managed => "managed by an integration",
            Self::NoManageRoles => "Miso lacks Manage Roles",
            Self::Above => "above Miso's role",
        }
    }
}

/// Whether somebody with this standing, whose highest role is `highest` (`None`: only `@everyone`),
/// can give the role to others.
///
/// # Errors
/// [`NotAssignable`]: the first reason in the order of its variants.
pub fn assignable(
    guild: GuildId,
    role: &Role,
    standing: &Standing,
    is_owner: bool,
    highest: Option<&Role>,
) -> Result<(), NotAssignable> {
    if role.id.0 == guild.0 {
        return Err(NotAssignable::Everyone);
    }
    if role.managed {
        return Err(NotAssignable::Managed);
    }
    if !standing.in_guild().cover(Permissions::MANAGE_ROLES) {
        return Err(NotAssignable::NoManageRoles);
    }
    if !is_owner && highest.is_none_or(|highest| highest.height() <= role.height()) {
        return Err(NotAssignable::Above);
    }
    Ok(())
}
