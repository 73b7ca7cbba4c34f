//! `fm set`, `fm unset` and `fm blacklist`.

use miso_command_catalogue::{Colour, Document, Problem};
use miso_model::Aggregate;
use miso_settings::LASTFM_USER;
use serde_json::{Map, Value, json};

use super::super::{Answered, Call, code};
use super::profile_of;
use super::shown::{plain, plays};
use super::whose::nobody;

fn username(name: Value) -> Map<String, Value> {
    Map::from_iter([("username".to_owned(), name)])
}

/// Whoever is asked for must be there.
pub(super) async fn set(call: &Call<'_>) -> Result<Answered, Problem> {
    let name = call.args.text("name").unwrap_or_default().trim().to_owned();
    let profile = match profile_of(call, &name).await {
        Ok(profile) => profile,
        Err(problem) if problem.slug() == "user-not-found" => {
            let detail = format!("Last.fm knows nobody called {}. Check how it is spelt on last.fm.", code(&name));
            return Err(Problem::new(404, "user-not-found", "No such user", detail));
        }
        Err(problem) => return Err(problem),
    };
    let changed = call.change(Aggregate::User(call.context.user), LASTFM_USER, username(json!(profile.name))).await?;
    let now = changed.settings(LASTFM_USER).text(LASTFM_USER, "username").unwrap_or(profile.name);
    let text = format!(
        "You are **{}** at Last.fm, with {}. What you played is being learnt.",
        plain(&now),
        plays(profile.plays)
    );
    let unset = format!("{}fm unset makes me forget it", call.prefix());
    Ok(Answered { document: Document::text(Colour::Success, text).footer(unset), position: Some(changed.position) })
}

pub(super) async fn unset(call: &Call<'_>) -> Result<Answered, Problem> {
    let aggregate = Aggregate::User(call.context.user);
    let changed = call.change(aggregate, LASTFM_USER, username(Value::Null)).await?;
    let text = "I have forgotten your name at Last.fm, and what you played.";
    Ok(Answered { document: Document::text(Colour::Success, text), position: Some(changed.position) })
}

/// Whom the server's lists leave out.
pub(super) async fn blacklist(call: &Call<'_>) -> Result<Answered, Problem> {
    let aggregate = call.guild()?;
    let Some(member) = call.args.user("member") else {
        let hidden = call.settings(aggregate).await?.ids("lastfm", "hidden_members");
        if hidden.is_empty() {
            return Ok(nobody("Nobody is left out of this server's lists.").into());
        }
        let rows = hidden.iter().map(|user| format!("<@{user}>")).collect();
        return Ok(Document { rows, colour: Colour::Lastfm, ..Document::default() }.titled("Left out of lists").into());
    };
    let changed = call
        .edit(aggregate, "lastfm", |settings| {
            let mut hidden = settings.ids("lastfm", "hidden_members");
            match hidden.iter().position(|user| *user == member.0) {
                Some(at) => drop(hidden.remove(at)),
                None => hidden.push(member.0),
            }
            let hidden: Vec<String> = hidden.iter().map(u64::to_string).collect();
            Ok(Map::from_iter([("hidden_members".to_owned(), json!(hidden))]))
        })
        .await?;
    let hides = changed.settings("lastfm").ids("lastfm", "hidden_members").contains(&member.0);
    let text = if hides {
        format!("<@{member}> is left out of whoknows, crowns and this server's lists.")
    } else {
        format!("<@{member}> is in this server's lists again.")
    };
    Ok(Answered { document: Document::text(Colour::Success, text), position: Some(changed.position) })
}
