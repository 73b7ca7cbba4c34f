//! Configuration: environment over TOML file over defaults, checked whole before anything starts.

mod parse;
#[cfg(test)]
mod table;
mod variables;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parse::{
    choice, number, one_of, parse_api_url, parse_auto, parse_cluster_key, parse_groups, parse_ids, parse_listen,
    parse_loopback, parse_public_url, parse_token,
};
#[cfg(test)]
pub(crate) use table::markdown_table;
use variables as var;
pub(crate) use variables::{ALL, Variable};

/// One thing that is wrong, with where it stands and what is allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable}{source_note} is {shown}: {wrong}; allowed: {allowed}")]
pub(crate) struct Problem {
    /// The variable.
    pub variable: String,
    /// ` (in miso.toml)` when it was set in a file.
    pub source_note: String,
    /// The value, quoted; secrets are not shown.
    pub shown: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What is allowed.
    pub allowed: String,
}

/// A secret that does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// `auto` or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auto<T> {
    Auto,
    Value(T),
}

/// The whole configuration of a process.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub token: Option<Secret>,
    pub discord_api_url: String,
    pub data_dir: PathBuf,
    pub log: String,
    pub store: Secret,
    pub proxy_listen: SocketAddr,
    pub proxy_public_url: Option<String>,
    pub commands_listen: SocketAddr,
    pub data_listen: SocketAddr,
    pub lastfm_listen: SocketAddr,
    pub embedder_listen: SocketAddr,
    pub panel_listen: SocketAddr,
    pub ops_listen: SocketAddr,
    pub commands_url: Option<String>,
    pub sender_url: Option<String>,
    pub data_url: Option<String>,
    pub lastfm_url: Option<String>,
    pub lastfm_api_key: Option<Secret>,
    pub lastfm_api_url: String,
    pub lastfm_site_url: String,
    pub lastfm_per_second: u32,
    pub embedder_url: Option<String>,
    pub embedder_providers: Option<PathBuf>,
    pub embedder_sites_at: Option<SocketAddr>,
    pub embedder_public_url: Option<String>,
    pub panel_public_url: Option<String>,
    /// User ids.
    pub panel_operators: Vec<u64>,
    pub client_id: Option<u64>,
    pub client_secret: Option<Secret>,
    /// Base of the simulated Discord's control API, in a demo.
    pub simulator_control_url: Option<String>,
    pub groups: Vec<(String, Secret)>,
    pub shards: Auto<u32>,
    pub intents: Auto<u64>,
    pub zstd: bool,
    pub gateway_buffer_bytes: usize,
    pub identify_interval: Duration,
    pub global_per_second: u32,
    pub commands_per_minute: u32,
    pub cluster_key: Option<Secret>,
    pub json_messages: bool,
    pub faults: bool,
}

/// Most shards that one bot may have.
const SHARDS_MOST: u32 = 16_384;
/// Smallest gateway buffer, bytes: one large GUILD_CREATE fits.
const GATEWAY_BUFFER_LEAST: usize = 1 << 20;

impl Config {
    /// Where people reach the panel.
    pub(crate) fn panel_url(&self) -> String {
        self.panel_public_url.clone().unwrap_or_else(|| format!("http://{}", self.panel_listen))
    }
}

/// Discord starts one session per bucket in this time.
const DISCORD_IDENTIFY_INTERVAL: Duration = Duration::from_secs(5);

/// Values that a verb presets, under the environment and the file but over the defaults.
pub(crate) type Presets = BTreeMap<&'static str, String>;

/// Where values come from.
pub(crate) struct Sources {
    env: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    file_name: String,
    presets: Presets,
    problems: Vec<Problem>,
}

