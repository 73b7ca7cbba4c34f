//! Reads `gateway.commands` for one owner and keeps its position: the least command that was not
//! sent, passed on or given up.

use bytes::Bytes;
use miso_log::catalogue::GATEWAY_COMMANDS;
use miso_log::{Batch, FinishedPrefix, LogError, OffsetCommit, ReadError, Reader, Schemas, SharedLog};
use miso_model::{GatewayCommand, LogRecord, RecordError};

use crate::run::GROUP;

/// A command as it was read.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) offset: i64,
    /// The record, to be passed on.
    pub(crate) value: Bytes,
    /// `None`: it cannot be read.
    pub(crate) command: Option<GatewayCommand>,
}

/// What was read.
#[derive(Debug)]
pub(crate) enum Incoming {
    Commands(Vec<Received>),
    /// Retention removed `from..to` before it was read.
    Gap {
        from: i64,
        to: i64,
    },
}

#[derive(Debug)]
pub(crate) struct CommandReader {
    partition: i32,
    reader: Reader,
    schemas: Schemas,
    /// Read, and perhaps waiting for the schema of one of its records.
    pending: Option<Batch>,
    finished: FinishedPrefix,
    committed: i64,
}

impl CommandReader {
    pub(crate) async fn open(log: &SharedLog, partition: i32) -> Result<Self, LogError> {
        let schemas = Schemas::open(log.clone()).await?;
        let next = match log.committed(GROUP, GATEWAY_COMMANDS, partition).await? {
            Some(next) => next,
            None => log.bounds(GATEWAY_COMMANDS, partition).await?.earliest,
        };
        let reader = log.reader(GATEWAY_COMMANDS, &[(partition, next)]);
        Ok(Self { partition, reader, schemas, pending: None, finished: FinishedPrefix::new(next), committed: next })
    }

    /// The next commands. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Result<Incoming, LogError> {
        if self.pending.is_none() {
            match self.reader.next().await {
                Ok(batch) => self.pending = Some(batch),
                Err(ReadError::BehindRetention { wanted, earliest, .. }) => {
                    if self.finished.open() == 0 {
                        self.finished = FinishedPrefix::new(earliest);
                    }
                    return Ok(Incoming::Gap { from: wanted, to: earliest });
                }
                Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason)),
                Err(ReadError::Closed) => return Err(LogError::Closed),
            }
        }
        let mut received = Vec::new();
        for record in self.pending.iter().flat_map(Batch::iter) {
            let value = record.value.clone().unwrap_or_default();
            let command = match self.read(&value).await {
                Ok(command) => Some(command),
                Err(ReadFailed::Log(error)) => return Err(error),
                Err(ReadFailed::Record(error)) => {
                    tracing::error!(%error, offset = record.offset, "a command for the gateway cannot be read");
                    None
                }
            };
            received.push(Received { offset: record.offset, value, command });
        }
        self.pending = None;
        received.iter().for_each(|command| self.finished.take(command.offset));
        Ok(Incoming::Commands(received))
    }

    async fn read(&self, value: &[u8]) -> Result<GatewayCommand, ReadFailed> {
        match self.schemas.decode(value) {
            Ok(command) => Ok(command),
            Err(RecordError::UnknownSchema(fingerprint)) => {
                let foreign = self.schemas.resolve(fingerprint).await.map_err(ReadFailed::Log)?;
                GatewayCommand::from_bytes_written_with(value, &foreign.schema).map_err(ReadFailed::Record)
            }
            Err(error) => Err(ReadFailed::Record(error)),
        }
    }

    pub(crate) fn finish(&mut self, offset: i64) {
        self.finished.finish(offset);
    }

    /// The position to commit, when it moved.
    pub(crate) fn to_commit(&self) -> Option<OffsetCommit> {
        let next = self.finished.next();
        (next > self.committed).then(|| OffsetCommit {
            group: GROUP.to_owned(),
            topic: GATEWAY_COMMANDS,
            partition: self.partition,
            next,
        })
    }

    pub(crate) fn committed(&mut self, next: i64) {
        self.committed = next;
    }
}

enum ReadFailed {
    Log(LogError),
    Record(RecordError),
}
