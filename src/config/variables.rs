//! Every configuration variable, declared once: the loader, the messages, `docs/CONFIGURATION.md`
//! and `miso doctor` read this table.

/// One variable of the environment, and the key of the same name in a TOML file.
#[derive(Debug)]
pub(crate) struct Variable {
    /// Name in the environment and in the file.
    pub name: &'static str,
    /// What it is when it is not set; `None`: nothing.
    pub default: Option<&'static str>,
    /// What may be given, for people.
    pub allowed: &'static str,
    /// What it means, one line.
    #[cfg_attr(not(test), expect(dead_code, reason = "it is for the generated page of docs/"))]
    pub meaning: &'static str,
    /// Its value is never printed.
    pub secret: bool,
}

macro_rules! variables {
    ($($const:ident = $name:literal $(default $default:literal)? , $allowed:literal, $meaning:literal $(, $secret:ident)?;)+) => {
        $(#[doc = $meaning]
        pub(crate) const $const: &Variable = &Variable {
            name: $name,
            default: variables!(@default $($default)?),
            allowed: $allowed,
            meaning: $meaning,
            secret: variables!(@secret $($secret)?),
        };)+
        /// All of them, in the order of the documentation.
        pub(crate) const ALL: &[&Variable] = &[$($const),+];
    };
    (@default $default:literal) => { Some($default) };
    (@default) => { None };
    (@secret secret) => { true };
    (@secret) => { false };
}

