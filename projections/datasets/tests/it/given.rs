//! A log with something of everything in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use miso_datasets::{Checkpoint, Filter, Format, Plan, Progress, Source, export, plan};
use miso_log::{Append, Range, Schemas, SharedLog, Topic, catalogue};
use miso_model::{
    Action, BotCommand, ChannelId, EventView, Fact, GatewayGap, GuildId, Intent, LogRecord, MessageId, Outcome,
    OutcomeKind, UserId, slot,
};
use serde_json::{Value, json};

/// 2096-11-03T23:00:00Z: exports by day have more than one, and retention leaves the records alone.
pub(crate) const BEGIN_MS: i64 = 4_002_822_000_000;
/// Minutes between two rounds of events.
const STEP_MS: i64 = 60_000;
/// Rounds of events.
pub(crate) const ROUNDS: u64 = 200;
/// An id that no float can hold.
pub(crate) const GUILD: u64 = 813_847_887_657_123_841;

pub(crate) struct Given {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) log: SharedLog,
}

impl Given {
    /// A log with [`ROUNDS`] rounds: a message, a reaction, a member, a command, an action, a fact and listens.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = format!("file:{}", folder.path().join("log.db").display());
        let log = miso_log::open(&address, "test").await.expect("opens");
        let given = Self { folder, log };
        for round in 0..ROUNDS {
            given.log.append(records(round)).await.expect("appended");
        }
        given
    }

    /// The log as another process reads it.
    pub(crate) async fn reader(&self) -> (SharedLog, Schemas) {
        let address = format!("file:{}", self.folder.path().join("log.db").display());
        let log = miso_log::open_reader(&address, "test").await.expect("opens");
        let schemas = Schemas::open(SharedLog::clone(&log)).await.expect("schemas");
        (log, schemas)
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        let place = self.folder.path().join(name);
        std::fs::create_dir_all(&place).expect("a folder");
        place
    }
}

/// What an export shall hold.
pub(crate) async fn wanted(log: &SharedLog, source: Source, format: Format, range: &str) -> Plan {
    let zone = jiff::tz::TimeZone::UTC;
    let range = Range::parse(range, BEGIN_MS, &zone).expect("a range");
    Plan {
        source: source.name().to_owned(),
        range: range.to_string(),
        topics: plan(log, source, &range, &[]).await.expect("resolves"),
        format,
        columns: source.columns().iter().map(|column| column.name.to_owned()).collect(),
        by_day: false,
        masked: true,
        filter: String::new(),
        condition: None,
        segment_records: 100,
    }
}

/// Exports to the end.
pub(crate) async fn exported(log: &SharedLog, schemas: &Schemas, place: &Path, plan: Plan) -> Checkpoint {
    let tell = |_: &Progress| {};
    export(log, schemas, place, Checkpoint::begin(plan), &Filter::default(), tell).await.expect("exported")
}

