use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use miso_command_catalogue::{
    Args, CATALOGUE, Command, Context, Found, Invocation, Place, Problem, Runs, args_from_json, command_json,
};
use miso_http::now_ms;
use serde_json::json;

use super::caller::Caller;
use super::{positioned, read_body, request_id};
use crate::api::Api;
use crate::commands::{Call, answer};
use crate::problem::Refusal;

/// `GET /v1/commands`: the catalogue, with a JSON Schema of each command's `args`.
pub(crate) async fn list() -> Json<serde_json::Value> {
    let commands: Vec<_> = CATALOGUE.commands.iter().map(command_json).collect();
    Json(json!({"commands": commands}))
}

/// `GET /v1/commands/{name}`.
pub(crate) async fn describe(Path(name): Path<String>) -> Result<Json<serde_json::Value>, Refusal> {
    Ok(Json(command_json(declared(&name)?)))
}

/// `POST /v1/commands/{name}` with [`Invocation`]; answers a [`miso_command_catalogue::Document`].
/// With the same `Idempotency-Key` a repeat changes nothing more and gets the same answer.
pub(crate) async fn run(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let command = declared(&name)?;
    let mut invocation: Invocation = read_body(body)?;
    caller.vouch(&mut invocation.context)?;
    let args = allowed(command, &invocation)?;
    let call = Call {
        api: &api,
        command,
        args,
        context: invocation.context,
        request_id: request_id(&headers)?,
        now_ms: now_ms(),
    };
    let answered = answer(&call).await?;
    Ok(positioned(Json(answered.document).into_response(), answered.position))
}

fn declared(name: &str) -> Result<&'static Command, Refusal> {
    if let Some(command) = CATALOGUE.by_name(name) {
        return Ok(command);
    }
    let near = match CATALOGUE.find(name) {
        Found::Command { command, .. } => Some(command),
        Found::Unknown { near, .. } => near,
    };
    let hint = near.map(|command| format!(" Did you mean `{}`?", command.name)).unwrap_or_default();
    Err(Problem::new(404, "unknown-command", "No such command", format!("There is no such command.{hint}")).into())
}

/// Whether the caller may do this here.
fn allowed(command: &Command, invocation: &Invocation) -> Result<Args, Problem> {
    let context: &Context = &invocation.context;
    if command.runs == Runs::Client {
        let detail = format!("`{}` only displays Discord's data: clients answer it themselves.", command.name);
        return Err(Problem::new(422, "client-command", "Not answered here", detail));
    }
    if command.place == Place::Guild && context.guild.is_none() {
        let detail = format!("`{}` works in servers only.", command.name);
        return Err(Problem::new(422, "guild-only", "Servers only", detail));
    }
    let args = args_from_json(command, &invocation.args).map_err(|error| {
        let detail = format!("{error}\nUsage: `{}`", command.usage());
        Problem::new(422, "invalid-arguments", "The arguments do not fit", detail)
    })?;
    let given = args.names();
    let of_arguments = given.filter_map(|name| command.arguments.iter().find(|argument| argument.name == name));
    let needed = of_arguments.map(|argument| argument.permissions).chain([command.permissions]);
    for needed in needed {
        if !context.permissions.cover(needed) {
            let detail = format!("You need the permission {} for that.", needed.names().join(", "));
            return Err(Problem::new(403, "missing-permissions", "Not allowed", detail));
        }
    }
    Ok(args)
}
