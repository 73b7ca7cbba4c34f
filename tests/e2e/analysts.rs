//! The analysts' and operators' command line, on a log that nobody writes meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;

use miso_log::{Append, OffsetCommit, catalogue};
use miso_model::{ChannelId, EventView, Fact, GuildId, LogRecord as _, ParkedRecord, UserId, slot};
use serde_json::Value;

use crate::harness::{DEADLINE, eventually, miso};

const EVENTS: u64 = 2_000;

struct Desk {
    data: tempfile::TempDir,
    /// Two hours ago, Unix milliseconds: retention leaves the records alone.
    begin_ms: i64,
}

impl Desk {
    /// A data folder whose log has messages, facts, a parked record and a group's position.
    async fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        let begin_ms = i64::try_from(now.as_millis()).expect("small") - 7_200_000;
        let desk = Self { data: tempfile::tempdir().expect("a folder"), begin_ms };
        let log = miso_log::open(&desk.address(), "test").await.expect("opens");
        let mut batch = Vec::new();
        for number in 0..EVENTS {
            let guild = GuildId((1 + number % 9) << 22);
            let d = format!(r#"{{"id":"{}","content":"secret {number}","author":{{"id":"7"}}}}"#, 1_000 + number);
            let view = EventView {
                shard: 0,
                shard_count: 1,
                session_id: "s",
                sequence: i64::try_from(number).expect("small"),
                epoch: 1,
                received_at_ms: begin_ms + i64::try_from(number).expect("small"),
                event_type: if number.is_multiple_of(4) { "TYPING_START" } else { "MESSAGE_CREATE" },
                guild_id: Some(guild),
                channel_id: Some(ChannelId(5)),
                user_id: Some(UserId(7)),
                d: d.as_bytes(),
            };
            batch.push(Append::new(catalogue::GATEWAY_EVENTS, slot(guild), view.encode(), view.received_at_ms));
        }
        log.append(batch).await.expect("appended");
        let fact = Fact {
            aggregate: "guild/1".to_owned(),
            version: 1,
            kind: "SettingsChanged".to_owned(),
            request_id: "r1".to_owned(),
            actor: "user/7".to_owned(),
            body: r#"{"module":"x","before":{},"after":{}}"#.to_owned().into(),
            answer: "{}".to_owned().into(),
            status: 200,
            at_ms: begin_ms,
        };
        let parked = ParkedRecord {
            group: "handlers.messages".to_owned(),
            topic: "gateway.events".to_owned(),
            partition: 3,
            offset: 9,
            error_class: "malformed_record".to_owned(),
            error: "for a test".to_owned(),
            attempts: 3,
            value: b"no record".to_vec().into(),
            at_ms: begin_ms,
        };
        let partition = miso_model::key_partition("guild/1", catalogue::AGGREGATES);
        let fact = Append::new(catalogue::BOT_FACTS, partition, fact.to_bytes(), begin_ms);
        let parked = Append::new(catalogue::PARKED, 0, parked.to_bytes(), begin_ms);
        log.append(vec![fact, parked]).await.expect("appended");
        let position = |partition| OffsetCommit {
            group: "handlers.messages".to_owned(),
            topic: catalogue::GATEWAY_EVENTS,
            partition,
            next: 10,
        };
        log.commit((0..10).map(position).collect()).await.expect("committed");
        log.close().await;
        desk
    }

    fn address(&self) -> String {
        format!("file:{}", self.data.path().join("log.db").display())
    }

    fn path(&self, name: &str) -> String {
        self.data.path().join(name).display().to_string()
    }

    async fn miso(&self, arguments: &[&str]) -> Output {
        let run = miso().args(arguments).env("MISO_DATA_DIR", self.data.path()).output();
        tokio::time::timeout(DEADLINE, run).await.expect("it ends").expect("it runs")
    }

