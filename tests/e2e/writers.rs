//! Two processes of the commands API over one log and one store: a thousand writers of the same settings, and
//! one of the processes killed among them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use miso_command_catalogue::{CONTEXT_HEADER, SignedContext};
use miso_model::{GuildId, Permissions, UserId};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::harness::{Deployment, Discord, Engines, engines_are_there, eventually};

const KEY: &str = "a key of the writers, long enough";
const INSTANCES: [&str; 2] = ["commands-a", "commands-b"];
/// PUTs that are sent at once.
const WRITERS: usize = 1_000;
/// Every so many-th names no version: it is accepted whatever was before.
const REGARDLESS: usize = 4;
/// Every so many-th does not give up at 409, but reads again.
const PERSISTENT: usize = 20;
/// Members among whom the writers are, so that the audit has to tell them apart.
const MEMBERS: usize = 50;
/// One of the instances is killed after so many answers.
const ANSWERED_BEFORE: usize = 100;
/// Guilds that are looked through for one whose decider is in a certain process.
const LOOKED_AT: std::ops::Range<u64> = 1_000..1_200;

/// A change that was answered with 200.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    by: String,
    prefix: String,
}

struct World {
    _discord: Discord,
    miso: Deployment,
    addresses: [SocketAddr; 2],
    http: Client,
}

impl World {
    async fn start() -> Self {
        let discord = Discord::start(&["--guilds", "1"]).await;
        let mut miso = Deployment::new(&discord, Engines::KafkaAndPostgres, "w=a-secret-of-the-writers");
        miso.set("MISO_CLUSTER_KEY", KEY);
        let addresses = [crate::harness::free_address(), crate::harness::free_address()];
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().expect("a client");
        let mut world = Self { _discord: discord, miso, addresses, http };
        for instance in 0..INSTANCES.len() {
            world.begin(instance).await;
        }
        world
    }

    async fn begin(&mut self, instance: usize) {
        self.miso.set("MISO_COMMANDS_LISTEN", &self.addresses[instance].to_string());
        self.miso.start(INSTANCES[instance], &["run", "commands-api"]);
        self.miso.ready(INSTANCES[instance]).await;
    }

    /// Facts that were decided in the process of an instance.
    async fn decided(&self, instance: usize) -> f64 {
        let url = format!("http://{}/metrics", self.miso.ops(INSTANCES[instance]));
        let text = self.http.get(url).send().await.expect("metrics").text().await.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix("miso_commands_facts_total "));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// A guild for which this instance decides.
    async fn guild_decided_by(&self, instance: usize) -> u64 {
        for guild in LOOKED_AT {
            let before = self.decided(instance).await;
            let url = format!("http://{}/v1/guilds/{guild}/settings/starboard", self.addresses[instance]);
            let request = self.http.put(url).json(&json!({"values": {"amount": 3}}));
            let sent = as_manager(request, 1, guild).header("idempotency-key", "look").send().await;
            assert_eq!(sent.expect("an answer").status(), StatusCode::OK);
            if self.decided(instance).await > before {
                return guild;
            }
        }
        panic!("{} decides for none of the guilds {LOOKED_AT:?}", INSTANCES[instance]);
    }

    async fn read(&self, instance: usize, path: &str) -> Value {
        let url = format!("http://{}/v1/{path}", self.addresses[instance]);
        let answer = self.http.get(url).bearer_auth(KEY).send().await.expect("an answer");
        answer.error_for_status().expect("success").json().await.expect("JSON")
    }
}

/// A request of a member who may manage the guild.
fn as_manager(request: reqwest::RequestBuilder, user: usize, guild: u64) -> reqwest::RequestBuilder {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let context = SignedContext {
        user: UserId(user as u64),
        guild: Some(GuildId(guild)),
        permissions: Permissions::MANAGE_GUILD,
        via: "panel".to_owned(),
        name: None,
        expires_s: i64::try_from(now_s).expect("fits") + 300,
    };
    request.bearer_auth(KEY).header(CONTEXT_HEADER, context.sign(KEY.as_bytes()))
}

/// Where the writers write, and how far they are.
struct Field {
    http: Client,
    addresses: [SocketAddr; 2],
    guild: u64,
    together: Barrier,
    answered: AtomicUsize,
    /// PUTs under way, by instance.
    open: [AtomicUsize; 2],
    /// PUTs that ended in a broken or refused connection.
    broken: AtomicUsize,
}

impl Field {
    fn new(world: &World, guild: u64) -> Arc<Self> {
        Arc::new(Self {
            http: world.http.clone(),
            addresses: world.addresses,
            guild,
            together: Barrier::new(WRITERS),
            answered: AtomicUsize::new(0),
            open: [AtomicUsize::new(0), AtomicUsize::new(0)],
            broken: AtomicUsize::new(0),
        })
    }

    fn url(&self, instance: usize) -> String {
        format!("http://{}/v1/guilds/{}/settings/general", self.addresses[instance], self.guild)
    }

    /// The version that holds now, of whichever instance is there.
    async fn version(&self, instance: &mut usize) -> i64 {
        loop {
            match self.http.get(self.url(*instance)).bearer_auth(KEY).send().await {
                Ok(answer) => {
                    let module: Value = answer.error_for_status().expect("success").json().await.expect("JSON");
                    return module["version"].as_i64().expect("a version");
                }
                Err(_) => self.turn(instance).await,
            }
        }
    }

