use std::sync::Arc;

use miso_discord_state::DiscordState;
use miso_log::{Append, Record, SharedLog};
use miso_model::EventView;
use tokio_util::sync::CancellationToken;

use crate::HandlersError;
use crate::gateway::{Handler, follow};

/// The consumer group of the event handler.
pub const GROUP: &str = "miso.events";

/// Follows joins, leaves, new guilds and reactions, until cancelled. They are counted
/// (`miso_handlers_events_total`); greetings, starboards and logs will act here.
///
/// # Errors
/// See [`HandlersError`]. A log that is away is waited for.
pub async fn run_events(
    log: SharedLog,
    state: Arc<DiscordState>,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    follow(log, Arc::clone(&state), Events { state }, cancel).await
}

struct Events {
    state: Arc<DiscordState>,
}

impl Handler for Events {
    const GROUP: &'static str = GROUP;

    /// Whether a GUILD_CREATE is a join is known once it is folded.
    fn needs_state(event_type: &str) -> bool {
        event_type == "GUILD_CREATE"
    }

    fn event(&mut self, event: &EventView<'_>, record: &Record, _: &mut Vec<Append>) {
        let kind = match event.event_type {
            "GUILD_CREATE" => match event.guild_id {
                Some(guild) if !self.state.was_initial(guild, record.offset) => "guild_joined",
                Some(_) | None => return,
            },
            "GUILD_DELETE" if !is_outage(event.d) => "guild_left",
            "GUILD_MEMBER_ADD" => "member_joined",
            "GUILD_MEMBER_REMOVE" => "member_left",
            "MESSAGE_REACTION_ADD" => "reaction_added",
            "MESSAGE_REACTION_REMOVE" => "reaction_removed",
            _ => return,
        };
        metrics::counter!("miso_handlers_events_total", "kind" => kind).increment(1);
    }

    async fn update(&mut self) -> Result<(), HandlersError> {
        std::future::pending().await
    }
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