    /// A shell's line in which `miso` is the binary.
    async fn shell(&self, line: &str) -> Output {
        let mut shell = tokio::process::Command::new("bash");
        let run = shell
            .args(["-c", line, "-"])
            .env("MISO", env!("CARGO_BIN_EXE_miso"))
            .env("MISO_DATA_DIR", self.data.path())
            .output();
        tokio::time::timeout(DEADLINE, run).await.expect("it ends").expect("it runs")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Every file below a folder.
fn files(place: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![place.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(place).expect("below").display().to_string();
                found.insert(name, std::fs::read(path).expect("reads"));
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_that_read_show_what_is_there_mask_it_and_leave_groups_alone() {
    let desk = Desk::new().await;
    let lag = desk.miso(&["lag", "--json"]).await;
    let tail =
        lines(&desk.miso(&["tail", "gateway.events", "-o", "start", "--event", "MESSAGE_CREATE", "-n", "2"]).await);
    assert_eq!(tail.len(), 2);
    assert_eq!(tail[0]["data"]["content"], "‹8 chars›");
    assert_eq!(tail[0]["event"], "MESSAGE_CREATE");
    let shown = lines(&desk.miso(&["tail", "gateway.events", "-o", "start", "-n", "1", "--with-content"]).await);
    assert_eq!(shown[0]["data"]["content"], "secret 0");
    let time = |ms| miso_datasets::rfc3339(desk.begin_ms + ms);
    let by_time = format!("@{}:{}", time(100), time(110));
    assert_eq!(lines(&desk.miso(&["tail", "gateway.events", "-o", &by_time]).await).len(), 10);
    let chosen =
        ["tail", "gateway.events", "-o", "start", "--where", ".sequence > 1997", "--columns", "sequence,.data.id"];
    let chosen = lines(&desk.miso(&chosen).await);
    assert_eq!(chosen.len(), 2);
    assert!(chosen.iter().all(|line| line["data.id"].is_string() && line["topic"].is_null()), "{chosen:?}");
    let count = lines(&desk.miso(&["count", "gateway.events", "--by", "event"]).await);
    assert_eq!(count[0]["records"], EVENTS * 3 / 4);
    assert_eq!(count[1]["event"], "TYPING_START");
    let described = lines(&desk.miso(&["topics", "describe", "gateway.events"]).await);
    assert_eq!(described[0]["datasets"], serde_json::json!(["messages", "members", "reactions"]));
    assert_eq!(lines(&desk.miso(&["topics", "ls", "-r", "^rest", "--json"]).await).len(), 3);
    assert_eq!(desk.miso(&["schema", "check"]).await.status.code(), Some(0));
    assert!(text(&desk.miso(&["schema", "show", "Fact"]).await.stdout).contains("\"miso.bot\""));
    assert!(text(&desk.miso(&["completions", "bash"]).await.stdout).contains("miso"));
    let late = desk.miso(&["lag", "handlers.messages", "--fail-over", "30s"]).await;
    assert_eq!(late.status.code(), Some(3), "{}", text(&late.stderr));
    // The reveal is on record; no group has moved or appeared.
    let acts = lines(&desk.miso(&["tail", "operator.acts", "-o", "start"]).await);
    assert_eq!((acts.len(), &acts[0]["data"]["act"]), (1, &Value::from("ContentRevealed")));
    let positions = |output: &Output| {
        let strip = |mut line: Value| {
            line["oldest_ms"] = Value::Null;
            line
        };
        lines(output).into_iter().map(strip).collect::<Vec<_>>()
    };
    assert_eq!(positions(&desk.miso(&["lag", "--json"]).await), positions(&lag));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_input_says_what_to_type_instead() {
    let desk = Desk::new().await;
    for (arguments, code, said) in [
        (&["tail", "gatway.events"][..], 2, "Did you mean \"gateway.events\"?"),
        (&["tail", "gateway.events", "-o", "yesterday"], 2, "Write start, end"),
        (&["tail", "gateway.events", "-o", "@-1h:-2h"], 2, "did you mean \"@-2h:-1h\"?"),
        (&["tail", "gateway.events", "-o", "999999999"], 2, "beyond the end"),
        (&["tail", "gateway.events", "-p", "48"], 2, "partitions 0 to 47"),
        (&["tail", "gateway.events", "--where", ".a | nosuch"], 2, "\n       ^"),
        (&["tail", "gateway.events", "--tz", "Mars"], 2, "no time zone"),
        (&["tail", "gateway.events", "-f", "raw"], 2, "--with-content"),
        (&["tail", "gateway.events", "-o", "1:5", "--follow"], 2, "--follow has no end"),
        (&["export", "mesages", "--to", "x"], 2, "Did you mean \"messages\"?"),
        (&["export", "messages", "--to", "/dev/null/x"], 1, "/dev/null/x"),
        (&["export", "messages", "--to", "nowhere", "--resume"], 2, "leave out --resume"),
        (&["export", "messages", "--to", "x", "--columns", "user"], 2, "Did you mean \"user_id\"?"),
        (&["lag", "handlers.mesages"], 2, "Did you mean \"handlers.messages\"?"),
        (&["lag", "--fail-over", "soon"], 2, "30s"),
        (&["schema", "show", "Fakt"], 2, "Did you mean \"Fact\"?"),
        (&["rebuild", "bat"], 2, "Did you mean \"bot\"?"),
        (&["parked", "redrive", "77", "--yes"], 2, "miso parked ls"),
        (&["replay", "bot.facts", "--to-group", "g"], 2, "only gateway.events"),
        (&["replay", "gateway.events", "--to-group", "g", "--rate", "fast"], 2, "500/s"),
        (&["restore", "nowhere"], 2, "no whole backup"),
    ] {
        let output = desk.miso(arguments).await;
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
    // What stands in a folder is not an export's to remove.
    let mine = desk.path("mine");
    std::fs::create_dir_all(&mine).expect("a folder");
    let results = Path::new(&mine).join("results.csv");
    std::fs::write(&results, "a,b").expect("written");
    let refused = desk.miso(&["export", "messages", "-f", "csv", "--to", &mine]).await;
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("choose a new folder") && results.exists(), "{}", text(&refused.stderr));
    let corrupt = Append::new(catalogue::GATEWAY_EVENTS, 2, &b"no record"[..], desk.begin_ms);
    let log = miso_log::open(&desk.address(), "test").await.expect("opens");
    let offset = log.append(vec![corrupt]).await.expect("appended")[0];
    log.close().await;
    let tail = desk.miso(&["tail", "gateway.events", "-o", "-1", "--event", "MESSAGE_CREATE"]).await;
    assert!(tail.status.success());
    assert!(text(&tail.stderr).contains(&format!("2/{offset} cannot be read")), "{}", text(&tail.stderr));
    assert!(text(&tail.stderr).contains("1 record could not be read"), "{}", text(&tail.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_is_success_and_a_full_disk_is_told() {
    let desk = Desk::new().await;
    let piped = desk.shell("set -o pipefail; $MISO tail gateway.events -o start | head -1").await;
    assert_eq!(piped.status.code(), Some(0), "{}", text(&piped.stderr));
    assert_eq!(text(&piped.stdout).lines().count(), 1);
    assert!(piped.stderr.is_empty(), "{}", text(&piped.stderr));
    let full = desk.shell("$MISO tail gateway.events -o start > /dev/full").await;
    assert_eq!(full.status.code(), Some(1));
    assert!(text(&full.stderr).contains("make room"), "{}", text(&full.stderr));
    // The export's first file is on a disk without room.
    let place = desk.path("full");
    std::fs::create_dir_all(&place).expect("a folder");
    let device = Path::new(&place).join("00000-00.ndjson.part");
    std::os::unix::fs::symlink("/dev/full", &device).expect("a link");
    let export = ["export", "messages", "-o", "start", "--to", &place];
    let stopped = desk.miso(&export).await;
    let told = text(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(4), "{told}");
    assert!(told.contains("No space left") && told.contains("--resume"), "{told}");
    std::fs::remove_file(&device).expect("removed");
    let resumed = desk.miso(&[&export[..], &["--resume"]].concat()).await;
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    assert!(Path::new(&place).join("manifest.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_killed_goes_on_with_the_same_bytes() {
    let desk = Desk::new().await;
    for format in ["ndjson", "parquet"] {
        let (whole, twice, killed) = (
            desk.path(&format!("whole-{format}")),
            desk.path(&format!("twice-{format}")),
            desk.path(&format!("killed-{format}")),
        );
        let arguments = |place: &str| {
            let text =
                format!("export messages -o 0:1990 --to {place} -f {format} --partition-by day --checkpoint-every 20");
            text.split(' ').map(str::to_owned).collect::<Vec<_>>()
        };
        for place in [&whole, &twice] {
            let all = arguments(place);
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let output = desk.miso(&all).await;
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert!(text(&output.stderr).contains("next: duckdb"), "{}", text(&output.stderr));
        }
        assert_eq!(files(whole.as_ref()), files(twice.as_ref()));
        let mut process = miso()
            .args(arguments(&killed))
            .env("MISO_DATA_DIR", desk.data.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let checkpoint = Path::new(&killed).join("checkpoint.json");
        eventually("the export is under way", || {
            let text = std::fs::read(&checkpoint).unwrap_or_default();
            let kept: Value = serde_json::from_slice(&text).unwrap_or_default();
            async move { kept["segment"].as_u64().is_some_and(|segment| segment > 3).then_some(()) }
        })
        .await;
        process.kill().await.expect("killed");
        assert!(checkpoint.exists(), "it was killed in the middle");
        let mut all = arguments(&killed);
        all.push("--resume".to_owned());
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let resumed = desk.miso(&all).await;
        assert!(resumed.status.success(), "{}", text(&resumed.stderr));
        assert_eq!(files(whole.as_ref()), files(killed.as_ref()), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_something_needs_yes_and_is_put_on_record() {
    let desk = Desk::new().await;
    let parked = lines(&desk.miso(&["parked", "ls"]).await);
    let offset = parked[0]["offset"].to_string();
    assert_eq!(desk.miso(&["parked", "redrive", &offset]).await.status.code(), Some(5));
    let redriven = desk.miso(&["parked", "redrive", &offset, "--yes"]).await;
    assert!(redriven.status.success(), "{}", text(&redriven.stderr));
    assert!(lines(&desk.miso(&["parked", "ls"]).await).is_empty());
    assert_eq!(lines(&desk.miso(&["parked", "ls", "--all"]).await).len(), 1);
    let back = desk.miso(&["tail", "gateway.events", "-o", "-1", "-p", "3", "-f", "raw", "--with-content"]).await;
    assert_eq!(text(&back.stdout).trim(), "6e6f207265636f7264", "the record's own bytes, in hexadecimal");

    let backup = desk.path("backup");
    let taken = desk.miso(&["backup", "--to", &backup]).await;
    assert!(taken.status.success(), "{}", text(&taken.stderr));
    assert_eq!(desk.miso(&["restore", &backup]).await.status.code(), Some(5));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let restored =
        miso().args(["restore", &backup]).env("MISO_DATA_DIR", elsewhere.path()).output().await.expect("runs");
    assert!(restored.status.success(), "{}", text(&restored.stderr));
    let count = miso().args(["count", "gateway.events"]).env("MISO_DATA_DIR", elsewhere.path()).output().await;
    assert_eq!(lines(&count.expect("runs"))[0]["records"], EVENTS * 3 / 4);
    let acts = lines(&desk.miso(&["tail", "operator.acts", "-o", "start"]).await);
    let acts: Vec<&str> = acts.iter().filter_map(|act| act["data"]["act"].as_str()).collect();
    assert_eq!(acts, ["Redriven", "ContentRevealed", "BackedUp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuilt_model_equals_the_live_one_and_shows_a_planted_difference() {
    let desk = Desk::new().await;
    let store_url = format!("file:{}", desk.data.path().join("store.db").display());
    let store = miso_bot_store::open(&store_url).await.expect("opens");
    let log = miso_log::open(&desk.address(), "test").await.expect("opens");
    let live = miso_bot_store::BotStore::prepare(Arc::clone(&store), &log, || 77).await.expect("prepared");
    log.close().await;
    drop(live);
    let rebuilt = desk.miso(&["rebuild", "bot"]).await;
    assert!(rebuilt.status.success(), "{}", text(&rebuilt.stderr));
    let same = desk.miso(&["diff", "bot"]).await;
    assert_eq!(same.status.code(), Some(0), "{}{}", text(&same.stdout), text(&same.stderr));
    let planted = "update executions set answer = 'planted' where request_id = 'r1'";
    let planted = store.execute(miso_bot_store::Statement::new(planted, vec![])).await.expect("planted");
    assert_eq!(planted, 1);
    let different = desk.miso(&["diff", "bot"]).await;
    assert_eq!(different.status.code(), Some(3), "{}", text(&different.stderr));
    assert!(text(&different.stdout).contains("planted"), "{}", text(&different.stdout));
    assert_eq!(desk.miso(&["swap", "bot"]).await.status.code(), Some(5));
    let swapped = desk.miso(&["swap", "bot", "--yes"]).await;
    assert!(swapped.status.success(), "{}", text(&swapped.stderr));
    let rows = store.query("select answer from executions where request_id = 'r1'", vec![]).await.expect("reads");
    assert_eq!(rows[0].text(0).expect("text"), Some("{}"));
}
