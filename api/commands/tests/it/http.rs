use reqwest::{Client, Response, StatusCode};
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
