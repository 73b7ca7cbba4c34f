use miso_command_catalogue::{Colour, DEFAULT_PREFIX, Document, Problem};
use miso_model::{Aggregate, Request};
use serde_json::{Map, Value, json};

use super::{Answered, Call, code};
use crate::decide::{CHANGE_SETTINGS, ChangeSettings};
use crate::problem::Refusal;

/// Shows or changes what commands begin with in a guild.
pub(crate) async fn prefix(call: &Call<'_>) -> Result<Answered, Problem> {
    let Some(guild) = call.context.guild else {
        return Err(Problem::new(422, "guild-only", "Servers only", "`prefix` works in servers only."));
    };
    let Some(prefix) = call.args.text("prefix") else {
        let settings = call.api.store()?.guild_settings(guild).await.map_err(|error| Refusal::from(error).0)?;
        return Ok(shown(settings.prefix.as_deref().unwrap_or(DEFAULT_PREFIX)).into());
    };
    let aggregate = Aggregate::Guild(guild);
    let set = Map::from_iter([("prefix".to_owned(), json!(prefix))]);
    let body = serde_json::to_vec(&ChangeSettings { set }).unwrap_or_default();
    let request = Request {
        request_id: call.request_id.clone(),
        aggregate: aggregate.to_string(),
        kind: CHANGE_SETTINGS.to_owned(),
        expected_version: None,
        actor: format!("user/{}", call.context.user),
        body: body.into(),
        at_ms: call.now_ms,
    };
    let answer = call.api.ask(aggregate, &request).await?;
    // What the decider says, not what was asked: a repeat under a used id changes nothing.
    let decided = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let now = decided["after"]["prefix"].as_str().unwrap_or(DEFAULT_PREFIX);
    Ok(Answered { document: changed(now), position: Some((answer.partition, answer.position)) })
}

fn shown(prefix: &str) -> Document {
    let text = format!("Commands begin with {} here. Mentioning me works as well.", code(prefix));
    Document::text(Colour::Info, text).footer(format!("{prefix}prefix <new> changes it"))
}

fn changed(prefix: &str) -> Document {
    let text = format!("Commands now begin with {}, as in {}.", code(prefix), code(&format!("{prefix}help")));
    Document::text(Colour::Success, text)
}
