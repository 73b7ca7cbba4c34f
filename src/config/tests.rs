use std::collections::BTreeMap;

use super::{Auto, Config, Presets, Problem, Sources};

fn load(env: &[(&str, &str)], file: Option<&str>) -> Result<Config, Vec<Problem>> {
    let env: BTreeMap<String, String> = env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let file = file.map(|text| ("miso.toml".to_owned(), Ok(text.to_owned())));
    Sources::new(env, file, Presets::new()).load()
}

#[test]
fn the_defaults_are_a_working_configuration() {
    let config = load(&[], None).expect("defaults");
    assert_eq!(config.log, "file:data/log.db");
    assert_eq!(config.store.0, "file:data/store.db");
    assert_eq!(config.proxy_listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.shards, Auto::Auto);
    assert!(config.token.is_none() && config.zstd && !config.faults);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let file = "MISO_SHARDS = 4\nMISO_DATA_DIR = 'elsewhere'";
    let config = load(&[("MISO_SHARDS", "2")], Some(file)).expect("valid");
    assert_eq!(config.shards, Auto::Value(2));
    assert_eq!(config.log, "file:elsewhere/log.db");
}

#[test]
fn every_problem_is_reported_at_once_with_variable_value_and_what_is_allowed() {
    let problems = load(
        &[
            ("MISO_SHARDS", "0"),
            ("MISO_PROXY_LISTEN", "8080"),
            ("MISO_DISCORD_API_URL", "http://example.org/api"),
            ("MISO_GROUPS", "Demo=short"),
            ("MISO_LOG", "redis://x"),
            ("MISO_PANEL_LISTEN", "x"),
            ("DISCORD_TOKEN", "two words"),
        ],
        Some("MISO_SHARD = 1\nMISO_INTENTS = 'all'"),
    )
    .expect_err("wrong");
    let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let all = text.join("\n");
    assert_eq!(problems.len(), 9, "{all}");
    for part in [
        "MISO_SHARD (in miso.toml) is there: not a setting of Miso; did you mean MISO_SHARDS?",
        "MISO_INTENTS (in miso.toml) is \"all\": not a whole number",
        "MISO_SHARDS is \"0\": out of range; allowed: `auto` or 1 to 16384",
        "plain http is for loopback only",
        "MISO_PANEL_LISTEN",
    ] {
        assert!(all.contains(part), "{part} is missing in\n{all}");
    }
}

#[test]
fn a_secret_is_never_shown() {
    let secret = "hunter2 hunter2";
    let problems =
        load(&[("DISCORD_TOKEN", secret), ("MISO_CLUSTER_KEY", "hunter2"), ("MISO_GROUPS", "a=hunter2")], None)
            .expect_err("wrong");
    assert_eq!(problems.len(), 3);
    assert!(problems.iter().all(|problem| !problem.to_string().contains("hunter2")));
    let config = load(&[("DISCORD_TOKEN", "hunter2hunter2"), ("MISO_GROUPS", "a=hunter2hunter2")], None);
    assert!(!format!("{:?}", config.expect("valid")).contains("hunter2"));
}

#[test]
fn plain_http_is_taken_on_loopback_only() {
    for url in ["http://127.0.0.1:9/api", "http://localhost:9/api/", "http://[::1]:9/api", "https://discord.com/api"] {
        assert!(load(&[("MISO_DISCORD_API_URL", url)], None).is_ok(), "{url}");
    }
    for url in ["http://discord.com/api", "ftp://x", "http://127.0.0.1.example.org/api", "https://discord.com/api/v10"]
    {
        assert!(load(&[("MISO_DISCORD_API_URL", url)], None).is_err(), "{url}");
    }
}

#[test]
fn a_variable_that_means_nothing_is_pointed_out() {
    let env = [("MISO_LOGG".to_owned(), "x".to_owned()), ("MISO_TEST_KAFKA".to_owned(), "x".to_owned())];
    let unknown = Sources::new(env.into(), None, Presets::new()).unknown_in_environment();
    assert_eq!(unknown, ["MISO_LOGG is not a setting of Miso; did you mean MISO_LOG?"]);
}
