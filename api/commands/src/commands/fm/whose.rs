//! Whose listens a command is about.

use miso_bot_store::Listener;
use miso_bot_store::facts::SeenInGuild;
use miso_command_catalogue::{Colour, Document, Problem};
use miso_model::{Aggregate, UserId};

use super::super::{Call, code};
use crate::decide::crowns::SEE_IN_GUILD;
use crate::problem::Refusal;

/// Somebody who is linked.
pub(super) struct Linked {
    /// Their name at Last.fm.
    pub(super) name: String,
}

impl Linked {
    /// What is said of them in a footer or a title.
    pub(super) fn shown(&self) -> &str {
        &self.name
    }
}

pub(super) async fn listener(call: &Call<'_>, user: UserId) -> Result<Option<Listener>, Problem> {
    call.api.store()?.listener(user).await.map_err(|error| Refusal::from(error).0)
}

/// The one who is mentioned, else the caller.
pub(super) async fn whose(call: &Call<'_>, target: Option<UserId>) -> Result<Linked, Problem> {
    let user = target.unwrap_or(call.context.user);
    match listener(call, user).await? {
        Some(listener) => Ok(Linked { name: listener.lastfm_user }),
        None if user == call.context.user => {
            let command = code(&format!("{}fm set NAME", call.prefix()));
            let detail = format!("I do not know your name at Last.fm yet: {command} tells me.");
            Err(Problem::new(422, "not-linked", "Not linked", detail))
        }
        None => {
            let command = code(&format!("{}fm set NAME", call.prefix()));
            let detail = format!("<@{user}> has not told me a name at Last.fm; they can with {command}.");
            Err(Problem::new(422, "not-linked", "Not linked", detail))
        }
    }
}

/// That a caller who is linked is in this guild is kept, once. What fails is made up for by their next
/// command.
pub(super) async fn see_in_guild(call: &Call<'_>) {
    let (Some(guild), user) = (call.context.guild, call.context.user) else { return };
    let Ok(Some(_)) = listener(call, user).await else { return };
    let Ok(store) = call.api.store() else { return };
    let Ok(false) = store.is_guild_listener(guild, user).await else { return };
    let aggregate = Aggregate::Guild(guild);
    let mut request = call.request(aggregate, SEE_IN_GUILD, &SeenInGuild { user });
    request.request_id.push_str(":seen");
    if let Err(problem) = call.api.ask(aggregate, &request).await {
        tracing::warn!(problem = problem.slug(), "a listener could not be noted in a guild");
    }
}

/// Nothing is known yet of somebody who was linked just now.
pub(super) fn nobody(text: impl Into<String>) -> Document {
    Document::text(Colour::Lastfm, text)
}