    /// A PUT, sent again under its key to the other instance when a connection breaks.
    async fn put(&self, instance: &mut usize, user: usize, key: &str, prefix: &str, version: Option<i64>) -> Answer {
        loop {
            let request = self.http.put(self.url(*instance)).json(&json!({"values": {"prefix": prefix}}));
            let mut request = as_manager(request, user, self.guild).header("idempotency-key", key);
            if let Some(version) = version {
                request = request.header("if-match", format!("\"{version}\""));
            }
            self.open[*instance].fetch_add(1, Ordering::SeqCst);
            let answer = async { Answer::read(request.send().await?).await }.await;
            self.open[*instance].fetch_sub(1, Ordering::SeqCst);
            match answer {
                Ok(answer) => {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                    return answer;
                }
                Err(_) => {
                    self.broken.fetch_add(1, Ordering::SeqCst);
                    self.turn(instance).await;
                }
            }
        }
    }

    async fn turn(&self, instance: &mut usize) {
        *instance = 1 - *instance;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    async fn read(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        Ok(Self { status: response.status(), body: response.json().await? })
    }
}

/// One writer: the version under which its change was accepted, or nothing when others were first.
async fn write(field: Arc<Field>, writer: usize) -> Option<(i64, Change)> {
    let (user, prefix) = (1 + writer % MEMBERS, format!("w{writer}!"));
    let mut instance = writer % 2;
    for attempt in 0.. {
        let version = field.version(&mut instance).await;
        if attempt == 0 {
            field.together.wait().await;
        }
        let expected = (!writer.is_multiple_of(REGARDLESS)).then_some(version);
        let Answer { status, body } =
            field.put(&mut instance, user, &format!("{writer}-{attempt}"), &prefix, expected).await;
        if status == StatusCode::OK {
            assert_eq!(body["values"]["prefix"], *prefix, "{body}");
            let version = body["version"].as_i64().expect("a version");
            return Some((version, Change { by: format!("user/{user}"), prefix }));
        }
        assert_eq!(status, StatusCode::CONFLICT, "200 or 409: {body}");
        assert!(expected.is_some_and(|expected| body["current"].as_i64() > Some(expected)), "{body}");
        if writer % PERSISTENT != 1 {
            return None;
        }
    }
    None
}

/// All at once; the accepted changes by version.
async fn all_write(field: &Arc<Field>) -> BTreeMap<i64, Change> {
    let writers: JoinSet<_> = (0..WRITERS).map(|writer| write(Arc::clone(field), writer)).collect();
    let outcomes = writers.join_all().await;
    let accepted: Vec<(i64, Change)> = outcomes.into_iter().flatten().collect();
    let count = accepted.len();
    let changes: BTreeMap<i64, Change> = accepted.into_iter().collect();
    assert_eq!(changes.len(), count, "no version was given twice");
    let least = WRITERS / REGARDLESS + WRITERS / PERSISTENT;
    assert!((least..WRITERS).contains(&count), "{count} were accepted");
    changes
}

/// Versions have no gap, and the audit of an instance shows every accepted change once, in their order.
async fn holds(world: &World, instance: usize, guild: u64, accepted: &BTreeMap<i64, Change>) {
    let last = i64::try_from(accepted.len()).expect("fits");
    assert!(accepted.keys().copied().eq(1..=last), "versions without a gap");
    let (mut shown, mut page) = (Vec::new(), String::new());
    loop {
        let path = format!("guilds/{guild}/audit?module=general&limit=100{page}");
        let audit = world.read(instance, &path).await;
        shown.extend(audit["entries"].as_array().expect("a list").iter().cloned());
        let Some(next) = audit["next"].as_i64() else { break };
        page = format!("&before={next}");
    }
    shown.reverse();
    assert_eq!(shown.len(), accepted.len(), "the audit shows each once");
    let mut before = Value::Null;
    for (entry, (version, change)) in shown.iter().zip(accepted) {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let seen = Change { by: text(&entry["by"]), prefix: text(&entry["after"]["prefix"]) };
        assert_eq!((entry["module_version"].as_i64(), &seen), (Some(*version), change));
        assert_eq!(entry["before"]["prefix"], before, "each begins where the one before it ended");
        before = entry["after"]["prefix"].clone();
    }
    let module = world.read(instance, &format!("guilds/{guild}/settings/general")).await;
    assert_eq!((&module["version"], &module["values"]["prefix"]), (&json!(last), &before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_writers_at_two_processes_on_kafka_lose_no_change_though_one_is_killed() {
    if !engines_are_there("two processes of the commands API") {
        return;
    }
    let mut world = World::start().await;
    let victim = 1;
    // For the first guild the one decides that stays, for the second the one that is killed.
    let calm = world.guild_decided_by(1 - victim).await;
    let field = Field::new(&world, calm);
    let changes = all_write(&field).await;
    assert_eq!(field.broken.load(Ordering::SeqCst), 0, "nothing broke");
    for instance in 0..INSTANCES.len() {
        holds(&world, instance, calm, &changes).await;
    }

    let struck = world.guild_decided_by(victim).await;
    let field = Field::new(&world, struck);
    let writing = all_write(&field);
    let killing = async {
        eventually("the writers are in the middle", || async {
            (field.answered.load(Ordering::SeqCst) >= ANSWERED_BEFORE).then_some(())
        })
        .await;
        let open = field.open[victim].load(Ordering::SeqCst);
        world.miso.kill(INSTANCES[victim]).await;
        open
    };
    let (changes, open) = tokio::join!(writing, killing);
    let broken = field.broken.load(Ordering::SeqCst);
    assert!(open > 0 && broken > 0, "it was struck with work in flight: {open} open, {broken} broken");
    eprintln!("{} of {WRITERS} accepted; killed with {open} requests open, {broken} sent again", changes.len());
    holds(&world, 1 - victim, struck, &changes).await;
    world.begin(victim).await;
    holds(&world, victim, struck, &changes).await;
}
