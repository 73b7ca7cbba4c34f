use miso_command_catalogue::Permissions;
use miso_model::{GuildId, UserId};
use reqwest::{Client, Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Channel, ClientError, Emoji, Guild, GuildMe, Member, MyGuilds, Role, Tokens, User, json as answer, send};

const SERVICE: &str = "data API";

/// The data API: Discord's objects, and logins. Calls with a token are made as its user.
pub(crate) struct DataClient {
    http: Client,
    base: String,
    key: String,
}

impl DataClient {
    pub(crate) fn new(http: Client, base: &str, key: &str) -> Self {
        Self { http, base: format!("{}/v1", base.trim_end_matches('/')), key: key.to_owned() }
    }

    fn get(&self, token: &str, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base)).bearer_auth(token)
    }

    fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.request(Method::POST, format!("{}{path}", self.base)).bearer_auth(&self.key).json(body)
    }

    /// Where a browser logs in.
    pub(crate) async fn authorize(&self, redirect: &str, state: &str, challenge: &str) -> Result<String, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            url: String,
        }
        let body = json!({"redirect_uri": redirect, "state": state, "code_challenge": challenge});
        Ok(answer::<Answer>(SERVICE, self.post("/oauth/authorize", &body)).await?.url)
    }

    /// Tokens and user of a code.
    pub(crate) async fn token(&self, code: &str, verifier: &str, redirect: &str) -> Result<Tokens, ClientError> {
        let body = json!({"code": code, "code_verifier": verifier, "redirect_uri": redirect});
        answer(SERVICE, self.post("/oauth/token", &body)).await
    }

    /// Fresh tokens.
    pub(crate) async fn refresh(&self, token: &str) -> Result<Tokens, ClientError> {
        answer(SERVICE, self.post("/oauth/refresh", &json!({"refresh_token": token}))).await
    }

    /// Ends a login at Discord.
    pub(crate) async fn revoke(&self, token: &str) -> Result<(), ClientError> {
        send(SERVICE, self.post("/oauth/revoke", &json!({"token": token}))).await.map(|_| ())
    }

    /// The guilds of the token's user.
    pub(crate) async fn my_guilds(&self, token: &str) -> Result<MyGuilds, ClientError> {
        answer(SERVICE, self.get(token, "/me/guilds")).await
    }

    /// 404 where the user is no member, or the bot is not there.
    pub(crate) async fn guild(&self, token: &str, guild: GuildId) -> Result<Guild, ClientError> {
        answer(SERVICE, self.get(token, &format!("/guilds/{guild}"))).await
    }

    /// What the token's user may do there.
    pub(crate) async fn guild_me(&self, token: &str, guild: GuildId) -> Result<GuildMe, ClientError> {
        answer(SERVICE, self.get(token, &format!("/guilds/{guild}/me"))).await
    }

    /// In Discord's order.
    pub(crate) async fn channels(&self, token: &str, guild: GuildId) -> Result<Vec<Channel>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            channels: Vec<Channel>,
        }
        let mut channels =
            answer::<Answer>(SERVICE, self.get(token, &format!("/guilds/{guild}/channels"))).await?.channels;
        channels.sort_by_key(|channel| channel.position);
        Ok(channels)
    }

    /// Highest first.
    pub(crate) async fn roles(&self, token: &str, guild: GuildId) -> Result<Vec<Role>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            roles: Vec<Role>,
        }
        let mut roles = answer::<Answer>(SERVICE, self.get(token, &format!("/guilds/{guild}/roles"))).await?.roles;
        roles.sort_by_key(|role| std::cmp::Reverse(role.position));
        Ok(roles)
    }

    pub(crate) async fn emojis(&self, token: &str, guild: GuildId) -> Result<Vec<Emoji>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            emojis: Vec<Emoji>,
        }
        Ok(answer::<Answer>(SERVICE, self.get(token, &format!("/guilds/{guild}/emojis"))).await?.emojis)
    }

    /// Members whose name begins with `query`, 100 at most.
    pub(crate) async fn members(
        &self,
        token: &str,
        guild: GuildId,
        query: &str,
        limit: usize,
    ) -> Result<Vec<Member>, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            members: Vec<Member>,
        }
        let limit = limit.to_string();
        let request = self.get(token, &format!("/guilds/{guild}/members"));
        let request = request.query(&[("query", query), ("limit", &limit)]);
        Ok(answer::<Answer>(SERVICE, request).await?.members)
    }

    pub(crate) async fn member(&self, token: &str, guild: GuildId, user: UserId) -> Result<Member, ClientError> {
        answer(SERVICE, self.get(token, &format!("/guilds/{guild}/members/{user}"))).await
    }

    /// What a user may do in a channel; a user `None` is the bot.
    pub(crate) async fn permissions(
        &self,
        token: &str,
        guild: GuildId,
        channel: &str,
        user: Option<UserId>,
    ) -> Result<Permissions, ClientError> {
        #[derive(Deserialize)]
        struct Answer {
            permissions: Permissions,
        }
        let user = user.map_or_else(|| "bot".to_owned(), |user| user.to_string());
        let request = self.get(token, &format!("/guilds/{guild}/channels/{channel}/permissions"));
        Ok(answer::<Answer>(SERVICE, request.query(&[("user", user)])).await?.permissions)
    }

    pub(crate) async fn user(&self, token: &str, user: UserId) -> Result<User, ClientError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Answer {
            Wrapped { user: User },
            Plain(User),
        }
        match answer(SERVICE, self.get(token, &format!("/users/{user}"))).await? {
            Answer::Wrapped { user } | Answer::Plain(user) => Ok(user),
        }
    }
}
