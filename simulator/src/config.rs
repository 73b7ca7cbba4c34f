//! What a simulator is started with, and the command line of its own binary.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::SimulatorError;

/// Least and default length of a session's RESUME buffer, in events.
pub const MIN_RESUME_BUFFER: usize = 50_000;

/// Application flags of a bot with all three privileged intents (presence, members, message content).
pub const ALL_PRIVILEGED_FLAGS: u64 = 1 << 12 | 1 << 14 | 1 << 18;

/// Everything a simulator is started with. `Default` is a small, fast world with Discord's own limits.
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// Address of the one listener (REST, gateway, control); port 0 picks a free one.
    pub listen: SocketAddr,
    /// Seed of the world and of every random decision.
    pub seed: u64,
    /// Guilds the bot is in from the start.
    pub guilds: usize,
    /// Text channels per guild (a category and a voice channel come on top), at least 1.
    pub channels_per_guild: usize,
    /// Members per guild, the bot not counted, at least 1.
    pub members_per_guild: usize,
    /// The one token `Authorization: Bot …` and IDENTIFY accept.
    pub token: String,
    /// `shards` of `/gateway/bot`.
    pub shards: u64,
    /// `session_start_limit.max_concurrency` of `/gateway/bot`.
    pub max_concurrency: u64,
    /// Window in which one IDENTIFY per bucket is allowed, milliseconds (Discord: 5000).
    pub identify_window_ms: u64,
    /// `heartbeat_interval` of HELLO, milliseconds. A connection silent for 1.5 times as long is closed with 4009.
    pub heartbeat_interval_ms: u64,
    /// Events kept per session for RESUME; raised to [`MIN_RESUME_BUFFER`] unless `allow_short_resume_buffer`.
    pub resume_buffer: usize,
    /// Lets `resume_buffer` be shorter than the minimum, for tests of what happens beyond it.
    pub allow_short_resume_buffer: bool,
    /// How long a session without a connection can be resumed, milliseconds.
    pub session_ttl_ms: u64,
    /// Global REST limit, requests per second; 0 = none.
    pub global_per_second: u32,
    /// Whether per-route buckets exist at all (off for throughput measurements).
    pub bucket_limits: bool,
    /// Create-message bucket: requests per window.
    pub message_limit: u32,
    /// Create-message bucket: window in milliseconds.
    pub message_window_ms: u64,
    /// Invalid requests (401, 403, 429 not shared) per 10 minutes and address before the ban.
    pub invalid_limit: u32,
    /// `flags` of the application: which privileged intents are allowed.
    pub application_flags: u64,
    /// Guilds that users are in and the bot is not.
    pub elsewhere_guilds: usize,
    /// Whether the world is dressed for people: names, colours, more roles and channels.
    pub dressed: bool,
    /// Days of messages that the world begins with (at most [`MAX_HISTORY_DAYS`](crate::MAX_HISTORY_DAYS)).
    pub history_days: u32,
    /// The application's secret, for OAuth2.
    pub client_secret: String,
    /// Redirect URIs that are registered; empty: every http and https address is.
    pub redirect_uris: Vec<String>,
    /// How long a user's access token is good, seconds (Discord: a week).
    pub access_token_s: u64,
    /// Where the journal goes as NDJSON, besides memory.
    pub journal: Option<PathBuf>,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            guilds: 3,
            channels_per_guild: 3,
            members_per_guild: 8,
            token: default_token(),
            shards: 1,
            max_concurrency: 1,
            identify_window_ms: 5_000,
            heartbeat_interval_ms: 41_250,
            resume_buffer: 100_000,
            allow_short_resume_buffer: false,
            session_ttl_ms: 180_000,
            global_per_second: 50,
            bucket_limits: true,
            message_limit: 5,
            message_window_ms: 5_000,
            invalid_limit: 10_000,
            application_flags: ALL_PRIVILEGED_FLAGS,
            elsewhere_guilds: 1,
            dressed: false,
            history_days: 0,
            client_secret: "simulated-client-secret-of-no-value".to_owned(),
            redirect_uris: Vec::new(),
            access_token_s: 604_800,
            journal: None,
        }
    }
}

/// A token shaped like Discord's whose first part is the simulated bot's id.
fn default_token() -> String {
    use base64::Engine as _;
    let id = base64::engine::general_purpose::STANDARD_NO_PAD.encode(crate::world::BOT_ID.to_string());
    format!("{id}.SIMULA.simulated-bot-token-of-no-value")
}

impl SimulatorConfig {
    /// A world to look at: three guilds of two dozen people with names, colours and thirty days behind
    /// them, and two guilds that the bot can be invited into. IDENTIFY is not held back.
    #[must_use]
    pub fn demo(seed: u64) -> Self {
        Self {
            seed,
            guilds: 3,
            channels_per_guild: 7,
            members_per_guild: 24,
            elsewhere_guilds: 2,
            dressed: true,
            history_days: 30,
            identify_window_ms: 0,
            ..Self::default()
        }
    }

