//! The two REST calls that the gateway needs before it can connect.

use std::time::Duration;

use serde::Deserialize;

use crate::config::{GatewayConfig, IntentsChoice, Shards};
use crate::intents;

/// A call may take so long.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What Discord says about connecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// Address of the gateway, without query.
    pub(crate) url: String,
    pub(crate) shard_count: i32,
    pub(crate) max_concurrency: i32,
    /// IDENTIFYs left of the day's limit.
    pub(crate) remaining: u32,
    pub(crate) intents: u64,
}

/// Why Discord did not say it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// Nothing will change until somebody acts.
    #[error("{0}")]
    Refused(String),
    /// Worth another try.
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Deserialize)]
struct GatewayBot {
    url: String,
    shards: i32,
    session_start_limit: SessionStartLimit,
}

#[derive(Deserialize)]
struct SessionStartLimit {
    remaining: u32,
    #[serde(default = "one")]
    max_concurrency: i32,
}

fn one() -> i32 {
    1
}

#[derive(Deserialize)]
struct Application {
    #[serde(default)]
    flags: u64,
}

/// Asks `/gateway/bot` and, for `auto` intents, `/applications/@me`.
pub(crate) async fn ask(client: &reqwest::Client, config: &GatewayConfig) -> Result<Upstream, UpstreamError> {
    let gateway: GatewayBot = get(client, config, "gateway/bot").await?;
    let intents = match config.intents {
        IntentsChoice::Bits(bits) => bits,
        IntentsChoice::Auto => {
            let application: Application = get(client, config, "applications/@me").await?;
            intents::auto(application.flags)
        }
    };
    let shard_count = match config.shards {
        Shards::Auto => gateway.shards,
        Shards::Count(count) => count,
    };
    Ok(Upstream {
        url: gateway.url.trim_end_matches('/').to_owned(),
        shard_count: shard_count.max(1),
        max_concurrency: gateway.session_start_limit.max_concurrency.max(1),
        remaining: gateway.session_start_limit.remaining,
        intents,
    })
}

async fn get<T: serde::de::DeserializeOwned>(
    client: &reqwest::Client,
    config: &GatewayConfig,
    path: &str,
) -> Result<T, UpstreamError> {
    let url = format!("{}/v10/{path}", config.api_url.trim_end_matches('/'));
    let unavailable = |reason: String| UpstreamError::Unavailable(format!("GET {url}: {reason}"));
    let response = client
        .get(&url)
        .header("Authorization", format!("Bot {}", config.bare_token()))
        .header("User-Agent", concat!("DiscordBot (miso, ", env!("CARGO_PKG_VERSION"), ")"))
        .timeout(TIMEOUT)
        .send()
        .await
        .map_err(|error| unavailable(error.without_url().to_string()))?;
    match response.status().as_u16() {
        200 => response.json().await.map_err(|error| unavailable(error.without_url().to_string())),
        401 => Err(UpstreamError::Refused(
            "the token is refused (401): set DISCORD_TOKEN to the token of the application's Bot page".to_owned(),
        )),
        status => Err(unavailable(format!("status {status}"))),
    }
}