variables! {
    DISCORD_TOKEN = "DISCORD_TOKEN", "a bot token of Discord's developer portal",
        "the bot's token", secret;
    DISCORD_API_URL = "MISO_DISCORD_API_URL" default "https://discord.com/api",
        "an https URL, or http on loopback, without `/v10`",
        "upstream REST base; `/v10/…` is appended; the upstream gateway's address comes from its `/v10/gateway/bot`";
    DATA_DIR = "MISO_DATA_DIR" default "data", "a folder that can be written",
        "where the embedded engines and the control key live";
    LOG = "MISO_LOG", "`file:PATH` or `kafka://HOST:PORT[,HOST:PORT…]`",
        "the log's engine; not set: `file:log.db` under `MISO_DATA_DIR`";
    STORE = "MISO_STORE", "`file:PATH` or `postgres://…`",
        "the store's engine; not set: `file:store.db` under `MISO_DATA_DIR`", secret;
    PROXY_LISTEN = "MISO_PROXY_LISTEN" default "127.0.0.1:8080", "ADDRESS:PORT",
        "one listener for handlers: websocket on `/` and REST under `/api/v10` and `/api/v9`";
    PROXY_PUBLIC_URL = "MISO_PROXY_PUBLIC_URL", "a ws or wss URL",
        "the gateway URL that handlers are told; not set: the listener's";
    COMMANDS_LISTEN = "MISO_COMMANDS_LISTEN" default "127.0.0.1:8081", "ADDRESS:PORT",
        "the commands API";
    DATA_LISTEN = "MISO_DATA_LISTEN" default "127.0.0.1:8082", "ADDRESS:PORT",
        "the data API";
    LASTFM_LISTEN = "MISO_LASTFM_LISTEN" default "127.0.0.1:8084", "ADDRESS:PORT",
        "the Last.fm middleware";
    EMBEDDER_LISTEN = "MISO_EMBEDDER_LISTEN" default "127.0.0.1:8085", "ADDRESS:PORT",
        "the media embedder";
    PANEL_LISTEN = "MISO_PANEL_LISTEN" default "127.0.0.1:8083", "ADDRESS:PORT",
        "the web panel";
    OPS_LISTEN = "MISO_OPS_LISTEN" default "127.0.0.1:9100", "ADDRESS:PORT",
        "`/healthz`, `/readyz`, `/metrics` (Prometheus) of the process";
    COMMANDS_URL = "MISO_COMMANDS_URL", "an http or https URL",
        "where the command handler finds the commands API; not set: the listener of `MISO_COMMANDS_LISTEN`";
    SENDER_URL = "MISO_SENDER_URL", "an http or https URL",
        "the ops listener of a process with the role sender: where a proxy without one has handlers' GETs performed (needs `MISO_CLUSTER_KEY`)";
    DATA_URL = "MISO_DATA_URL", "an http or https URL",
        "where the panel finds the data API; not set: the listener of `MISO_DATA_LISTEN`";
    LASTFM_URL = "MISO_LASTFM_URL", "an http or https URL",
        "where commands API, handlers and panel find the Last.fm middleware; not set: the one of the same process";
    EMBEDDER_URL = "MISO_EMBEDDER_URL", "an http or https URL",
        "where commands API, handlers and panel find the media embedder; not set: the one of the same process";
    LASTFM_API_KEY = "LASTFM_API_KEY", "a key of last.fm/api", "for Last.fm's API; without it the `fm` commands say that it is missing", secret;
    LASTFM_API_URL = "MISO_LASTFM_API_URL" default "https://ws.audioscrobbler.com/2.0/", "an https URL, or http on loopback",
        "Last.fm's API";
    LASTFM_SITE_URL = "MISO_LASTFM_SITE_URL" default "https://www.last.fm", "an https URL, or http on loopback",
        "Last.fm's pages, from which gaps of its API are filled";
    LASTFM_PER_SECOND = "MISO_LASTFM_PER_SECOND" default "4", "1 to 100", "requests to Last.fm, per second";
    EMBEDDER_PROVIDERS = "MISO_EMBEDDER_PROVIDERS", "a TOML file",
        "laid over the embedder's own table of sites: ids, tokens, off switches";
    EMBEDDER_SITES_AT = "MISO_EMBEDDER_SITES_AT", "ADDRESS:PORT on loopback",
        "for the demo and tests: where all public hosts are reached, over plain http";
    EMBEDDER_PUBLIC_URL = "MISO_EMBEDDER_PUBLIC_URL", "an https URL, or http on loopback",
        "where people reach the embedder's files, if they do";
    PANEL_PUBLIC_URL = "MISO_PANEL_PUBLIC_URL", "an https URL, or http on loopback",
        "the panel's address for people; its `/callback` must be a redirect of the Discord application; not set: the listener's";
    PANEL_OPERATORS = "MISO_PANEL_OPERATORS", "user ids, comma-separated", "who sees the panel's pages for operators";
    CLIENT_ID = "DISCORD_CLIENT_ID", "an application's id", "for the login with Discord; not set: the bot's application";
    CLIENT_SECRET = "DISCORD_CLIENT_SECRET", "an application's client secret", "for the login with Discord", secret;
    GROUPS = "MISO_GROUPS", "`name=secret`, comma-separated; name `a-z 0-9 -`, at most 40 characters; secret at least 8",
        "handler groups declared at start; the bare secret is then a valid credential", secret;
    SHARDS = "MISO_SHARDS" default "auto", "`auto` or 1 to 16384", "upstream shards";
    INTENTS = "MISO_INTENTS" default "auto", "`auto` or the sum of Discord's intent bits", "upstream intents";
    COMPRESSION = "MISO_GATEWAY_COMPRESSION" default "zstd", "`zstd` or `none`",
        "transport compression of the upstream gateway connection";
    IDENTIFY_INTERVAL = "MISO_GATEWAY_IDENTIFY_INTERVAL_MS" default "5000", "5000 or more; less only against a Discord on loopback; milliseconds",
        "time between two IDENTIFYs of one bucket, Discord's rule";
    GATEWAY_BUFFER = "MISO_GATEWAY_BUFFER_BYTES" default "268435456", "1048576 or more, bytes",
        "events that a gateway holds while the log is away; then it closes its connections, resumably";
    GLOBAL_PER_SECOND = "MISO_DISCORD_GLOBAL_PER_SECOND" default "50", "1 to 100000",
        "the bot's global REST limit, requests per second";
    COMMANDS_PER_MINUTE = "MISO_COMMANDS_PER_MINUTE" default "15", "0 to 100000",
        "commands of any kind that one member may use in a minute; 0: as many as they like";
    CLUSTER_KEY = "MISO_CLUSTER_KEY", "at least 16 characters",
        "shared by the processes of one deployment for their calls to each other, and what the panel seals its cookies with; not set: a fresh one per process, which will do where all roles run in one", secret;
    LOG_FORMAT = "MISO_LOG_FORMAT" default "text", "`text` or `json`", "format of the process's own messages on stderr";
    FAULTS = "MISO_FAULTS" default "0", "`0` or `1`",
        "1: `POST /faults/{role}` on the ops listener aborts a role, for tests; loopback only";
}
