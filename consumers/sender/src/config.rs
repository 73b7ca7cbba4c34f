use std::time::Duration;

use tokio::sync::watch;

/// A fenced commit allows bytes to leave for this long.
pub const LEASE: Duration = Duration::from_secs(2);

/// What a sender is started with.
#[derive(Debug, Clone)]
pub struct SenderConfig {
    /// Upstream REST base, such as `https://discord.com/api`; `/v10/…` is appended.
    pub api_url: String,
    /// The bot's token, resolved when a request is sent: a new value takes effect at once.
    pub token: watch::Receiver<String>,
    /// The bot's global limit, requests per second; 0: none. This process takes the share of the
    /// partitions that it owns.
    pub global_per_second: u32,
    /// Stop before so many invalid requests (401, 403, 429) in ten minutes. Discord bans at 10,000.
    pub invalid_limit: usize,
    /// First pause after Cloudflare refused this address; doubles up to an hour.
    pub edge_pause: Duration,
    /// How long a request may take, answer included; six times as long from 256 KiB on.
    pub request_timeout: Duration,
    /// How long an intent of a vanished owner is left alone before it is settled. At least [`LEASE`]
    /// and a margin for what is on its way to Discord.
    pub takeover_wait: Duration,
    /// Where other processes reach this one for GETs; empty: nowhere.
    pub address: String,
}

impl SenderConfig {
    /// Discord's own limits.
    #[must_use]
    pub fn new(api_url: &str, token: watch::Receiver<String>) -> Self {
        Self {
            api_url: api_url.to_owned(),
            token,
            global_per_second: 50,
            invalid_limit: 9_000,
            edge_pause: Duration::from_secs(60),
            request_timeout: Duration::from_secs(20),
            takeover_wait: LEASE + Duration::from_millis(500),
            address: String::new(),
        }
    }
}
