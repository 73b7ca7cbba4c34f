use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use miso_command_catalogue::{CONTEXT_HEADER, Permissions, SignedContext};
use miso_model::{GuildId, UserId};
use reqwest::header::HeaderValue;
use reqwest::{Client, Method, RequestBuilder, Response, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    Audit, ClientError, GuildSettings, Imported, Leaderboard, ModuleValues, NewReminder, Reminders, Saved, Stats,
    json as answer, send,
};
use miso_http::random_id;

use crate::clock::now_s;

const SERVICE: &str = "commands API";
/// Seconds that a signed context holds.
const CONTEXT_S: i64 = 60;
/// Where a read model stands, or must stand.
const POSITION: &str = "miso-position";
/// Guilds and users whose last write is remembered, so that their next read waits for it at whichever
/// instance answers; the oldest is forgotten first.
const REMEMBERED: usize = 1_024;

/// For whom the panel asks; what they may do is the panel's word.
#[derive(Debug, Clone)]
pub(crate) struct As {
    pub(crate) user: UserId,
    pub(crate) name: String,
    pub(crate) guild: Option<GuildId>,
    pub(crate) permissions: Permissions,
}

/// Whose settings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Owner {
    Guild(GuildId),
    User(UserId),
}

impl Owner {
    fn path(self) -> String {
        match self {
            Self::Guild(guild) => format!("/guilds/{guild}"),
            Self::User(user) => format!("/users/{user}"),
        }
    }
}

/// The commands API.
pub(crate) struct CommandsClient {
    http: Client,
    base: String,
    key: String,
    /// By `/guilds/…` or `/users/…`.
    written: Mutex<VecDeque<(String, HeaderValue)>>,
}

/// The guild's or the user's part of a path.
fn owner(path: &str) -> &str {
    let end = path.match_indices('/').nth(2).map_or(path.len(), |(at, _)| at);
    &path[..end]
}

impl CommandsClient {
    pub(crate) fn new(http: Client, base: &str, key: &str) -> Self {
        Self {
            http,
            base: format!("{}/v1", base.trim_end_matches('/')),
            key: key.to_owned(),
            written: Mutex::default(),
        }
    }

    fn ask(&self, method: &Method, by: &As, via: &str, path: &str) -> RequestBuilder {
        let context = SignedContext {
            user: by.user,
            guild: by.guild,
            permissions: by.permissions,
            via: via.to_owned(),
            name: Some(by.name.clone()),
            expires_s: now_s() + CONTEXT_S,
        };
        let request = self.http.request(method.clone(), format!("{}{path}", self.base));
        let request = request.bearer_auth(&self.key).header(CONTEXT_HEADER, context.sign(self.key.as_bytes()));
        if *method != Method::GET {
            return request.header("idempotency-key", random_id());
        }
        match self.position(owner(path)) {
            Some(position) => request.header(POSITION, position),
            None => request,
        }
    }

