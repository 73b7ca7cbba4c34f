//! What handlers want sent: to a shard of ours, or on to its owner.

use miso_log::catalogue::{GATEWAY_COMMANDS, PARKED};
use miso_log::{Append, LogError};
use miso_model::{HandlerGap, LogRecord};

use super::{Link, Run};
use crate::commands::{self, Command};
use crate::error::GatewayError;
use crate::incoming::{Incoming, Received};
use crate::route::owner_of;
use crate::run::{GROUP, now_ms};

impl Run {
    pub(super) fn take_commands(&mut self, incoming: Result<Incoming, LogError>) -> Result<(), GatewayError> {
        match incoming {
            Ok(Incoming::Commands(received)) => {
                for received in received {
                    let offset = received.offset;
                    if !self.take_command(received) {
                        self.commands.finish(offset);
                    }
                }
                Ok(())
            }
            Ok(Incoming::Gap { from, to }) => {
                tracing::error!(from, to, "retention removed commands for the gateway before they were sent");
                let topic = GATEWAY_COMMANDS.name.to_owned();
                let partition = self.owner.partition();
                let gap = HandlerGap { group: GROUP.to_owned(), topic, partition, from, to, at_ms: now_ms() };
                self.outbox.other(-1, Append::new(PARKED, 0, gap.to_bytes(), gap.at_ms));
                Ok(())
            }
            // The reader waits for the log by itself; commands can wait.
            Err(LogError::Unavailable(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the command waits to be sent; else it is finished already.
    fn take_command(&mut self, received: Received) -> bool {
        let Received { offset, value, command: Some(command) } = received else { return false };
        let upstream = &self.common.upstream;
        let owner = owner_of(command.shard.max(0), upstream.max_concurrency);
        if (0..upstream.shard_count).contains(&command.shard) && owner != self.owner.partition() {
            self.outbox.other(-1, Append::new(GATEWAY_COMMANDS, owner, value, command.at_ms));
            return false;
        }
        let Some(run) = self.shards.get_mut(&command.shard).filter(|run| !matches!(run.link, Link::Fatal)) else {
            tracing::warn!(shard = command.shard, "a command for a shard that is not there is dropped");
            return false;
        };
        let Ok(d) = std::str::from_utf8(&command.d) else { return false };
        let json = format!(r#"{{"op":{},"d":{d}}}"#, command.op);
        if !commands::OPS.contains(&command.op) || json.len() > commands::PAYLOAD_BYTES {
            tracing::warn!(op = command.op, bytes = json.len(), "a command that Discord would refuse is dropped");
            return false;
        }
        if let Some(replaced) = run.commands.push(Command { offset, op: command.op, json }) {
            self.commands.finish(replaced);
        }
        true
    }
}
