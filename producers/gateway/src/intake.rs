//! One shard's frames on their way into the outbox.

use std::time::Instant;

use miso_log::Append;
use miso_log::catalogue::{GATEWAY_EVENTS, PARKED};
use miso_model::{LogRecord, ParkedRecord, Payload};

use crate::commands::CommandQueue;
use crate::outbox::Outbox;
use crate::run::{GROUP, now_ms};
use crate::session::{Lost, ShardSession, Taken};

/// Takes frames, as many as came at once, at one time.
pub(crate) struct Intake<'a> {
    pub(crate) shard: i32,
    pub(crate) session: &'a mut ShardSession,
    pub(crate) commands: &'a mut CommandQueue,
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) now: Instant,
    pub(crate) now_ms: i64,
}

impl Intake<'_> {
    pub(crate) fn frame(&mut self, text: &str) {
        match self.session.frame(text, self.now) {
            Taken::Nothing => {}
            Taken::Event(frame, sequence) | Taken::Resumed(frame, sequence) => {
                let session_id = self.session.session.as_ref().map_or("", |session| &session.id);
                let record = self.outbox.record(self.shard, session_id, &frame, sequence, self.now_ms);
                if record.len() <= GATEWAY_EVENTS.max_record_bytes {
                    self.outbox.event(self.shard, sequence, record);
                } else {
                    self.park(frame.t.unwrap_or_default(), sequence, record.len());
                }
            }
            Taken::Ready { frame, sequence, guilds, gap } => {
                if let Some(gap) = gap {
                    lost(self.outbox, self.shard, &gap);
                }
                let Some(session) = self.session.session.clone() else { return };
                let record = self.outbox.record(self.shard, &session.id, &frame, sequence, self.now_ms);
                tracing::info!(shard = self.shard, guilds = guilds.len(), "a session began");
                self.outbox.ready(self.shard, session, sequence, record, &guilds);
                self.commands.session_began();
            }
            Taken::Malformed => {
                metrics::counter!("miso_gateway_frames_malformed_total").increment(1);
                tracing::error!(shard = self.shard, bytes = text.len(), "a frame of the gateway cannot be read");
            }
        }
    }

    /// An event that no record can hold: said in `parked`, so that it is not lost silently.
    fn park(&mut self, event_type: &str, sequence: i64, bytes: usize) {
        metrics::counter!("miso_gateway_events_oversized_total").increment(1);
        tracing::error!(shard = self.shard, event_type, bytes, "an event is larger than the log takes");
        let parked = ParkedRecord {
            group: GROUP.to_owned(),
            topic: GATEWAY_EVENTS.name.to_owned(),
            partition: -1,
            offset: sequence,
            error_class: "oversized_event".to_owned(),
            error: format!("{event_type} of {bytes} bytes; the bound is {}", GATEWAY_EVENTS.max_record_bytes),
            attempts: 1,
            value: Payload::default(),
            at_ms: self.now_ms,
        };
        self.outbox.other(self.shard, Append::new(PARKED, 0, parked.to_bytes(), self.now_ms));
        self.outbox.skip(self.shard, sequence);
    }
}

/// A session that Discord cannot replay: every partition is told.
pub(crate) fn lost(outbox: &mut Outbox, shard: i32, gap: &Lost) {
    metrics::counter!("miso_gateway_gaps_total").increment(1);
    tracing::error!(
        shard,
        after_sequence = gap.after_sequence,
        reason = gap.reason,
        "Discord cannot replay this session"
    );
    outbox.lost(shard, gap, now_ms());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::outbox::Identity;
    use crate::session::Session;

    #[test]
    fn an_event_that_no_record_holds_is_parked_and_its_sequence_passed() {
        let mut outbox = Outbox::new(Identity { partition: 0, epoch: 1, shard_count: 1 }, BTreeMap::new());
        let mut session = ShardSession::new(Some(Session { id: "a".into(), resume_url: None }), 4);
        let mut commands = CommandQueue::default();
        let mut intake = Intake {
            shard: 0,
            session: &mut session,
            commands: &mut commands,
            outbox: &mut outbox,
            now: Instant::now(),
            now_ms: 1,
        };
        let text = "x".repeat(GATEWAY_EVENTS.max_record_bytes);
        intake.frame(&format!(r#"{{"t":"X","s":5,"op":0,"d":{{"text":"{text}"}}}}"#));
        intake.frame(r#"{"t":"X","s":6,"op":0,"d":{}}"#);
        intake.frame("noise");
        let topics: Vec<&str> =
            outbox.transaction(1).expect("something waits").records.iter().map(|record| record.topic.name).collect();
        assert_eq!(topics, ["parked", "gateway.events", "gateway.checkpoints"]);
        assert_eq!(session.sequence, 6);
    }
}
