//! `miso command`: a terminal client of the commands API.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use miso_command_catalogue::{
    CATALOGUE, Command as Declared, Context, Document, Found, Invocation, Permissions, Problem, Runs, parse,
};
use miso_model::{ChannelId, GuildId, UserId};

use crate::config::Config;
use crate::verbs::demo::DemoWorld;

/// The commands API must have answered within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Runs a command of the catalogue as a user and prints its answer.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  miso command help\n  miso command prefix '!' --guild 81384788765712384 --as 80351110224678912\n  \
    miso command remindme in 2h to drink water --as 80351110224678912\n\n\
    Commands that only display Discord's data (such as avatar) are answered by clients that have it; a terminal does not."
)]
pub(crate) struct Command {
    /// The command and what follows it, as one would say it after the prefix; after `--`, also what begins with a hyphen
    #[arg(required = true, value_name = "KEYWORD", num_args = 1..)]
    line: Vec<String>,
    /// Who says it; in a demo, its user unless told otherwise
    #[arg(long = "as", value_name = "USER")]
    user: Option<UserId>,
    /// In which guild; in a demo, its guild unless told otherwise
    #[arg(long, value_name = "GUILD")]
    guild: Option<GuildId>,
    /// In which channel
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<ChannelId>,
    /// What the user may do there, Discord's bits; without it, everything
    #[arg(long, value_name = "BITS")]
    permissions: Option<u64>,
    /// Print the document as JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(crate) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let line = self.line.join(" ");
        let (declared, rest) = match CATALOGUE.find(&line) {
            Found::Command { command, rest } => (command, rest),
            Found::Unknown { near, .. } => {
                let hint = near.map(|near| format!(" Did you mean `{}`?", near.name)).unwrap_or_default();
                eprintln!("there is no such command.{hint} `miso command help` lists them all.");
                return Ok(ExitCode::from(crate::USAGE));
            }
        };
        if declared.runs == Runs::Client {
            eprintln!(
                "`{}` only displays Discord's data: clients that follow Discord answer it, a terminal does not. \
                 Say it in a channel (in a demo: miso say '>{}').",
                declared.name, declared.name
            );
            return Ok(ExitCode::from(crate::FAILED));
        }
        let args = match parse(declared, rest) {
            Ok(args) => args,
            Err(error) => {
                eprintln!("{error}\nUsage: {}", declared.usage());
                return Ok(ExitCode::from(crate::USAGE));
            }
        };
        let demo = DemoWorld::read(&config.data_dir);
        let of_demo = |field: fn(&DemoWorld) -> &str| demo.as_ref().and_then(|world| field(world).parse::<u64>().ok());
        let Some(user) = self.user.or_else(|| of_demo(|world| &world.user).map(UserId)) else {
            anyhow::bail!("say who asks: --as USER");
        };
        let context = Context {
            platform: "terminal".to_owned(),
            user,
            guild: self.guild.or_else(|| of_demo(|world| &world.guild).map(GuildId)),
            channel: self.channel.or_else(|| of_demo(|world| &world.channel).map(ChannelId)),
            locale: "en".to_owned(),
            timezone: "UTC".to_owned(),
            permissions: self.permissions.map_or(Permissions::ALL, Permissions),
            mentions: Vec::new(),
            prefix: None,
            said_ms: None,
        };
        let configured = config.cluster_key.as_ref().map(|key| key.0.clone());
        let key = configured.or_else(|| crate::control::running_key(&config.data_dir));
        let url = config.commands_url.clone().unwrap_or_else(|| format!("http://{}", config.commands_listen));
        let invocation = Invocation { args: args.to_json(), context };
        match ask(&url, key.as_deref(), declared, &invocation).await? {
            Ok(document) if self.json => println!("{}", serde_json::to_string_pretty(&document)?),
            Ok(document) => print!("{}", shown(&document)),
            Err(problem) => {
                let trace = problem.trace_id.as_ref().map(|trace| format!(" (trace {trace})")).unwrap_or_default();
                eprintln!("{}{trace}", problem.detail);
                return Ok(ExitCode::from(crate::FAILED));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn ask(
    url: &str,
    key: Option<&str>,
    declared: &Declared,
    invocation: &Invocation,
) -> anyhow::Result<Result<Document, Problem>> {
    let address = format!("{}/v1/commands/{}", url.trim_end_matches('/'), declared.name.replace(' ', "%20"));
    let id = format!("terminal/{:032x}", rand::random::<u128>());
    let mut request =
        reqwest::Client::new().post(address).header("idempotency-key", id).timeout(ANSWER_WITHIN).json(invocation);
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.with_context(|| format!("the commands API does not answer on {url}"))?;
    let succeeded = response.status().is_success();
    let status = response.status();
    let body = response.bytes().await?;
    if succeeded {
        return Ok(Ok(serde_json::from_slice(&body).context("the commands API answered with no document")?));
    }
    let problem = serde_json::from_slice(&body);
    Ok(Err(problem.with_context(|| format!("the commands API answered {status} without saying why"))?))
}

/// A document as a terminal shows it.
fn shown(document: &Document) -> String {
    let mut lines = Vec::new();
    if let Some(title) = &document.title {
        lines.push(title.clone());
        lines.push("─".repeat(title.chars().count().min(60)));
    }
    lines.extend(document.text.clone().filter(|text| !text.is_empty()));
    lines.extend(document.rows.iter().cloned());
    for field in &document.fields {
        if field.value.contains('\n') {
            lines.push(format!("{}:\n  {}", field.name, field.value.replace('\n', "\n  ")));
        } else {
            lines.push(format!("{}: {}", field.name, field.value));
        }
    }
    lines.extend(document.images.iter().map(|image| image.url.clone()));
    lines.extend(document.actions.iter().map(|link| format!("{}: {}", link.label, link.url)));
    lines.extend(document.footer.clone());
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::Colour;

    use super::*;

    #[test]
    fn a_document_is_shown_from_its_title_to_its_small_print() {
        let mut document = Document::text(Colour::Info, "text").titled("Title").field("a", "b", true);
        document = document.field("list", "1\n2", false).footer("small");
        document.rows = vec!["row".to_owned()];
        assert_eq!(shown(&document), "Title\n─────\ntext\nrow\na: b\nlist:\n  1\n  2\nsmall\n");
        assert_eq!(shown(&Document::text(Colour::Info, "x")), "x\n");
    }
}
