use std::time::Duration;

/// How a proxy behaves.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// What handlers are told as `resume_gateway_url`: `ws://host:port`, no query, no trailing slash.
    pub public_url: String,
    /// Where this process can be reached by others, for its claims in the ledger.
    pub address: String,
    /// How long a new home waits when its predecessor did not hand back in order. On a log that other
    /// processes can write: the 2 s lease and a margin, for what a paused predecessor may still send.
    /// With the embedded log nobody else can: zero.
    pub takeover_wait: Duration,
    /// Intents of the upstream connection; `None`: what the application's flags allow. A client that
    /// asks for a privileged intent beyond them is closed with 4014.
    pub upstream_intents: Option<u64>,
    /// Identify buckets of the bot, which decide who owns a shard.
    pub max_concurrency: i32,
    /// As in HELLO.
    pub heartbeat_interval: Duration,
    /// How long a session that nobody takes over can be resumed.
    pub session_ttl: Duration,
    /// How long an IDENTIFY is held while Discord's first READY is not there; then close 4000.
    pub identify_hold: Duration,
}

impl ProxyConfig {
    /// The defaults, for the embedded log.
    #[must_use]
    pub fn new(public_url: impl Into<String>) -> Self {
        let public_url = public_url.into();
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self {
            address: public_url.clone(),
            public_url,
            takeover_wait: Duration::ZERO,
            upstream_intents: None,
            max_concurrency: 1,
            heartbeat_interval: Duration::from_millis(41_250),
            session_ttl: Duration::from_secs(24 * 60 * 60),
            identify_hold: Duration::from_secs(10),
        }
    }
}
