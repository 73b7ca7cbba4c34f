//! `miso say`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use crate::config::Config;
use crate::verbs::demo::DemoWorld;

/// The bot must have answered within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// After the first answer, further ones are waited for so long.
const MORE_WITHIN: Duration = Duration::from_millis(400);
/// The channel is looked at so often: the simulator has no other way to tell.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Speaks in the demo's channel as a user and prints the bot's answers.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  miso say '>help'\n  miso say '>prefix !'\n  miso say 'just talking'")]
pub(crate) struct Say {
    /// What to say; quote it, for `>` means something to a shell
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
}

impl Say {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let Some(world) = DemoWorld::read(&config.data_dir) else {
            anyhow::bail!("no demo runs on {}: start one with `make run`", config.data_dir.display());
        };
        let http = reqwest::Client::new();
        let text = self.text.join(" ");
        let said: Value = http
            .post(format!("{}/say", world.control))
            .json(&json!({ "channel": world.channel, "user": world.user, "content": text }))
            .send()
            .await
            .context("the demo does not answer; is `make run` still running?")?
            .error_for_status()?
            .json()
            .await?;
        let mut after = said["id"].as_str().context("the simulator gave no message id")?.to_owned();
        let began = Instant::now();
        let mut first_answer = None;
        loop {
            let url = format!("{}/channels/{}/messages?after={after}", world.control, world.channel);
            let messages: Vec<Value> = http.get(url).send().await?.error_for_status()?.json().await?;
            for message in &messages {
                if let Some(id) = message["id"].as_str() {
                    id.clone_into(&mut after);
                }
                if message["author"]["id"].as_str() == Some(&world.bot) {
                    first_answer.get_or_insert_with(Instant::now);
                    print!("{}", shown(message));
                }
            }
            match first_answer {
                Some(at) if at.elapsed() >= MORE_WITHIN => return Ok(ExitCode::SUCCESS),
                None if began.elapsed() >= ANSWER_WITHIN => break,
                _ => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        eprintln!("no answer within {} s. {}", ANSWER_WITHIN.as_secs(), why_silent(config, &http).await);
        Ok(ExitCode::from(crate::FAILED))
    }
}

/// The likeliest reason for silence: a part that is not ready, else the text itself.
async fn why_silent(config: &Config, http: &reqwest::Client) -> String {
    let ready = async {
        let response = http.get(format!("http://{}/readyz", config.ops_listen)).send().await.ok()?;
        response.json::<Value>().await.ok()
    };
    let Some(ready) = ready.await else {
        return format!("Nothing answers on http://{}/readyz: is `make run` still running?", config.ops_listen);
    };
    let unready: Vec<String> = ready["parts"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, state)| *state != "ready")
        .map(|(part, why)| format!("{part} is not ready: {}", why.as_str().unwrap_or_default()))
        .collect();
    if unready.is_empty() {
        "Everything is ready, so the bot had nothing to say to that: commands begin with the guild's prefix \
         (`>` unless `prefix` changed it) or a mention of the bot, and unknown ones are passed over. Try '>help'."
            .into()
    } else {
        unready.join("; ")
    }
}

/// A message as a terminal shows it: text, then embeds.
fn shown(message: &Value) -> String {
    let mut out = String::new();
    let mut put = |text: &str, before: &str| {
        for line in text.lines() {
            out.push_str(before);
            out.push_str(line);
            out.push('\n');
        }
    };
    put(message["content"].as_str().unwrap_or_default(), "");
    for embed in message["embeds"].as_array().into_iter().flatten() {
        put(embed["title"].as_str().unwrap_or_default(), "┃ ");
        put(embed["description"].as_str().unwrap_or_default(), "┃ ");
        for field in embed["fields"].as_array().into_iter().flatten() {
            let (name, value) =
                (field["name"].as_str().unwrap_or_default(), field["value"].as_str().unwrap_or_default());
            put(&format!("{name}: {value}"), "┃ ");
        }
        put(embed["footer"]["text"].as_str().unwrap_or_default(), "┃ ");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_embeds_are_shown() {
        let message = json!({"content": "a\nb", "embeds": [{"title": "T", "description": "D", "fields": [{"name": "n", "value": "v"}]}]});
        assert_eq!(shown(&message), "a\nb\n┃ T\n┃ D\n┃ n: v\n");
    }
}
