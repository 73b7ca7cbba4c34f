use miso_log::LogError;

use crate::upstream::AddressError;

/// Why a sender ended.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// The configured address is unusable: mend the configuration.
    #[error("MISO_DISCORD_API_URL: {0}")]
    Address(#[from] AddressError),
    /// The log: a restart may mend it.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record that a newer version wrote, or a broken one, stands in the way of order: update this
    /// process, or look at the record with `miso tail`.
    #[error("{topic} {partition}:{offset} cannot be read: {reason}")]
    Unreadable {
        /// Topic.
        topic: &'static str,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// Why.
        reason: String,
    },
}
