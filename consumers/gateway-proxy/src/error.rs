use miso_log::{AppendError, LogError, ReadError, TransactError};

/// A proxy cannot go on. The role may be started again.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Another process owns the homes now, or this one was paused too long.
    #[error("partition {0} of proxy.ledger is owned by another now")]
    Fenced(i32),
    /// A transaction that can never succeed.
    #[error("the home's transaction is refused: {0}")]
    Refused(String),
    /// The log refuses what must be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log cannot be asked.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The listener failed.
    #[error("connections cannot be accepted: {0}")]
    Accept(#[from] std::io::Error),
    /// A task of the proxy broke; says which.
    #[error("{0} broke")]
    Broke(&'static str),
}

impl From<TransactError> for ProxyError {
    fn from(error: TransactError) -> Self {
        match error {
            TransactError::Fenced(partition) => Self::Fenced(partition),
            TransactError::Refused(reason) | TransactError::Retry(reason) => Self::Refused(reason),
        }
    }
}
