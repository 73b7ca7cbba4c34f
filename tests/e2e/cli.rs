//! The first minutes of a new user: the demo and the verbs.

use std::process::Output;

use crate::harness::{DEADLINE, eventually, free_address, miso};

struct Demo {
    settings: Vec<(&'static str, String)>,
    _data: tempfile::TempDir,
    _process: tokio::process::Child,
}

impl Demo {
    async fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let settings = vec![
            ("MISO_DATA_DIR", data.path().display().to_string()),
            ("MISO_PROXY_LISTEN", free_address().to_string()),
            ("MISO_COMMANDS_LISTEN", free_address().to_string()),
            ("MISO_OPS_LISTEN", free_address().to_string()),
        ];
        let out = data.path().join("demo.out");
        let file = std::fs::File::create(&out).expect("a file");
        let process = miso()
            .arg("demo")
            .envs(settings.clone())
            .stdout(file.try_clone().expect("a handle"))
            .stderr(file)
            .spawn()
            .expect("starts");
        eventually("the demo says what to type", || {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            async move { text.contains("miso say '>help'").then_some(()) }
        })
        .await;
        let text = std::fs::read_to_string(&out).expect("output");
        assert!(text.contains("Miso is running") && !text.contains("not ready"), "{text}");
        Self { settings, _data: data, _process: process }
    }

    async fn miso(&self, arguments: &[&str]) -> Output {
        let run = miso().args(arguments).envs(self.settings.clone()).output();
        tokio::time::timeout(DEADLINE, run).await.expect("it ends").expect("it runs")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_answers_what_is_said_and_every_verb_works_beside_it() {
    let demo = Demo::start().await;

    let help = demo.miso(&["say", ">help"]).await;
    let answer = text(&help.stdout);
    assert!(help.status.success(), "{}", text(&help.stderr));
    for command in ["ping", "help", "prefix", "avatar", "userinfo", "serverinfo", "choose", "rng"] {
        assert!(answer.contains(command), "{command} is missing in\n{answer}");
    }

    for (say, expected) in [
        (">ping", "ong"),
        (">choose tea or tea", "tea"),
        (">rng 3-3", "3"),
        (">serverinfo", "ember"),
        (">userinfo", "oined"),
        (">prefix !", "!"),
        ("!ping", "ong"),
    ] {
        let answer = demo.miso(&["say", say]).await;
        let shown = text(&answer.stdout);
        assert!(answer.status.success() && shown.contains(expected), "{say}: {shown}{}", text(&answer.stderr));
    }

    let silence = demo.miso(&["say", "just talking"]).await;
    assert_eq!(silence.status.code(), Some(1));
    assert!(text(&silence.stderr).contains("no answer within 5 s"), "{}", text(&silence.stderr));

    let topics = demo.miso(&["topics"]).await;
    assert!(text(&topics.stdout).contains("gateway.events"), "{}", text(&topics.stderr));
    let tail = demo.miso(&["tail", "gateway.events", "-o", "start", "-n", "1"]).await;
    let line: serde_json::Value = serde_json::from_slice(&tail.stdout).expect("one JSON object");
    assert_eq!(line["topic"], "gateway.events");
    let wrong = demo.miso(&["tail", "gateway.event"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("gateway.events"));

    let added = demo.miso(&["group", "add", "music"]).await;
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert_eq!(text(&added.stdout).trim().split('.').count(), 3, "shaped like a Discord token");
    let list = demo.miso(&["group", "list"]).await;
    assert!(text(&list.stdout).contains("music") && text(&list.stdout).contains("demo"), "{}", text(&list.stdout));
    assert!(demo.miso(&["group", "rotate", "music"]).await.status.success());
    assert!(demo.miso(&["group", "remove", "music"]).await.status.success());
    assert!(!text(&demo.miso(&["group", "list"]).await.stdout).contains("music"));

    let doctor = demo.miso(&["doctor"]).await;
    assert!(text(&doctor.stdout).contains("configuration"), "{}", text(&doctor.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_managed_on_the_log_when_nothing_runs() {
    let data = tempfile::tempdir().expect("a folder");
    let run = async |arguments: &[&str]| {
        miso().args(arguments).env("MISO_DATA_DIR", data.path()).output().await.expect("it runs")
    };
    let added = run(&["group", "add", "audit", "--from-start"]).await;
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert!(text(&run(&["group", "list"]).await.stdout).contains("audit"));
    let twice = run(&["group", "add", "audit"]).await;
    assert_eq!(twice.status.code(), Some(1));
    assert!(text(&twice.stderr).contains("audit"), "{}", text(&twice.stderr));
}
