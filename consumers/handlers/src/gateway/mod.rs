//! Following `gateway.events` as a group: the loop that message and event handlers share.

mod positions;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::join_all;
use miso_discord_state::DiscordState;
use miso_log::catalogue::GATEWAY_EVENTS;
use miso_log::{
    Append, Batch, Consumer, ConsumerEvent, LogError, Owner, Record, Schemas, SharedLog, TransactError, Waits,
};
use miso_model::{EventView, GatewayEvent, RecordError};
use tokio_util::sync::CancellationToken;

use self::positions::{Positions, Write};
use crate::HandlersError;
use crate::parked::{gap, parked};

pub use self::positions::{LAZY_COMMIT_EVENTS, LAZY_COMMIT_INTERVAL};

/// What a group does with events.
pub(crate) trait Handler: Send {
    /// The consumer group.
    const GROUP: &'static str;

    /// Whether this event must be folded into Discord's state before it is looked at.
    fn needs_state(event_type: &str) -> bool;

    /// Looks at an event; pushes what is to be appended in the transaction that passes it.
    fn event(&mut self, event: &EventView<'_>, record: &Record, out: &mut Vec<Append>);

    /// Resolves when something beside the events has changed the handler. Cancel-safe.
    fn update(&mut self) -> impl Future<Output = Result<(), HandlersError>> + Send;
}

/// Follows `gateway.events` until cancelled.
pub(crate) async fn follow<H: Handler>(
    log: SharedLog,
    state: Arc<DiscordState>,
    mut handler: H,
    cancel: CancellationToken,
) -> Result<(), HandlersError> {
    let schemas = Schemas::open(log.clone()).await?;
    let consumer = Consumer::join(log, H::GROUP, GATEWAY_EVENTS).await?;
    let mut follower = Follower {
        consumer,
        owners: HashMap::new(),
        state,
        schemas,
        positions: Positions::default(),
        waits: Waits::default(),
        cancel,
    };
    loop {
        let flush_at = follower.positions.flush_at();
        tokio::select! {
            biased;
            () = follower.cancel.cancelled() => return follower.flush(None).await,
            updated = handler.update() => updated?,
            () = async { tokio::time::sleep_until(flush_at.unwrap_or_else(tokio::time::Instant::now)).await }, if flush_at.is_some() => {
                follower.flush(None).await?;
            }
            event = follower.consumer.next() => match event {
                Ok(ConsumerEvent::Assigned(owner)) => drop(follower.owners.insert(owner.partition(), owner)),
                Ok(ConsumerEvent::Batch(batch)) => follower.batch(&mut handler, &batch, H::GROUP).await?,
                Ok(ConsumerEvent::Revoked(revocation)) => {
                    follower.flush(Some(revocation.partition)).await?;
                    follower.owners.remove(&revocation.partition);
                    revocation.release();
                }
                Ok(ConsumerEvent::Lost(partition)) => follower.forget(partition),
                Ok(ConsumerEvent::Gap { partition, from, to }) => {
                    let record = gap(H::GROUP, GATEWAY_EVENTS, partition, from, to);
                    follower.positions.pass(partition, to, vec![record]);
                    follower.flush(Some(partition)).await?;
                }
                Err(LogError::Unavailable(reason)) => {
                    follower.waits.wait("events cannot be read", &reason, &follower.cancel).await;
                }
                Err(error) => return Err(error.into()),
            },
        }
    }
}

struct Follower {
    consumer: Consumer,
    owners: HashMap<i32, Owner>,
    state: Arc<DiscordState>,
    schemas: Schemas,
    positions: Positions,
    waits: Waits,
    cancel: CancellationToken,
}

impl Follower {
    async fn batch<H: Handler>(
        &mut self,
        handler: &mut H,
        batch: &Batch,
        group: &'static str,
    ) -> Result<(), HandlersError> {
        let mut out = Vec::new();
        for record in batch.iter() {
            let value = record.value.as_deref().unwrap_or_default();
            let unreadable = match EventView::decode(value) {
                Ok(Some(event)) => {
                    self.event(handler, &event, record, &mut out).await;
                    None
                }
                Ok(None) => match self.foreign(value).await {
                    Ok(Some(event)) => {
                        self.event(handler, &view(&event), record, &mut out).await;
                        None
                    }
                    Ok(None) => None,
                    Err(error) => Some(error),
                },
                Err(error) => Some(error),
            };
            if let Some(error) = unreadable {
                out.push(parked(group, GATEWAY_EVENTS, record, "malformed_record", &error.to_string()));
            }
            self.positions.pass_one(record.partition, record.offset + 1, &mut out);
        }
        self.write(false).await
    }

    async fn event<H: Handler>(&self, handler: &mut H, event: &EventView<'_>, record: &Record, out: &mut Vec<Append>) {
        if H::needs_state(event.event_type) {
            self.state.wait_folded(record.partition, record.offset + 1).await;
        }
        handler.event(event, record, out);
    }

    /// A record that this version's event schema did not write: an event of another version, or
    /// another record of the topic.
    async fn foreign(&self, value: &[u8]) -> Result<Option<GatewayEvent>, RecordError> {
        match self.schemas.name_of(value) {
            Some(name) if name != "GatewayEvent" => return Ok(None),
            Some(_) | None => {}
        }
        match self.schemas.decode_waiting(value).await {
            Ok(event) => Ok(Some(event)),
            // Its schema is known by now, and is another record's.
            Err(RecordError::UnknownSchema(_)) if self.schemas.name_of(value).is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Commits everything that was passed, of one partition or of all.
    async fn flush(&mut self, only: Option<i32>) -> Result<(), HandlersError> {
        match only {
            Some(partition) => {
                let writes = self.positions.take(partition).into_iter().collect();
                self.transact(writes).await
            }
            None => self.write(true).await,
        }
    }

    /// Writes what has records; with `all` the bare positions too.
    async fn write(&mut self, all: bool) -> Result<(), HandlersError> {
        let writes = self.positions.take_due(all);
        self.transact(writes).await
    }

    /// All partitions at once: they share the log's commits.
    async fn transact(&mut self, mut writes: Vec<Write>) -> Result<(), HandlersError> {
        while !writes.is_empty() {
            let attempts = writes.into_iter().filter_map(|write| {
                let owner = self.owners.get(&write.partition)?.clone();
                let offset = self.consumer.offset(write.partition, write.next);
                Some(attempt(owner, offset, write))
            });
            let mut again = Vec::new();
            let mut aborted = None;
            for (write, result) in join_all(attempts).await {
                match result {
                    Ok(_) => {}
                    Err(TransactError::Fenced(_)) => self.forget(write.partition),
                    Err(TransactError::Retry(reason)) => {
                        again.push(write);
                        aborted = Some(reason);
                    }
                    Err(TransactError::Refused(reason)) => return Err(LogError::Refused(reason).into()),
                }
            }
            writes = again;
            match aborted {
                Some(reason) => self.waits.wait("a transaction was aborted", &reason, &self.cancel).await,
                None => self.waits.reset(),
            }
            // On the way out it is tried no second time: the events are read again.
            if self.cancel.is_cancelled() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn forget(&mut self, partition: i32) {
        self.owners.remove(&partition);
        self.positions.forget(partition);
    }
}

async fn attempt(
    owner: Owner,
    offset: miso_log::OffsetCommit,
    write: Write,
) -> (Write, Result<Vec<i64>, TransactError>) {
    let result = owner.transact(write.records.clone(), vec![offset]).await;
    (write, result)
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
