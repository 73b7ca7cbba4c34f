//! Opening, listening to and closing the shards' connections.

use std::time::Instant;

use tokio::sync::oneshot;
use twilight_gateway::{ConfigBuilder, ShardId};

use super::{Link, Run};
use crate::connection::{Burst, Connection, address, is_address};
use crate::intake::{Intake, lost};
use crate::run::now_ms;
use crate::session::{End, Next};
use crate::status::ShardStatus;

impl Run {
    /// `Connecting` is in the log: the connection may be opened.
    pub(super) fn open(&mut self, shard: i32) {
        let Some(run) = self.shards.get_mut(&shard) else { return };
        if self.stopping || !matches!(run.link, Link::Marked) {
            return;
        }
        let builder = ConfigBuilder::from(self.template.clone())
            .proxy_url(address(&self.common.upstream.url, self.common.config.zstd));
        let builder = match &run.session.session {
            Some(session) => {
                let sequence = u64::try_from(run.session.sequence).unwrap_or(0);
                let builder = builder.session(twilight_gateway::Session::new(sequence, session.id.clone()));
                match run.session.resume_url().filter(|url| is_address(url)) {
                    Some(url) => builder.resume_url(address(url, self.common.config.zstd)),
                    None => builder,
                }
            }
            None => builder,
        };
        let number = u32::try_from(shard).unwrap_or(0);
        let count = u32::try_from(self.common.upstream.shard_count).unwrap_or(1).max(1);
        let (close, closed) = oneshot::channel();
        run.generation += 1;
        run.commands.connection_began();
        let connection = Connection::new(ShardId::new(number, count), builder.build(), run.generation, closed);
        run.link = Link::Open { sender: connection.sender(), close: Some(close) };
        self.common.board.set(shard, ShardStatus::Connecting);
        tracing::info!(shard, resumes = run.session.session.is_some(), "connecting to the gateway");
        metrics::counter!("miso_gateway_connections_total").increment(1);
        self.connections.push(connection);
    }

    pub(super) fn burst(&mut self, burst: Burst) {
        let Some(run) = self.shards.get_mut(&burst.shard) else { return };
        let Link::Open { close, .. } = &run.link else { return };
        if run.generation != burst.generation {
            return;
        }
        let now = Instant::now();
        // A connection that we are closing is not listened to: what it says will be replayed.
        if close.is_some() {
            let mut intake = Intake {
                shard: burst.shard,
                session: &mut run.session,
                commands: &mut run.commands,
                outbox: &mut self.outbox,
                now,
                now_ms: now_ms(),
            };
            burst.frames.iter().for_each(|text| intake.frame(text));
        }
        if let Some(end) = burst.end {
            self.ended(burst.shard, &end, now);
        }
        if self.outbox.bytes() > self.buffer_bytes {
            self.close_all();
        }
    }

    fn ended(&mut self, shard: i32, end: &End, now: Instant) {
        let Some(run) = self.shards.get_mut(&shard) else { return };
        self.gate.release(shard);
        run.turn = None;
        run.shown_live = false;
        match run.session.ended(end, now, rand::random()) {
            Next::Connect { after, gap } => {
                tracing::info!(shard, ?end, after_ms = after.as_millis(), "the gateway connection ended");
                if let Some(gap) = gap {
                    lost(&mut self.outbox, shard, &gap);
                }
                run.link = Link::Wait(now + after);
                self.common.board.set(shard, ShardStatus::Waiting);
            }
            Next::Fatal(reason) => {
                tracing::error!(shard, reason, "Discord refuses this shard; it is not tried again");
                run.link = Link::Fatal;
                for offset in run.commands.clear() {
                    self.commands.finish(offset);
                }
                self.common.board.set(shard, ShardStatus::Fatal(reason));
            }
        }
    }

    /// Closes every connection so that its session can be resumed; what still comes is not taken.
    pub(super) fn close_all(&mut self) {
        for (shard, run) in &mut self.shards {
            if let Link::Open { close, .. } = &mut run.link
                && let Some(close) = close.take()
            {
                if !self.stopping {
                    tracing::warn!(
                        shard,
                        bytes = self.outbox.bytes(),
                        "the buffer is full; closing until the log is back"
                    );
                    metrics::counter!("miso_gateway_buffer_full_total").increment(1);
                }
                let _ = close.send(());
            }
        }
    }
}
