//! What answers the commands that run here, one file each.

mod chance;
pub(crate) mod change;
mod custom;
mod edits;
mod fm;
mod fun;
mod help;
pub(crate) mod media;
mod ping;
mod prefix;
mod rank;
mod reminders;
mod settings;
mod shown;

use miso_command_catalogue::{Args, Command, Context, DEFAULT_PREFIX, Document, Group, Problem};

use crate::api::Api;

/// A checked invocation.
pub(crate) struct Call<'a> {
    pub(crate) api: &'a Api,
    pub(crate) command: &'static Command,
    pub(crate) args: Args,
    pub(crate) context: Context,
    pub(crate) request_id: String,
    pub(crate) now_ms: i64,
}

/// An answer and, where the store was read or changed, its position.
pub(crate) struct Answered {
    pub(crate) document: Document,
    pub(crate) position: Option<(i32, i64)>,
}

impl From<Document> for Answered {
    fn from(document: Document) -> Self {
        Self { document, position: None }
    }
}

impl Call<'_> {
    /// What examples begin with.
    fn prefix(&self) -> &str {
        self.context.prefix.as_deref().unwrap_or(DEFAULT_PREFIX)
    }
}

pub(crate) async fn answer(call: &Call<'_>) -> Result<Answered, Problem> {
    if let Some(edit) = call.command.edit {
        return settings::answer(call, edit).await;
    }
    if call.command.group == Group::Lastfm {
        return fm::answer(call).await;
    }
    match call.command.name {
        "ping" => Ok(ping::ping(&call.context, call.now_ms).into()),
        "help" => Ok(help::help(&call.args, call.prefix()).into()),
        "prefix" => prefix::prefix(call).await,
        "choose" => Ok(chance::choose(&call.args, &call.request_id).into()),
        "eightball" => Ok(fun::eightball(&call.request_id).into()),
        "ship" => Ok(fun::ship(&call.args, &call.context).into()),
        "clap" => Ok(fun::clap(&call.args).into()),
        "command add" | "command edit" | "command remove" | "command list" | "command search" => {
            custom::custom(call).await
        }
        "embed" | "instagram" | "tiktok" | "twitter" | "reddit" | "bluesky" | "threads" | "youtube" | "mastodon" => {
            Ok(media::media(call).await?.into())
        }
        "rank" => rank::rank(call).await,
        "leaderboard" => rank::leaderboard(call).await,
        "remindme" | "reminder cancel" | "reminder snooze" => reminders::remind(call).await,
        "reminders" => reminders::list(call).await,
        "timezone" => reminders::timezone(call).await,
        "rng" => Ok(chance::rng(&call.args, &call.request_id).into()),
        _ => Err(Problem::new(501, "not-built", "Not built yet", "This command is declared but not built yet.")),
    }
}

/// Text as Markdown code, whatever it holds.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::{CATALOGUE, Group, Runs};

    #[test]
    fn every_command_of_this_service_is_built() {
        let built = [
            "ping",
            "help",
            "prefix",
            "choose",
            "rng",
            "eightball",
            "ship",
            "clap",
            "command add",
            "command edit",
            "command remove",
            "command list",
            "command search",
            "rank",
            "leaderboard",
            "remindme",
            "reminder cancel",
            "reminder snooze",
            "reminders",
            "timezone",
            "embed",
            "instagram",
            "tiktok",
            "twitter",
            "reddit",
            "bluesky",
            "threads",
            "youtube",
            "mastodon",
        ];
        let declared: Vec<_> = CATALOGUE
            .commands
            .iter()
            .filter(|command| command.runs != Runs::Client && command.edit.is_none() && command.group != Group::Lastfm)
            .collect();
        for command in &declared {
            assert!(built.contains(&command.name), "{}", command.name);
        }
        assert_eq!(declared.len(), built.len());
    }
}