impl Sources {
    /// The process's environment and the file given, else `miso.toml` of the current folder where
    /// there is one.
    pub(crate) fn of_process(file: Option<&Path>, presets: Presets) -> Self {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("MISO_") || ALL.iter().any(|variable| variable.name == *name))
            .collect();
        let default = Path::new("miso.toml");
        let file = file.or_else(|| default.is_file().then_some(default));
        let text = file.map(|path| (path.display().to_string(), std::fs::read_to_string(path)));
        Self::new(env, text, presets)
    }

    fn new(env: BTreeMap<String, String>, file: Option<(String, std::io::Result<String>)>, presets: Presets) -> Self {
        let mut sources = Self { env, file: BTreeMap::new(), file_name: String::new(), presets, problems: Vec::new() };
        if let Some((name, text)) = file {
            sources.file_name = name;
            match text
                .map_err(|error| error.to_string())
                .and_then(|text| text.parse::<toml::Table>().map_err(|error| error.message().to_owned()))
            {
                Ok(table) => sources.take_file(table),
                Err(wrong) => sources.file_problem("the file", &wrong, "a TOML file with the variables as keys"),
            }
        }
        sources
    }

    fn take_file(&mut self, table: toml::Table) {
        for (key, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => u8::from(flag).to_string(),
                _ => {
                    self.file_problem(&key, "neither text, integer nor boolean", "one value");
                    continue;
                }
            };
            if ALL.iter().any(|variable| variable.name == key) {
                self.file.insert(key, text);
            } else {
                let nearest = nearest(&key).map_or_else(String::new, |name| format!("; did you mean {name}?"));
                self.file_problem(&key, &format!("not a setting of Miso{nearest}"), "see docs/CONFIGURATION.md");
            }
        }
    }

    fn file_problem(&mut self, key: &str, wrong: &str, allowed: &str) {
        self.problems.push(Problem {
            variable: key.to_owned(),
            source_note: format!(" (in {})", self.file_name),
            shown: "there".into(),
            wrong: wrong.into(),
            allowed: allowed.into(),
        });
    }

    /// Variables of the environment that begin with `MISO_` and mean nothing: a typing error, perhaps.
    pub(crate) fn unknown_in_environment(&self) -> Vec<String> {
        let known = |name: &str| ALL.iter().any(|variable| variable.name == name);
        self.env
            .keys()
            .filter(|name| !known(name) && !name.starts_with("MISO_TEST_") && *name != "MISO_CONFIG")
            .map(|name| match nearest(name) {
                Some(near) => format!("{name} is not a setting of Miso; did you mean {near}?"),
                None => format!("{name} is not a setting of Miso (see docs/CONFIGURATION.md)"),
            })
            .collect()
    }

    /// The value as it was given, with the note on where; empty text counts as not given.
    fn given(&self, variable: &Variable) -> Option<(String, String)> {
        let some = |map: &BTreeMap<String, String>| map.get(variable.name).filter(|v| !v.is_empty()).cloned();
        if let Some(value) = some(&self.env) {
            return Some((value, String::new()));
        }
        if let Some(value) = some(&self.file) {
            return Some((value, format!(" (in {})", self.file_name)));
        }
        self.presets.get(variable.name).map(|value| (value.clone(), String::new()))
    }

    fn optional<T>(&mut self, variable: &Variable, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (value, source_note) = match self.given(variable) {
            Some(given) => given,
            None => (variable.default?.to_owned(), String::new()),
        };
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(wrong) => {
                let shown = if variable.secret { "set".into() } else { format!("{value:?}") };
                self.problems.push(Problem {
                    variable: variable.name.into(),
                    source_note,
                    shown,
                    wrong,
                    allowed: variable.allowed.into(),
                });
                None
            }
        }
    }

    /// A variable with a default: after a problem any value will do, for the process will not start.
    fn required<T>(
        &mut self,
        variable: &Variable,
        after_problem: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        self.optional(variable, parse).unwrap_or(after_problem)
    }

    /// Checks everything.
    ///
    /// # Errors
    /// All problems at once.
    pub(crate) fn load(mut self) -> Result<Config, Vec<Problem>> {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let data_dir: PathBuf = self.required(var::DATA_DIR, "data".into(), |text| Ok(text.into()));
        let under_data = |file: &str| format!("file:{}", data_dir.join(file).display());
        let config = Config {
            token: self.optional(var::DISCORD_TOKEN, parse_token),
            discord_api_url: self.required(var::DISCORD_API_URL, String::new(), parse_api_url),
            log: self.optional(var::LOG, |v| one_of(v, &["file:", "kafka://"])).unwrap_or_else(|| under_data("log.db")),
            store: Secret(
                self.optional(var::STORE, |v| one_of(v, &["file:", "postgres://", "postgresql://"]))
                    .unwrap_or_else(|| under_data("store.db")),
            ),
            proxy_listen: self.required(var::PROXY_LISTEN, anywhere, parse_listen),
            proxy_public_url: self.optional(var::PROXY_PUBLIC_URL, |v| one_of(v, &["ws://", "wss://"])),
            commands_listen: self.required(var::COMMANDS_LISTEN, anywhere, parse_listen),
            data_listen: self.required(var::DATA_LISTEN, anywhere, parse_listen),
            lastfm_listen: self.required(var::LASTFM_LISTEN, anywhere, parse_listen),
            embedder_listen: self.required(var::EMBEDDER_LISTEN, anywhere, parse_listen),
            panel_listen: self.required(var::PANEL_LISTEN, anywhere, parse_listen),
            ops_listen: self.required(var::OPS_LISTEN, anywhere, parse_listen),
            commands_url: self.optional(var::COMMANDS_URL, |v| one_of(v, &["http://", "https://"])),
            sender_url: self.optional(var::SENDER_URL, |v| one_of(v, &["http://", "https://"])),
            data_url: self.optional(var::DATA_URL, |v| one_of(v, &["http://", "https://"])),
            lastfm_url: self.optional(var::LASTFM_URL, |v| one_of(v, &["http://", "https://"])),
            lastfm_api_key: self.optional(var::LASTFM_API_KEY, parse_token),
            lastfm_api_url: self.required(var::LASTFM_API_URL, String::new(), parse_public_url),
            lastfm_site_url: self.required(var::LASTFM_SITE_URL, String::new(), parse_public_url),
            lastfm_per_second: self.required(var::LASTFM_PER_SECOND, 1, |v| number(v, 1..=100)),
            embedder_url: self.optional(var::EMBEDDER_URL, |v| one_of(v, &["http://", "https://"])),
            embedder_providers: self.optional(var::EMBEDDER_PROVIDERS, |text| Ok(text.into())),
            embedder_sites_at: self.optional(var::EMBEDDER_SITES_AT, parse_loopback),
            embedder_public_url: self.optional(var::EMBEDDER_PUBLIC_URL, parse_public_url),
            panel_public_url: self.optional(var::PANEL_PUBLIC_URL, parse_public_url),
            panel_operators: self.optional(var::PANEL_OPERATORS, parse_ids).unwrap_or_default(),
            client_id: self.optional(var::CLIENT_ID, |v| number(v, 1..=u64::MAX)),
            client_secret: self.optional(var::CLIENT_SECRET, parse_token),
            simulator_control_url: None,
            groups: self.optional(var::GROUPS, parse_groups).unwrap_or_default(),
            shards: self.required(var::SHARDS, Auto::Auto, |v| parse_auto(v, 1..=SHARDS_MOST)),
            intents: self.required(var::INTENTS, Auto::Auto, |v| parse_auto(v, 0..=(1 << 40))),
            zstd: self.required(var::COMPRESSION, true, |v| choice(v, &[("zstd", true), ("none", false)])),
            gateway_buffer_bytes: self
                .required(var::GATEWAY_BUFFER, 0, |v| number(v, GATEWAY_BUFFER_LEAST..=usize::MAX)),
            identify_interval: Duration::from_millis(
                self.required(var::IDENTIFY_INTERVAL, 0, |v| number(v, 0..=60_000)),
            ),
            global_per_second: self.required(var::GLOBAL_PER_SECOND, 1, |v| number(v, 1..=100_000)),
            commands_per_minute: self.required(var::COMMANDS_PER_MINUTE, 15, |v| number(v, 0..=100_000)),
            cluster_key: self.optional(var::CLUSTER_KEY, parse_cluster_key),
            json_messages: self.required(var::LOG_FORMAT, false, |v| choice(v, &[("text", false), ("json", true)])),
            faults: self.required(var::FAULTS, false, |v| choice(v, &[("0", false), ("1", true)])),
            data_dir,
        };
        if config.identify_interval < DISCORD_IDENTIFY_INTERVAL && !config.discord_api_url.starts_with("http://") {
            self.problems.push(Problem {
                variable: var::IDENTIFY_INTERVAL.name.into(),
                source_note: String::new(),
                shown: format!("\"{}\"", config.identify_interval.as_millis()),
                wrong: "Discord invalidates sessions that identify faster".into(),
                allowed: var::IDENTIFY_INTERVAL.allowed.into(),
            });
        }
        if config.faults && !config.ops_listen.ip().is_loopback() {
            self.problems.push(Problem {
                variable: var::FAULTS.name.into(),
                source_note: String::new(),
                shown: "\"1\"".into(),
                wrong: format!("{} is not on loopback", var::OPS_LISTEN.name),
                allowed: "1 only with a loopback ops listener".into(),
            });
        }
        if self.problems.is_empty() { Ok(config) } else { Err(self.problems) }
    }
}