    fn position(&self, owner: &str) -> Option<HeaderValue> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.iter().find(|(of, _)| of == owner).map(|(_, position)| position.clone())
    }

    /// Sends what changes something, and remembers where the change stands.
    async fn write(&self, request: RequestBuilder, path: &str) -> Result<Response, ClientError> {
        let response = send(SERVICE, request).await?;
        if let Some(position) = response.headers().get(POSITION) {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.retain(|(of, _)| of != owner(path));
            if written.len() == REMEMBERED {
                written.pop_front();
            }
            written.push_back((owner(path).to_owned(), position.clone()));
        }
        Ok(response)
    }

    /// The same, with what is answered.
    async fn written<T: DeserializeOwned>(&self, request: RequestBuilder, path: &str) -> Result<T, ClientError> {
        let response = self.write(request, path).await?;
        response
            .json()
            .await
            .map_err(|error| ClientError::Away { service: SERVICE, reason: error.without_url().to_string() })
    }

    fn get(&self, by: &As, path: &str) -> RequestBuilder {
        self.ask(&Method::GET, by, "panel", path)
    }

    /// All modules.
    pub(crate) async fn settings(&self, by: &As, of: Owner) -> Result<GuildSettings, ClientError> {
        answer(SERVICE, self.get(by, &format!("{}/settings", of.path()))).await
    }

    /// One module.
    pub(crate) async fn module(&self, by: &As, of: Owner, module: &str) -> Result<ModuleValues, ClientError> {
        answer(SERVICE, self.get(by, &format!("{}/settings/{module}", of.path()))).await
    }

    /// Changes fields of a module that stands at `version`; null takes one back to its default.
    pub(crate) async fn change(
        &self,
        by: &As,
        of: Owner,
        module: &str,
        version: i64,
        values: &Map<String, Value>,
    ) -> Result<Saved, ClientError> {
        let path = format!("{}/settings/{module}", of.path());
        let request = self.ask(&Method::PUT, by, "panel", &path);
        let request = request.header(header::IF_MATCH, format!("\"{version}\"")).json(&json!({"values": values}));
        self.written(request, &path).await
    }

    /// Changes of a guild's settings, the newest first.
    pub(crate) async fn audit(
        &self,
        by: &As,
        guild: GuildId,
        module: Option<&str>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Audit, ClientError> {
        let mut query = vec![("limit", limit.to_string())];
        query.extend(module.map(|module| ("module", module.to_owned())));
        query.extend(before.map(|before| ("before", before.to_string())));
        answer(SERVICE, self.get(by, &format!("/guilds/{guild}/audit")).query(&query)).await
    }

    /// Takes a change back by a new one.
    pub(crate) async fn revert(&self, by: &As, guild: GuildId, version: i64) -> Result<Saved, ClientError> {
        let path = format!("/guilds/{guild}/audit/{version}/revert");
        let request = self.ask(&Method::POST, by, "panel", &path);
        self.written(request.json(&json!({})), &path).await
    }

    /// Everything that is set, as a file.
    pub(crate) async fn settings_file(&self, by: &As, guild: GuildId) -> Result<Value, ClientError> {
        answer(SERVICE, self.get(by, &format!("/guilds/{guild}/settings-file"))).await
    }

    /// Takes a file in, or only says what that would change.
    pub(crate) async fn import(
        &self,
        by: &As,
        guild: GuildId,
        modules: &Value,
        dry_run: bool,
    ) -> Result<Imported, ClientError> {
        let path = format!("/guilds/{guild}/settings-file");
        let request = self.ask(&Method::POST, by, "import", &path);
        self.written(request.json(&json!({"modules": modules, "dry_run": dry_run})), &path).await
    }

    /// Has sent what a module would send: to the channel that is set, or to who asks.
    pub(crate) async fn sample(&self, by: &As, guild: GuildId, what: &str, direct: bool) -> Result<Value, ClientError> {
        let path = format!("/guilds/{guild}/samples");
        let request = self.ask(&Method::POST, by, "panel", &path);
        self.written(request.json(&json!({"what": what, "direct": direct})), &path).await
    }

    /// Messages of the last days that had stars, by how many: at place 0 those with one or more.
    pub(crate) async fn stars(&self, by: &As, guild: GuildId, days: u32) -> Result<Vec<u64>, ClientError> {
        #[derive(serde::Deserialize)]
        struct Answer {
            at_least: Vec<u64>,
        }
        let request = self.get(by, &format!("/guilds/{guild}/stars")).query(&[("days", days)]);
        Ok(answer::<Answer>(SERVICE, request).await?.at_least)
    }

    pub(crate) async fn leaderboard(
        &self,
        by: &As,
        guild: GuildId,
        offset: usize,
        limit: usize,
    ) -> Result<Leaderboard, ClientError> {
        let request = self.get(by, &format!("/guilds/{guild}/leaderboards/xp"));
        answer(SERVICE, request.query(&[("offset", offset), ("limit", limit)])).await
    }

    pub(crate) async fn stats(&self, by: &As, guild: GuildId, days: u32) -> Result<Stats, ClientError> {
        answer(SERVICE, self.get(by, &format!("/guilds/{guild}/stats")).query(&[("days", days)])).await
    }

    pub(crate) async fn reminders(&self, by: &As) -> Result<Reminders, ClientError> {
        answer(SERVICE, self.get(by, &format!("/users/{}/reminders", by.user))).await
    }

    pub(crate) async fn remind(&self, by: &As, reminder: &NewReminder<'_>) -> Result<(), ClientError> {
        let path = format!("/users/{}/reminders", by.user);
        let request = self.ask(&Method::POST, by, "panel", &path);
        self.write(request.json(reminder), &path).await.map(|_| ())
    }

    pub(crate) async fn cancel_reminder(&self, by: &As, id: &str) -> Result<(), ClientError> {
        let path = format!("/users/{}/reminders/{}", by.user, path_part(id));
        self.write(self.ask(&Method::DELETE, by, "panel", &path), &path).await.map(|_| ())
    }

    pub(crate) async fn snooze(&self, by: &As, id: &str, due_ms: i64) -> Result<(), ClientError> {
        let path = format!("/users/{}/reminders/{}/snooze", by.user, path_part(id));
        let request = self.ask(&Method::POST, by, "panel", &path);
        self.write(request.json(&json!({"due_ms": due_ms})), &path).await.map(|_| ())
    }

    /// Everything that is held of a user.
    pub(crate) async fn data(&self, by: &As) -> Result<Value, ClientError> {
        answer(SERVICE, self.get(by, &format!("/users/{}/data", by.user))).await
    }

    /// Deletes it.
    pub(crate) async fn delete_data(&self, by: &As) -> Result<Value, ClientError> {
        let path = format!("/users/{}/data", by.user);
        self.written(self.ask(&Method::DELETE, by, "panel", &path), &path).await
    }
}

/// Only what cannot leave its part of a path.
fn path_part(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect()
}
