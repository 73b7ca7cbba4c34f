use std::time::Duration;

use miso_command_catalogue::Problem;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;

use super::{ClientError, json as answer};

const SERVICE: &str = "embedder";
/// How long a link is looked up, at most: the embedder itself takes 8 seconds for all its attempts.
const PATIENCE: Duration = Duration::from_secs(10);

/// The media embedder: what is behind a link to a social site.
pub(crate) struct EmbedderClient {
    http: Client,
    base: String,
    key: String,
}

/// A post.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Post {
    #[serde(default)]
    pub(crate) provider: String,
    #[serde(default)]
    pub(crate) author: Option<Author>,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) sensitive: bool,
    #[serde(default)]
    pub(crate) media: Vec<Medium>,
    #[serde(default)]
    pub(crate) meta: PostMeta,
}

/// Who wrote it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Author {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) handle: Option<String>,
}

/// A picture or a video of it.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Medium {
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) width: Option<u64>,
    #[serde(default)]
    pub(crate) height: Option<u64>,
    #[serde(default)]
    pub(crate) duration_ms: Option<u64>,
    #[serde(default)]
    pub(crate) bytes: Option<u64>,
    #[serde(default)]
    pub(crate) alt: Option<String>,
}

/// How it was found.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct PostMeta {
    #[serde(default)]
    pub(crate) strategy: Option<String>,
    #[serde(default)]
    pub(crate) tried: Vec<String>,
    #[serde(default)]
    pub(crate) age_s: Option<u64>,
    #[serde(default)]
    pub(crate) degraded: Vec<String>,
}

/// A site that it knows.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Provider {
    pub(crate) name: String,
    /// Not, where the operator turned it off.
    #[serde(default)]
    pub(crate) enabled: bool,
    #[serde(default)]
    pub(crate) strategies: Vec<Strategy>,
}

/// A way to a site's posts.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Strategy {
    #[serde(default)]
    pub(crate) enabled: bool,
    /// `green`, `amber`, `red`, or `unknown` before its first use.
    #[serde(default)]
    pub(crate) health: String,
}

impl EmbedderClient {
    pub(crate) fn new(http: Client, base: &str, key: &str) -> Self {
        Self { http, base: base.trim_end_matches('/').to_owned(), key: key.to_owned() }
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.key).timeout(PATIENCE)
    }

    /// What is behind a link.
    pub(crate) async fn post(&self, url: &str) -> Result<Post, ClientError> {
        let away = |reason: String| ClientError::Away { service: SERVICE, reason };
        let request = self.get("/v1/media").query(&[("url", url)]);
        let response = request.send().await.map_err(|error| away(error.without_url().to_string()))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| away(error.without_url().to_string()))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| away(error.to_string()));
        }
        // Also a site that fails is the embedder's answer, not its failure.
        let problem = serde_json::from_slice::<Problem>(&body).map_err(|_| away(status.to_string()))?;
        Err(ClientError::Refused { service: SERVICE, problem: Box::new(problem) })
    }

    /// Every provider with how its strategies do.
    pub(crate) async fn providers(&self) -> Result<Vec<Provider>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            providers: Vec<Provider>,
        }
        Ok(answer::<Answer>(SERVICE, self.get("/v1/providers")).await?.providers)
    }
}
