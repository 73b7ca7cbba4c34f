//! What happens in guilds, messages aside: who comes and goes, what is deleted and edited, stars.

mod arrivals;
mod edits;
mod invited;
mod settings;
mod stars;
mod votes;

use std::sync::Arc;
use std::time::Duration;

use miso_discord_state::DiscordState;
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::{Append, Record, SharedLog};
use miso_model::{Aggregate, EventView, GuildId, UserId};
use tokio_util::sync::CancellationToken;

use self::edits::Telling;
use self::settings::EventSettings;
use crate::action::Cause;
use crate::ask::request;
use crate::clock::{iso8601, now_ms};
use crate::counts::{Counted, Counts};
use crate::following::Work;
use crate::gateway::{EventHandler, follow};
use crate::parked::{parked, place_of};
use crate::settings::Followed;
use crate::{HandlersError, Joins, LAZY_COMMIT_INTERVAL};

pub(crate) use self::arrivals::{goodbye, greeting};
pub(crate) use self::settings::Saying;
pub(crate) use self::stars::footer as star_footer;

/// The consumer group of the event handler.
pub const GROUP: &str = "miso.events";

/// Where the panel is when nothing else is said.
pub const DEFAULT_PANEL_URL: &str = "http://127.0.0.1:8083";

/// Section of the configuration.
#[derive(Debug, Clone)]
pub struct EventsHandlerConfig {
    /// `MISO_PANEL_PUBLIC_URL`: where a new guild is sent to be set up.
    pub panel_url: String,
}

impl Default for EventsHandlerConfig {
    fn default() -> Self {
        Self { panel_url: DEFAULT_PANEL_URL.to_owned() }
    }
}

/// Follows joins, leaves, bans, deletions, edits, reactions and new guilds, until cancelled. What follows
/// from an event (greetings, logs, roles, stars for the decider) is appended in the transaction that
/// passes it. Settings come from `bot.settings`, folded to its end before the first event.
///
/// # Errors
/// See [`HandlersError`]. A log that is away is waited for.
pub async fn run_events(
    config: EventsHandlerConfig,
    log: SharedLog,
    state: Arc<DiscordState>,
    joins: Joins,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    let settings = tokio::select! {
        () = cancel.cancelled() => return Ok(()),
        settings = Followed::prepared(&log, &state) => settings?,
    };
    let events =
        Events { config, log: log.clone(), state: Arc::clone(&state), settings, counts: Counts::default(), own: None };
    follow(log, state, events, &joins, cancel).await
}

struct Events {
    config: EventsHandlerConfig,
    log: SharedLog,
    state: Arc<DiscordState>,
    settings: Followed<EventSettings>,
    counts: Counts,
    /// The bot's user, once it is known.
    own: Option<UserId>,
}

/// An event of a guild, as those see it who act on it.
pub(crate) struct Seen<'a> {
    pub(crate) cause: Cause<'a>,
    pub(crate) guild: GuildId,
    pub(crate) state: &'a DiscordState,
    /// Of the event, in the guild's partition of `gateway.events`.
    pub(crate) offset: i64,
    /// When it came, Unix milliseconds.
    pub(crate) at_ms: i64,
}

impl Seen<'_> {
    /// For embeds.
    pub(crate) fn timestamp(&self) -> String {
        iso8601(self.at_ms)
    }
}

impl EventHandler for Events {
    const GROUP: &'static str = GROUP;

    /// Whether a GUILD_CREATE is a join is known once it is folded; who comes or goes is counted by
    /// the fold.
    fn needs_state(event_type: &str) -> bool {
        matches!(event_type, "GUILD_CREATE" | "GUILD_MEMBER_ADD" | "GUILD_MEMBER_REMOVE")
    }

    async fn event(&mut self, event: &EventView<'_>, record: &Record, out: &mut Vec<Append>) -> Option<Work> {
        let guild = event.guild_id?;
        let happened = match event.event_type {
            "GUILD_CREATE" if !self.state.was_initial(guild, record.offset) => "guild_joined",
            "GUILD_DELETE" if !is_outage(event.d) => "guild_left",
            "GUILD_MEMBER_ADD" => "member_joined",
            "GUILD_MEMBER_REMOVE" => "member_left",
            "GUILD_BAN_ADD" => "member_banned",
            "GUILD_BAN_REMOVE" => "member_unbanned",
            "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => "message_deleted",
            "MESSAGE_UPDATE" => "message_updated",
            "MESSAGE_REACTION_ADD" => "reaction_added",
            "MESSAGE_REACTION_REMOVE" => "reaction_removed",
            "MESSAGE_REACTION_REMOVE_ALL" | "MESSAGE_REACTION_REMOVE_EMOJI" => "reactions_cleared",
            "MESSAGE_CREATE" if self.is_own(event.user_id) => "own_message",
            _ => return None,
        };
        metrics::counter!("miso_handlers_events_total", "kind" => happened).increment(1);
        match happened {
            "member_joined" => self.counts.add(record.partition, guild, event.received_at_ms, Counted::Join),
            "member_left" => self.counts.add(record.partition, guild, event.received_at_ms, Counted::Leave),
            _ => {}
        }
        let work = self.act(happened, guild, event, record, out).unwrap_or_else(|error| {
            out.push(parked(GROUP, GATEWAY_EVENTS, record, "malformed_payload", &place_of(&error)));
            None
        });
        // The log is searched for what a message said: other guilds do not wait for that.
        work.map(|telling| Box::pin(telling.told(self.log.clone())) as Work)
    }

