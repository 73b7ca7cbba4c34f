use miso_log::LogError;

/// Why the gateway role ended. A restart may mend it.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log refuses records for good.
    #[error("the log refuses the gateway's records: {0}")]
    Refused(String),
    /// The HTTP client cannot be built.
    #[error("no HTTP client: {0}")]
    Client(String),
}