/// Two roles in different processes call each other, and have no key that both know.
pub(crate) fn missing_cluster_key(role: &str, other: &str) -> Problem {
    Problem {
        variable: var::CLUSTER_KEY.name.into(),
        source_note: String::new(),
        shown: "not set".into(),
        wrong: format!("{role} and {other} run in different processes and call each other"),
        allowed: format!("{}, the same in every process", var::CLUSTER_KEY.allowed),
    }
}

/// A role needs a variable that is not set.
pub(crate) fn missing_token(role: &str) -> Problem {
    Problem {
        variable: var::DISCORD_TOKEN.name.into(),
        source_note: String::new(),
        shown: "not set".into(),
        wrong: format!("the role {role} needs it (`miso demo` runs without one, against a simulated Discord)"),
        allowed: var::DISCORD_TOKEN.allowed.into(),
    }
}

/// The variable whose name is at most 3 edits away.
fn nearest(name: &str) -> Option<&'static str> {
    let distance = |other: &str| {
        let other: Vec<char> = other.chars().collect();
        let mut row: Vec<usize> = (0..=other.len()).collect();
        for (i, a) in name.chars().enumerate() {
            let mut before = row[0];
            row[0] = i + 1;
            for (j, b) in other.iter().enumerate() {
                let replaced = before + usize::from(a.to_ascii_uppercase() != *b);
                before = row[j + 1];
                row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
            }
        }
        row[other.len()]
    };
    ALL.iter().map(|v| (distance(v.name), v.name)).min().filter(|(d, _)| *d <= 3).map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
