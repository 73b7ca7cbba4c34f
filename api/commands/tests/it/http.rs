use miso_command_catalogue::{Permissions, SignedContext};
use miso_model::{GuildId, UserId};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::setup::Instance;

/// A client without memory of connections: what an instance answers is its own.
pub(crate) fn client() -> Client {
    Client::builder().pool_max_idle_per_host(0).no_proxy().build().expect("client")
}

pub(crate) fn context() -> Value {
    json!({"platform": "terminal", "user": "42", "guild": "7", "permissions": "32", "prefix": "!"})
}

/// Runs a command of an administrator of guild 7.
pub(crate) async fn run(instance: &Instance, name: &str, args: Value) -> Response {
    let body = json!({"args": args, "context": context()});
    client().post(instance.url(&format!("/v1/commands/{name}"))).json(&body).send().await.expect("answers")
}

/// Changes the prefix under an id.
pub(crate) async fn prefix(
    instance: &Instance,
    id: &str,
    guild: u64,
    prefix: &str,
) -> Result<Response, reqwest::Error> {
    let mut context = context();
    context["guild"] = json!(guild.to_string());
    let body = json!({"args": {"prefix": prefix}, "context": context});
    client().post(instance.url("/v1/commands/prefix")).header("idempotency-key", id).json(&body).send().await
}

pub(crate) async fn json_of(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, response.json().await.expect("json"))
}

pub(crate) async fn settings(instance: &Instance, guild: u64) -> Value {
    let response = client().get(instance.url(&format!("/v1/guilds/{guild}/settings"))).send().await.expect("answers");
    json_of(response).await.1
}

/// The prefix of a guild, and how often it was changed.
pub(crate) async fn general(instance: &Instance, guild: u64) -> (Value, i64) {
    let module = &settings(instance, guild).await["modules"]["general"];
    (module["values"]["prefix"].clone(), module["version"].as_i64().expect("version"))
}

/// A context as the panel signs it, for a user who may manage a guild, where no key is set.
pub(crate) fn signed_as(user: u64, guild: u64) -> String {
    let context = SignedContext {
        user: UserId(user),
        guild: Some(GuildId(guild)),
        permissions: Permissions::MANAGE_GUILD,
        via: "panel".to_owned(),
        name: None,
        expires_s: i64::MAX,
    };
    context.sign(b"")
}

/// A request of user 42, who may manage guild 7.
pub(crate) fn as_manager(instance: &Instance, method: Method, path: &str) -> RequestBuilder {
    client().request(method, instance.url(path)).header("miso-context", signed_as(42, 7))
}

/// Changes fields of a module of guild 7.
pub(crate) async fn put(instance: &Instance, module: &str, version: Option<i64>, values: Value) -> Response {
    let request = as_manager(instance, Method::PUT, &format!("/v1/guilds/7/settings/{module}"));
    let request = match version {
        Some(version) => request.header("if-match", format!("\"{version}\"")),
        None => request,
    };
    request.json(&json!({"values": values})).send().await.expect("answers")
}

/// What is at an address, for services.
pub(crate) async fn read(instance: &Instance, path: &str) -> Value {
    let (status, json) = json_of(client().get(instance.url(path)).send().await.expect("answers")).await;
    assert_eq!(status, StatusCode::OK, "{path}: {json}");
    json
}