    fn gathered(&mut self, partition: i32, next: i64) -> Vec<Append> {
        self.counts.take(GROUP, partition, next, now_ms())
    }

    fn patience(&self, _: i32) -> Duration {
        LAZY_COMMIT_INTERVAL
    }

    fn forget(&mut self, partition: i32) {
        self.counts.forget(partition);
    }

    async fn update(&mut self) -> Result<(), HandlersError> {
        self.settings.update().await
    }
}

impl Events {
    fn is_own(&mut self, user: Option<UserId>) -> bool {
        if self.own.is_none() {
            self.own = self.state.own_user().map(|own| own.id);
        }
        user.is_some() && user == self.own
    }

    fn act(
        &self,
        happened: &str,
        guild: GuildId,
        event: &EventView<'_>,
        record: &Record,
        out: &mut Vec<Append>,
    ) -> Result<Option<Telling>, serde_json::Error> {
        if happened == "member_left"
            && let Some(user) = event.user_id
        {
            out.push(listener_left(guild, user, &event.id()));
        }
        let settings = self.settings.view.of(guild);
        if settings.is_none() && happened != "guild_joined" {
            return Ok(None);
        }
        let id = event.id();
        let seen = Seen {
            cause: Cause { group: GROUP, id: &id, now_ms: now_ms() },
            guild,
            state: &self.state,
            offset: record.offset,
            at_ms: event.received_at_ms,
        };
        if happened == "guild_joined" {
            out.extend(invited::greeting(&seen, &self.config.panel_url));
        }
        let Some(settings) = settings else { return Ok(None) };
        let (d, logs, starboard) = (event.d, &settings.logs, settings.starboard.as_ref());
        if let ("message_deleted" | "reactions_cleared", Some(starboard)) = (happened, starboard) {
            out.extend(stars::cleared(&seen, starboard, d)?);
        }
        if let ("own_message", Some(votes)) = (happened, &settings.votes) {
            out.extend(votes::under(&seen, votes, d)?);
        }
        match (happened, starboard) {
            ("member_joined", _) => out.extend(arrivals::joined(&seen, settings, d)?),
            ("member_left", _) => out.extend(arrivals::left(&seen, settings, d)?),
            ("member_banned", _) => out.extend(arrivals::banned(&seen, settings, d, true)?),
            ("member_unbanned", _) => out.extend(arrivals::banned(&seen, settings, d, false)?),
            ("message_deleted", _) if logs.deleted.is_some() => {
                let bulk = event.event_type == "MESSAGE_DELETE_BULK";
                return if bulk { edits::bulk_deleted(&seen, logs, d) } else { edits::deleted(&seen, logs, d) };
            }
            ("message_updated", _) if logs.edited.is_some() => return edits::edited(&seen, logs, d),
            ("reaction_added", Some(starboard)) => out.extend(stars::starred(&seen, starboard, d, true)?),
            ("reaction_removed", Some(starboard)) => out.extend(stars::starred(&seen, starboard, d, false)?),
            ("own_message", Some(starboard)) if event.channel_id == Some(starboard.channel) => {
                out.extend(stars::posted(&seen, starboard, d)?);
            }
            _ => {}
        }
        Ok(None)
    }
}

/// Whoever left is in none of the guild's lists by Last.fm any more; who was in none is known by the decider.
fn listener_left(guild: GuildId, user: UserId, id: &str) -> Append {
    let body = serde_json::json!({"user": user});
    request(GROUP, Aggregate::Guild(guild), "ListenerLeaves", format!("{id}:listener"), &body, now_ms())
}

/// A GUILD_DELETE that says `unavailable` is an outage, not a leave.
fn is_outage(d: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Deleted {
        #[serde(default)]
        unavailable: bool,
    }
    serde_json::from_slice::<Deleted>(d).is_ok_and(|deleted| deleted.unavailable)
}