    /// Reads `--name value` pairs (see [`USAGE`]) over the defaults.
    ///
    /// # Errors
    /// [`SimulatorError::Arguments`] naming every option that is unknown, incomplete or out of range.
    pub fn from_args<I: IntoIterator<Item = String>>(args: I) -> Result<Self, SimulatorError> {
        let mut config = Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8090)), ..Self::default() };
        let mut problems = Vec::new();
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            match name.as_str() {
                "--no-bucket-limits" => {
                    config.bucket_limits = false;
                    continue;
                }
                "--dressed" => {
                    config.dressed = true;
                    continue;
                }
                _ => {}
            }
            let Some(value) = args.next() else {
                problems.push(format!("{name}: needs a value"));
                break;
            };
            if let Err(problem) = config.set(&name, &value) {
                problems.push(format!("{name} {value}: {problem}"));
            }
        }
        if problems.is_empty() { Ok(config) } else { Err(SimulatorError::Arguments(problems.join("\n"))) }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
            value.parse().map_err(|_| "not a number in range".to_owned())
        }
        match name {
            "--listen" => self.listen = value.parse().map_err(|_| "expected address:port".to_owned())?,
            "--seed" => self.seed = number(value)?,
            "--guilds" => self.guilds = number(value)?,
            "--channels" => self.channels_per_guild = number(value)?,
            "--members" => self.members_per_guild = number(value)?,
            "--token" => value.clone_into(&mut self.token),
            "--shards" => self.shards = number(value)?,
            "--max-concurrency" => self.max_concurrency = number(value)?,
            "--identify-window-ms" => self.identify_window_ms = number(value)?,
            "--heartbeat-interval-ms" => self.heartbeat_interval_ms = number(value)?,
            "--resume-buffer" => self.resume_buffer = number(value)?,
            "--session-ttl-ms" => self.session_ttl_ms = number(value)?,
            "--global-per-second" => self.global_per_second = number(value)?,
            "--message-limit" => self.message_limit = number(value)?,
            "--message-window-ms" => self.message_window_ms = number(value)?,
            "--application-flags" => self.application_flags = number(value)?,
            "--elsewhere" => self.elsewhere_guilds = number(value)?,
            "--history-days" => self.history_days = number(value)?,
            "--client-secret" => value.clone_into(&mut self.client_secret),
            "--redirect-uri" => self.redirect_uris.push(value.to_owned()),
            "--access-token-s" => self.access_token_s = number(value)?,
            "--journal" => self.journal = Some(PathBuf::from(value)),
            _ => return Err("unknown option".to_owned()),
        }
        Ok(())
    }

    /// The same configuration with every value inside its bounds.
    pub(crate) fn bounded(mut self) -> Self {
        self.channels_per_guild = self.channels_per_guild.clamp(1, 450);
        self.members_per_guild = self.members_per_guild.clamp(1, 200_000);
        self.elsewhere_guilds = self.elsewhere_guilds.min(100);
        self.history_days = self.history_days.min(crate::MAX_HISTORY_DAYS);
        self.shards = self.shards.max(1);
        self.max_concurrency = self.max_concurrency.max(1);
        self.heartbeat_interval_ms = self.heartbeat_interval_ms.max(20);
        if !self.allow_short_resume_buffer {
            self.resume_buffer = self.resume_buffer.max(MIN_RESUME_BUFFER);
        }
        self
    }
}

/// Usage text of the simulator's command line.
pub const USAGE: &str = "\
usage: miso-simulator [OPTION VALUE]…
  --listen ADDR:PORT          127.0.0.1:8090   REST under /api, gateway on /, control under /control
  --seed N                    1
  --guilds N                  3
  --channels N                3                text channels per guild
  --members N                 8                members per guild
  --token TOKEN                                the bot's token
  --shards N                  1                recommended shards
  --max-concurrency N         1
  --identify-window-ms N      5000
  --heartbeat-interval-ms N   41250
  --resume-buffer N           100000           events per session, at least 50000
  --session-ttl-ms N          180000
  --global-per-second N       50               0 = none
  --message-limit N           5                create-message per window and channel
  --message-window-ms N       5000
  --no-bucket-limits                           no per-route limits
  --application-flags N       all privileged intents
  --dressed                                    names, colours, more roles and channels
  --elsewhere N               1                guilds that the bot is not in
  --history-days N            0                days of messages the world begins with
  --client-secret SECRET                       the application's, for OAuth2
  --redirect-uri URI                           registered for OAuth2, repeatable; none: every address
  --access-token-s N          604800           seconds that a user's access token is good
  --journal FILE                               what was received and emitted, as NDJSON";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_argument_is_named_at_once() {
        let args = ["--seed", "x", "--bogus", "1", "--guilds"].map(str::to_owned);
        let text = SimulatorConfig::from_args(args).unwrap_err().to_string();
        assert!(
            text.contains("--seed x") && text.contains("--bogus 1") && text.contains("--guilds: needs a value"),
            "{text}"
        );
    }

    #[test]
    fn the_resume_buffer_is_never_shorter_than_promised() {
        let config = SimulatorConfig { resume_buffer: 3, ..SimulatorConfig::default() }.bounded();
        assert_eq!(config.resume_buffer, MIN_RESUME_BUFFER);
    }
}
