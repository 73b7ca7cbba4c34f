//! `miso doctor`: configuration and connections, each finding with its mend.

use std::process::ExitCode;
use std::time::Duration;

use miso_log::LogError;
use serde_json::Value;

use crate::config::Config;

/// Discord and the engines must answer within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Application flags: the full and the limited form of each privileged intent.
const PRIVILEGED: [(&str, u64, &str); 3] = [
    ("message content", 1 << 18 | 1 << 19, "without it commands with a prefix look dead"),
    ("server members", 1 << 14 | 1 << 15, "without it joins and leaves are not seen"),
    ("presence", 1 << 12 | 1 << 13, "Miso does not ask for it"),
];

#[derive(Default)]
struct Findings {
    bad: usize,
}

impl Findings {
    fn good(&mut self, text: &str) {
        println!("ok    {text}");
    }

    fn note(&mut self, text: &str) {
        println!("note  {text}");
    }

    fn bad(&mut self, text: &str, mend: &str) {
        self.bad += 1;
        println!("BAD   {text}\n      → {mend}");
    }
}

pub(crate) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    findings.good("configuration: every value is allowed");
    check_folder(config, &mut findings);
    check_log(config, &mut findings).await;
    check_store(config, &mut findings).await;
    for (variable, address) in [
        ("MISO_PROXY_LISTEN", config.proxy_listen),
        ("MISO_COMMANDS_LISTEN", config.commands_listen),
        ("MISO_OPS_LISTEN", config.ops_listen),
    ] {
        match std::net::TcpListener::bind(address) {
            Ok(_) => findings.good(&format!("{variable}: {address} is free")),
            Err(error) => {
                findings.note(&format!("{variable}: {address} is taken ({error}): by Miso itself, if it runs"));
            }
        }
    }
    check_discord(config, &mut findings).await;
    if findings.bad == 0 {
        println!("\nNothing to mend.");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{} to mend.", findings.bad);
    Ok(ExitCode::from(crate::FAILED))
}

fn check_folder(config: &Config, findings: &mut Findings) {
    let folder = &config.data_dir;
    let probe = folder.join(".writable");
    match std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&probe, b"")) {
        Ok(()) => {
            let _ = std::fs::remove_file(probe);
            findings.good(&format!("data folder: {} can be written", folder.display()));
        }
        Err(error) => findings.bad(
            &format!("data folder: {} cannot be written: {error}", folder.display()),
            "set MISO_DATA_DIR to a folder that can be, or change its owner",
        ),
    }
}

async fn check_log(config: &Config, findings: &mut Findings) {
    let opened = tokio::time::timeout(ANSWER_WITHIN, async {
        let log = miso_log::open_reader(&config.log, "miso doctor").await?;
        log.check().await
    });
    match opened.await {
        Ok(Ok(())) => findings.good(&format!("log: {} answers", config.log)),
        Ok(Err(LogError::Refused(why))) if config.log.starts_with("file:") => {
            findings.note(&format!("log: {why} (it is made at the first start)"));
        }
        Ok(Err(error)) => findings.bad(&format!("log: {error}"), "start the engine, or mend MISO_LOG"),
        Err(_) => findings.bad(
            &format!("log: {} did not answer within {} s", config.log, ANSWER_WITHIN.as_secs()),
            "is the broker up, and are its advertised listeners reachable from here?",
        ),
    }
}

async fn check_store(config: &Config, findings: &mut Findings) {
    match tokio::time::timeout(ANSWER_WITHIN, miso_bot_store::open(&config.store.0)).await {
        Ok(Ok(_)) => findings.good("store: answers"),
        Ok(Err(error)) => findings.bad(&format!("store: {error}"), "start the database, or mend MISO_STORE"),
        Err(_) => findings.bad("store: no answer", "is the database up and reachable from here?"),
    }
}

async fn check_discord(config: &Config, findings: &mut Findings) {
    let Some(token) = &config.token else {
        findings.note("DISCORD_TOKEN is not set: `miso demo` runs against a simulated Discord, `miso up` needs it");
        return;
    };
    let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().unwrap_or_default();
    let get = async |path: &str| {
        let url = format!("{}/v10{path}", config.discord_api_url);
        let response = http.get(url).header("Authorization", format!("Bot {}", token.0)).send().await?;
        let status = response.status().as_u16();
        Ok::<_, reqwest::Error>((status, response.json::<Value>().await.unwrap_or_default()))
    };
    match get("/users/@me").await {
        Ok((200, me)) => {
            findings.good(&format!("Discord: the token is {}'s", me["username"].as_str().unwrap_or("a bot")));
        }
        Ok((401, _)) => {
            return findings.bad("Discord: the token is refused", "copy it anew from the developer portal, page Bot");
        }
        Ok((status, _)) => return findings.bad(&format!("Discord: answered {status}"), "try again in some minutes"),
        Err(error) => {
            return findings.bad(
                &format!("Discord: {} cannot be reached: {}", config.discord_api_url, error.without_url()),
                "check MISO_DISCORD_API_URL and the network",
            );
        }
    }
    let Ok((200, application)) = get("/applications/@me").await else {
        return findings.bad("Discord: the application cannot be read", "is the token a bot's?");
    };
    let flags = application["flags"].as_u64().unwrap_or(0);
    for (name, bits, without) in PRIVILEGED {
        if flags & bits != 0 {
            findings.good(&format!("Discord: the {name} intent is on"));
        } else if name == "presence" {
            findings.good(&format!("Discord: the {name} intent is off; {without}"));
        } else {
            findings.bad(
                &format!("Discord: the {name} intent is off: {without}"),
                "switch it on in the developer portal, page Bot, Privileged Gateway Intents",
            );
        }
    }
    if let Some(id) = application["id"].as_str() {
        findings.note(&format!(
            "invite the bot: https://discord.com/oauth2/authorize?client_id={id}&scope=bot+applications.commands&permissions=414464724032"
        ));
    }
}