/// Every file of a place with its bytes.
pub(crate) fn files(place: &Path) -> BTreeMap<String, Vec<u8>> {
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

/// The lines of an NDJSON export, in the order of its files.
pub(crate) fn lines(place: &Path) -> Vec<Value> {
    let files = files(place).into_iter().filter(|(name, _)| name.ends_with(".ndjson"));
    let text: String = files.map(|(_, bytes)| String::from_utf8(bytes).expect("text")).collect();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

pub(crate) fn at(round: u64) -> i64 {
    BEGIN_MS + i64::try_from(round).expect("small") * STEP_MS
}

pub(crate) fn event(round: u64, number: u64, kind: &str, d: &Value) -> Append {
    let (guild, channel) = (GuildId(GUILD + ((round % 5) << 22)), ChannelId(GUILD + 100 + round % 7));
    let (user, d) = (UserId(7 + round % 11), d.to_string());
    let view = EventView {
        shard: 0,
        shard_count: 1,
        session_id: "session",
        sequence: i64::try_from(round * 10 + number).expect("small"),
        epoch: 1,
        received_at_ms: at(round),
        event_type: kind,
        guild_id: Some(guild),
        channel_id: Some(channel),
        user_id: Some(user),
        d: d.as_bytes(),
    };
    let partition = slot(guild);
    Append::new(catalogue::GATEWAY_EVENTS, partition, view.encode(), at(round))
}

fn put(topic: Topic, partition: i32, round: u64, record: &impl LogRecord) -> Append {
    Append::new(topic, partition, record.to_bytes(), at(round))
}

fn records(round: u64) -> Vec<Append> {
    let message = (GUILD + 1_000 + round).to_string();
    let user = (7 + round % 11).to_string();
    let text =
        ["hello", "a \"quoted\", text\nof two lines", "", "日本語 👋"][usize::try_from(round % 4).expect("small")];
    let mut all = vec![
        event(
            round,
            0,
            "MESSAGE_CREATE",
            &json!({
                "id": message, "content": text, "author": { "id": user, "bot": round.is_multiple_of(3) },
                "attachments": [{}], "embeds": [], "mentions": [{}, {}],
                "message_reference": if round.is_multiple_of(2) { json!({ "message_id": "5" }) } else { Value::Null },
            }),
        ),
        event(
            round,
            1,
            "MESSAGE_REACTION_ADD",
            &json!({ "message_id": message, "user_id": user, "emoji": { "id": null, "name": "⭐" } }),
        ),
        event(
            round,
            2,
            if round.is_multiple_of(2) { "GUILD_MEMBER_ADD" } else { "GUILD_MEMBER_REMOVE" },
            &json!({ "user": { "id": user }, "joined_at": "2026-11-01T12:00:00.000000+00:00", "roles": ["1", "2"] }),
        ),
    ];
    if round.is_multiple_of(10) {
        all.push(event(round, 3, "MESSAGE_DELETE_BULK", &json!({ "ids": [message, "6"] })));
    }
    let action_id: [u8; 16] = std::array::from_fn(|index| u8::try_from((round + index as u64) % 256).expect("small"));
    let body = bytes::Bytes::from_static(b"{\"content\":\"secret\"}");
    let (action, _) = Action::new(action_id, "handlers", "POST", "/channels/1/messages", body, at(round), None);
    let intent = Intent {
        action_id: action_id.to_vec().into(),
        action_offset: 0,
        interactions: false,
        attempt: 1,
        nonce: None,
        bucket: None,
        at_ms: at(round) + 5,
    };
    let outcome = Outcome {
        action_id: action_id.to_vec().into(),
        action_offset: 0,
        interactions: false,
        kind: OutcomeKind::Done,
        status: 200,
        reason: None,
        headers: Vec::new(),
        body: b"{}".to_vec().into(),
        bucket: None,
        received_ms: at(round) + 40,
    };
    all.push(put(catalogue::REST_ACTIONS, 3, round, &action));
    all.push(put(catalogue::REST_LEDGER, 3, round, &intent));
    if !round.is_multiple_of(4) {
        all.push(put(catalogue::REST_LEDGER, 3, round, &outcome));
    }
    let command = BotCommand {
        event_id: format!("session/{}", round * 10),
        guild_id: Some(GuildId(GUILD)),
        channel_id: ChannelId(1),
        user_id: UserId(7 + round % 11),
        message_id: MessageId(GUILD + 1_000 + round),
        prefix: ">".to_owned(),
        line: if round.is_multiple_of(2) { "ping" } else { "choose tea or cake" }.to_owned(),
        message: b"{}".to_vec().into(),
        at_ms: at(round),
        event_partition: 0,
        event_offset: 0,
    };
    all.push(put(catalogue::BOT_COMMANDS, 1, round, &command));
    all.push(put(catalogue::BOT_FACTS, 2, round, &fact(round, "SettingsChanged", &json!({ "message": "welcome" }))));
    let listens = json!({ "lastfm_user": "ann", "listens": [
        { "at_ms": at(round), "artist": "Boris", "album": null, "track": "Flood" },
        { "at_ms": at(round) + 1, "artist": "Björk", "album": "Post", "track": "Hyperballad" },
    ]});
    let mut listens = fact(round, "ListensSeen", &listens);
    listens.aggregate = "user/7".to_owned();
    all.push(put(catalogue::BOT_FACTS, 4, round, &listens));
    all
}

fn fact(round: u64, kind: &str, body: &Value) -> Fact {
    Fact {
        aggregate: format!("guild/{GUILD}"),
        version: i64::try_from(round).expect("small") + 1,
        kind: kind.to_owned(),
        request_id: format!("r{round}"),
        actor: "user/7".to_owned(),
        body: body.to_string().into(),
        answer: "{}".to_owned().into(),
        status: 200,
        at_ms: at(round),
    }
}

/// The gap of a lost session, as it is written: into every partition.
pub(crate) fn gaps() -> Vec<Append> {
    let gap = GatewayGap {
        shard: 0,
        shard_count: 1,
        session_id: "session".to_owned(),
        after_sequence: 12,
        reason: "session invalidated".to_owned(),
        at_ms: at(3),
    };
    let all = 0..catalogue::GATEWAY_EVENTS.partitions;
    all.map(|partition| Append::new(catalogue::GATEWAY_EVENTS, partition, gap.to_bytes(), at(ROUNDS))).collect()
}
