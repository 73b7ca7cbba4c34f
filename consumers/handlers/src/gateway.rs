//! Records of `gateway.events` as events, for the handlers that follow it.

use std::sync::Arc;
use std::time::Duration;

use miso_discord_state::DiscordState;
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::{Append, Record, Schemas, SharedLog, Topic};
use miso_model::{EventView, GatewayEvent, RecordError};
use tokio_util::sync::CancellationToken;

use crate::following::{self, Handler, Work};
use crate::parked::parked;
use crate::{HandlersError, Joins};

/// What a group does with events. See [`Handler`] for what is not said here.
pub(crate) trait EventHandler: Send {
    /// The consumer group.
    const GROUP: &'static str;

    /// Whether this event must be folded into Discord's state before it is looked at.
    fn needs_state(event_type: &str) -> bool;

    /// Looks at an event; pushes what is to be appended in the transaction that passes it, and gives what
    /// takes longer as work.
    fn event(
        &mut self,
        event: &EventView<'_>,
        record: &Record,
        out: &mut Vec<Append>,
    ) -> impl Future<Output = Option<Work>> + Send;

    fn gathered(&mut self, partition: i32, next: i64) -> Vec<Append>;

    fn patience(&self, partition: i32) -> Duration;

    fn forget(&mut self, partition: i32);

    fn update(&mut self) -> impl Future<Output = Result<(), HandlersError>> + Send;
}

/// Follows `gateway.events` until cancelled.
pub(crate) async fn follow<H: EventHandler>(
    log: SharedLog,
    state: Arc<DiscordState>,
    handler: H,
    joins: &Joins,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    let schemas = Schemas::open(log.clone()).await?;
    following::follow(log, Events { handler, state, schemas }, joins, cancel).await
}

struct Events<H> {
    handler: H,
    state: Arc<DiscordState>,
    schemas: Schemas,
}

impl<H: EventHandler> Handler for Events<H> {
    const GROUP: &'static str = H::GROUP;
    const TOPIC: Topic = GATEWAY_EVENTS;

    async fn record(&mut self, record: &Record, out: &mut Vec<Append>) -> Option<Work> {
        let value = record.value.as_deref().unwrap_or_default();
        let unreadable = match EventView::decode(value) {
            Ok(Some(event)) => return self.event(&event, record, out).await,
            Ok(None) => match foreign(&self.schemas, value).await {
                Ok(Some(event)) => return self.event(&view(&event), record, out).await,
                Ok(None) => return None,
                Err(error) => error,
            },
            Err(error) => error,
        };
        out.push(parked(H::GROUP, GATEWAY_EVENTS, record, "malformed_record", &unreadable.to_string()));
        None
    }

    fn gathered(&mut self, partition: i32, next: i64) -> Vec<Append> {
        self.handler.gathered(partition, next)
    }

    fn patience(&self, partition: i32) -> Duration {
        self.handler.patience(partition)
    }

    fn forget(&mut self, partition: i32) {
        self.handler.forget(partition);
    }

    async fn update(&mut self) -> Result<(), HandlersError> {
        self.handler.update().await
    }
}

impl<H: EventHandler> Events<H> {
    async fn event(&mut self, event: &EventView<'_>, record: &Record, out: &mut Vec<Append>) -> Option<Work> {
        if H::needs_state(event.event_type) {
            self.state.wait_folded(record.partition, record.offset + 1).await;
        }
        self.handler.event(event, record, out).await
    }
}

/// A record that this version's event schema did not write: an event of another version, or another
/// record of the topic.
async fn foreign(schemas: &Schemas, value: &[u8]) -> Result<Option<GatewayEvent>, RecordError> {
    match schemas.name_of(value) {
        Some(name) if name != "GatewayEvent" => return Ok(None),
        Some(_) | None => {}
    }
    match schemas.decode_waiting(value).await {
        Ok(event) => Ok(Some(event)),
        // Its schema is known by now, and is another record's.
        Err(RecordError::UnknownSchema(_)) if schemas.name_of(value).is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

fn view(event: &GatewayEvent) -> EventView<'_> {
    EventView {
        shard: event.shard,
        shard_count: event.shard_count,
        session_id: &event.session_id,
        sequence: event.sequence,
        epoch: event.epoch,
        received_at_ms: event.received_at_ms,
        event_type: &event.event_type,
        guild_id: event.guild_id,
        channel_id: event.channel_id,
        user_id: event.user_id,
        d: &event.d,
    }
}
