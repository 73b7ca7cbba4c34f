use miso_command_catalogue::{Colour, DEFAULT_PREFIX, Document, Problem};
use serde_json::{Map, json};

use super::{Answered, Call, code};

/// Shows or changes what commands begin with in a guild.
pub(crate) async fn prefix(call: &Call<'_>) -> Result<Answered, Problem> {
    let guild = call.guild()?;
    let Some(prefix) = call.args.text("prefix") else {
        let now = call.settings(guild).await?.text("general", "prefix");
        return Ok(shown(now.as_deref().unwrap_or(DEFAULT_PREFIX)).into());
    };
    let set = Map::from_iter([("prefix".to_owned(), json!(prefix))]);
    let done = call.change(guild, "general", set).await?;
    let now = done.settings("general").text("general", "prefix");
    Ok(Answered { document: changed(now.as_deref().unwrap_or(DEFAULT_PREFIX)), position: Some(done.position) })
}

fn shown(prefix: &str) -> Document {
    let text = format!("Commands begin with {} here. Mentioning me works as well.", code(prefix));
    Document::text(Colour::Info, text).footer(format!("{prefix}prefix <new> changes it"))
}

fn changed(prefix: &str) -> Document {
    let text = format!("Commands now begin with {}, as in {}.", code(prefix), code(&format!("{prefix}help")));
    Document::text(Colour::Success, text)
}
