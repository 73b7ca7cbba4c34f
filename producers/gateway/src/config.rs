use std::time::Duration;

/// How many shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shards {
    /// What `/gateway/bot` recommends when the role starts.
    Auto,
    /// So many; Discord refuses too few (close 4011) and, of large bots, other multiples (4010).
    Count(i32),
}

/// Which events Discord is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentsChoice {
    /// Everything unprivileged, and what the application's flags allow, presences excepted.
    Auto,
    /// These bits.
    Bits(u64),
}

/// What the gateway role needs.
#[derive(Clone)]
pub struct GatewayConfig {
    /// The bot's token, with or without `Bot ` in front.
    pub token: String,
    /// Upstream REST base, such as `https://discord.com/api`; `/v10/…` is appended.
    pub api_url: String,
    /// How many shards.
    pub shards: Shards,
    /// Which events.
    pub intents: IntentsChoice,
    /// Bytes of records that may wait for a log that is away, over all shards of the process. At the
    /// bound the connections are closed resumably (4000) until the log is back.
    pub buffer_bytes: usize,
    /// This process's address for calls between processes; only written into the claim.
    pub address: String,
    /// Whether frames come compressed (zstd-stream).
    pub zstd: bool,
    /// Time between two IDENTIFYs of one bucket, and after a claim before the first. Discord's rule is
    /// 5 s; only a simulator may be given less.
    pub identify_interval: Duration,
}

/// Default of [`GatewayConfig::buffer_bytes`].
pub const BUFFER_BYTES: usize = 256 * 1_024 * 1_024;

impl GatewayConfig {
    /// Defaults for everything but token and API.
    #[must_use]
    pub fn new(token: impl Into<String>, api_url: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            api_url: api_url.into(),
            shards: Shards::Auto,
            intents: IntentsChoice::Auto,
            buffer_bytes: BUFFER_BYTES,
            address: String::new(),
            zstd: true,
            identify_interval: Duration::from_secs(5),
        }
    }

    /// The token without `Bot `.
    pub(crate) fn bare_token(&self) -> &str {
        self.token.strip_prefix("Bot ").unwrap_or(&self.token)
    }
}

impl std::fmt::Debug for GatewayConfig {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayConfig")
            .field("api_url", &self.api_url)
            .field("shards", &self.shards)
            .field("intents", &self.intents)
            .field("buffer_bytes", &self.buffer_bytes)
            .field("address", &self.address)
            .field("zstd", &self.zstd)
            .field("identify_interval", &self.identify_interval)
            .finish_non_exhaustive()
    }
}
