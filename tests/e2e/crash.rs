//! While events and actions flow, processes are killed, stopped and their roles aborted. Afterwards the simulator's
//! and the clients' journals, and nothing else, say whether anything was lost or done twice. Nothing is de-duplicated.
//!
//! `MISO_TEST_SEEDS=n` runs the seeds 1 to n, `MISO_TEST_SEED=s` one. A run that fails keeps its folder and says where.

mod actions;
mod client;
mod commands;
mod events;
mod faults;
mod journal;
mod killed_handlers;
mod library;
mod program;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::harness::{Deployment, Discord, Engines, Guild, engines_are_there, eventually, within};
use actions::{Asked, Told};
use client::{GatewayClient, Notes, read};
use commands::{Crowd, Place};
use faults::{Injector, Struck};
use journal::{CameBack, ClientNotes, Discords};
use library::{Board, Library};
use program::Effect;

/// Seeds that run when none are named.
const EMBEDDED_SEEDS: u64 = 20;
const KAFKA_SEEDS: u64 = 5;
/// Runs at a time: what waits in one leaves the processor to the other.
const AT_A_TIME: usize = 2;
/// Events of the first blast, and of each further one while faults still strike.
const EVENTS: u64 = 20_000;
const MORE_EVENTS: u64 = 4_000;
/// Events per second.
const RATE: u64 = 1_800;
/// Channels in which a program works: at least 500 actions together.
const PROGRAMS: usize = 32;
/// A program rests up to so long between two requests.
const PAUSE_MS: u64 = 500;
/// The simulator's answers wait so long.
const ANSWERS_MS: (u64, u64) = (50, 300);
/// How often it cuts a connection after, and before, it applied the request.
const CUT_AFTER: f64 = 0.06;
const CUT_BEFORE: f64 = 0.02;
/// After the last process is ready again, a new event and a new action have gone through every role.
const HANDOVER: Duration = Duration::from_secs(10);
/// Everything has arrived so long after everything was sent.
const ARRIVE_WITHIN: Duration = Duration::from_secs(60);
/// The least part of lost connections that ends in RESUMED.
const RESUMED_PERCENT: usize = 80;
const SECRETS: [(&str, &str, usize); 2] = [("team", "secret-of-the-team", 3), ("solo", "secret-of-the-solo", 1)];

#[tokio::test(flavor = "multi_thread")]
async fn crash_runs_by_seed_lose_nothing_and_double_nothing_on_the_embedded_log() {
    by_seeds(Engines::Embedded, EMBEDDED_SEEDS, AT_A_TIME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_runs_by_seed_lose_nothing_and_double_nothing_on_kafka() {
    if engines_are_there("crash on Kafka") {
        by_seeds(Engines::KafkaAndPostgres, KAFKA_SEEDS, 1).await;
    }
}

/// With nothing between the clients and Discord but connections that break, the judges have nothing to say:
/// what they find in the other tests is Miso's.
#[tokio::test(flavor = "multi_thread")]
async fn the_judges_are_content_when_clients_speak_to_discord_itself() {
    let discord = Arc::new(Discord::start(&["--guilds", "4", "--no-bucket-limits", "--global-per-second", "0"]).await);
    let address = discord.address();
    let (client, notes) = GatewayClient::new("alone", address, &discord.token, 1);
    let cancel = CancellationToken::new();
    let running = tokio::spawn(client.run(cancel.clone()));
    eventually("the client is READY", || async { read(&notes).live.then_some(()) }).await;
    discord.post("/delay", json!({"min_ms": 5, "max_ms": 30})).await;
    let (board, over) = (Arc::new(Board::default()), Arc::new(AtomicBool::new(true)));
    let blasts = tokio::spawn(blast(Arc::clone(&discord), over));
    let mut programs = JoinSet::new();
    for (number, guild) in discord.guilds().await.iter().enumerate() {
        let place = library::Place {
            channel: guild.channels[1].clone(),
            webhook: Some(discord.create_webhook(&guild.channels[1]).await),
        };
        let library = Library::new(address, &discord.token);
        programs.spawn(library::run(library, place, number, number as u64, 20, Arc::clone(&board)));
    }
    for _ in 0..3 {
        let before = read(&notes).judged_so_far();
        eventually("events flow", || async { (read(&notes).judged_so_far() > before + 2_000).then_some(()) }).await;
        discord.post("/gateway/drop", json!({})).await;
        eventually("it came back", || async { read(&notes).live.then_some(()) }).await;
    }
    board.over.store(true, Ordering::Relaxed);
    let asked: BTreeMap<String, Vec<Asked>> = programs.join_all().await.into_iter().collect();
    let guilds = blasts.await.expect("no panic");
    let mut entries = Vec::new();
    for kind in ["event", "blast_run", "rest"] {
        entries.extend(discord.journal(kind).await);
    }
    let journal = Discords::read(&entries, &guilds);
    let expected = journal.sent.len();
    eventually("everything came", || async { (read(&notes).judged_so_far() >= expected).then_some(()) }).await;
    cancel.cancel();
    running.await.expect("no panic");
    let notes = read(&notes);
    let verdict = events::judge(&journal.sent, &[&notes]);
    assert_eq!(events::describe("alone", &journal.sent, &verdict), Vec::<String>::new());
    assert_eq!((verdict.delivered, verdict.redelivered), (expected, 0));
    assert!(
        notes.returns.len() >= 3 && notes.returns.iter().all(|(_, how)| *how == CameBack::Resumed),
        "{:?}",
        notes.returns
    );
    let (effects, _) = actions::effects(&journal.rest, &discord.webhooks());
    let verdict = actions::judge(&asked, &effects, 0);
    assert_eq!(verdict.violations, Vec::<String>::new());
    assert_eq!(verdict.unknown, 0);
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

async fn by_seeds(engines: Engines, default: u64, at_a_time: usize) {
    let seeds = match number("MISO_TEST_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("MISO_TEST_SEEDS").unwrap_or(default),
    };
    let runs = futures_util::stream::iter(seeds).map(|seed| async move {
        let began = Instant::now();
        let folder =
            tempfile::Builder::new().prefix(&format!("miso-crash-{seed}-")).tempdir().expect("a folder").keep();
        // A task of its own, so that a panic is one failed seed and the others go on.
        let run = tokio::spawn(crash_run(engines, seed, folder.clone())).await;
        let outcome = run.unwrap_or_else(|error| Err(vec![panic_text(error)]));
        match outcome {
            Ok(line) => {
                eprintln!("crash seed {seed}, {engines:?}: {line}; {:.1} s", began.elapsed().as_secs_f64());
                let _ = std::fs::remove_dir_all(&folder);
                None
            }
            Err(problems) => {
                let text = format!(
                    "crash seed {seed}, {engines:?} FAILED; {} is kept:\n  {}",
                    folder.display(),
                    problems.join("\n  ")
                );
                eprintln!("{text}");
                Some(text)
            }
        }
    });
    let failed: Vec<String> = runs.buffer_unordered(at_a_time).filter_map(|failed| async { failed }).collect().await;
    assert!(
        failed.is_empty(),
        "{} seeds failed; run one again with MISO_TEST_SEED=n\n{}",
        failed.len(),
        failed.join("\n")
    );
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "a panic".to_owned())
        }
        Err(error) => error.to_string(),
    }
}

/// The world of a run and what happens in it.
struct Run {
    seed: u64,
    folder: PathBuf,
    discord: Arc<Discord>,
    guilds: Vec<Guild>,
    miso: Deployment,
    groups: Vec<Vec<Notes>>,
    random: StdRng,
    cancel: CancellationToken,
    clients: JoinSet<()>,
    shards: u64,
}

/// One run: `Ok` with a line that says what it proved, or what is wrong.
async fn crash_run(engines: Engines, seed: u64, folder: PathBuf) -> Result<String, Vec<String>> {
    let mut run = Run::start(engines, seed, folder).await;
    let places = run.places().await;
    let crowd = Arc::new(Crowd::new(Arc::clone(&run.discord), run.command_places()));
    let board = Arc::new(Board::default());
    let over = Arc::new(AtomicBool::new(false));
    run.order_trouble().await;

    // Everything flows.
    let blasts = tokio::spawn(blast(Arc::clone(&run.discord), Arc::clone(&over)));
    let mut programs = JoinSet::new();
    let library = Library::new(run.miso.proxy, SECRETS[0].1);
    for (number, place) in places.iter().enumerate() {
        let seed = run.random.random();
        programs.spawn(library::run(library.clone(), place.clone(), number, seed, PAUSE_MS, Arc::clone(&board)));
    }
    let talking = {
        let over = Arc::clone(&over);
        tokio::spawn(Arc::clone(&crowd).run(move || over.load(Ordering::Relaxed)))
    };
    let prefixes =
        tokio::spawn(commands::change_prefixes(Arc::clone(&run.discord), run.owner().await, Arc::clone(&over)));

    // Faults strike.
    let struck = Injector {
        miso: &mut run.miso,
        engines,
        groups: &run.groups,
        board: &board,
        crowd: Arc::clone(&crowd),
        random: &mut run.random,
    }
    .strike()
    .await;
    for name in Injector::processes(engines) {
        run.miso.ready(name).await;
    }
    let mut problems = run.handover(&library, &crowd).await;
    over.store(true, Ordering::Relaxed);
    board.over.store(true, Ordering::Relaxed);

    // Everything comes to rest.
    let mut asked: BTreeMap<String, Vec<Asked>> = programs.join_all().await.into_iter().collect();
    let blast_guilds = blasts.await.expect("no panic");
    talking.await.expect("no panic");
    let prefixes = prefixes.await.expect("no panic").unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    run.everything_arrives(&blast_guilds, &crowd).await;
    run.last_word(&library, &places, &mut asked).await;

    let discord = run.journal(&blast_guilds).await;
    run.cancel.cancel();
    while run.clients.join_next().await.is_some() {}
    let line = run.judge(&discord, &asked, &struck, &crowd.said(), &prefixes, &mut problems);
    if problems.is_empty() {
        run.miso.remove_data();
        return Ok(line);
    }
    run.keep(&discord, &asked, &struck);
    problems.push(line);
    Err(problems)
}

/// Blasts until faults are over; the guilds of each blast's templates.
async fn blast(discord: Arc<Discord>, over: Arc<AtomicBool>) -> BTreeMap<u64, Vec<u64>> {
    let mut guilds = BTreeMap::new();
    let mut count = EVENTS;
    loop {
        let blast = discord.post("/blast", json!({"rate": RATE, "count": count, "bytes": 700})).await;
        let number = blast["blast"].as_u64().expect("a number");
        let names = blast["guilds"].as_array().expect("a list").iter();
        guilds.insert(number, names.map(|name| name.as_str().expect("an id").parse().expect("an id")).collect());
        let path = format!("/blast/{number}");
        let mut done = || async { (discord.get(&path).await["done"] == true).then_some(()) };
        within(ARRIVE_WITHIN, "the blast is done", &mut done).await;
        count = MORE_EVENTS;
        if over.load(Ordering::Relaxed) {
            return guilds;
        }
    }
}

impl Run {
    async fn start(engines: Engines, seed: u64, folder: PathBuf) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let shards = 1 + seed % 2;
        let (seed_text, shards_text) = (seed.to_string(), shards.to_string());
        let journal = folder.join("discord.ndjson").display().to_string();
        let options = [
            ["--seed", &seed_text],
            ["--guilds", "12"],
            ["--channels", "5"],
            ["--members", "6"],
            ["--shards", &shards_text],
            ["--max-concurrency", &shards_text],
            ["--global-per-second", "0"],
            ["--journal", &journal],
        ];
        let options: Vec<&str> = options.as_flattened().iter().copied().chain(["--no-bucket-limits"]).collect();
        let discord = Arc::new(Discord::start(&options).await);
        let groups: Vec<String> = SECRETS.iter().map(|(name, secret, _)| format!("{name}={secret}")).collect();
        let mut miso = Deployment::new(&discord, engines, &groups.join(","));
        miso.keep_data();
        // Whatever ends the run, its data and what its processes said are found.
        std::os::unix::fs::symlink(miso.data_dir(), folder.join("miso")).expect("linked");
        miso.set("MISO_DISCORD_GLOBAL_PER_SECOND", "1000");
        miso.set("MISO_COMMANDS_PER_MINUTE", "0");
        miso.set("MISO_CLUSTER_KEY", "crash-test-cluster-key");
        Injector::start_all(&mut miso, engines);
        for name in Injector::processes(engines) {
            miso.ready(name).await;
        }
        let cancel = CancellationToken::new();
        let mut clients = JoinSet::new();
        let mut groups = Vec::new();
        for (group, secret, members) in SECRETS {
            let mut notes = Vec::new();
            for member in 0..members {
                let name = format!("{group}-{member}");
                let (client, its) = GatewayClient::new(&name, miso.proxy, secret, random.random());
                clients.spawn(client.run(cancel.clone()));
                notes.push(its);
            }
            groups.push(notes);
        }
        let guilds = discord.guilds().await;
        // Before its IDENTIFY Discord tells a shard nothing.
        eventually("every shard is connected", || async {
            let gateway = discord.get("/gateway").await;
            let sessions = gateway["sessions"].as_array().expect("a list");
            (sessions.iter().filter(|session| session["connected"] == true).count() as u64 == shards).then_some(())
        })
        .await;
        for notes in groups.iter().flatten() {
            eventually("every client is READY", || async { read(notes).live.then_some(()) }).await;
        }
        Self { seed, folder, discord, guilds, miso, groups, random, cancel, clients, shards }
    }

    /// Slow answers and cut connections on the routes that programs and handlers use.
    async fn order_trouble(&mut self) {
        let delay = json!({"min_ms": ANSWERS_MS.0, "max_ms": ANSWERS_MS.1, "seed": self.seed});
        self.discord.post("/delay", delay).await;
        for (stage, probability) in [("after", CUT_AFTER), ("before", CUT_BEFORE)] {
            let fault = json!({
                "route": "^/(channels|webhooks)/", "count": null, "probability": probability, "seed": self.random.random::<u32>(),
                "stage": stage, "kind": "cut",
            });
            self.discord.post("/faults", fault).await;
        }
    }

    /// The channels of the programs: blasts use the first channel of each guild, commands the last.
    async fn places(&self) -> Vec<library::Place> {
        let channels = self.guilds.iter().flat_map(|guild| &guild.channels[1..guild.channels.len() - 1]);
        let mut places = Vec::new();
        for (number, channel) in channels.take(PROGRAMS).enumerate() {
            let webhook = if number % 4 == 0 { Some(self.discord.create_webhook(channel).await) } else { None };
            places.push(library::Place { channel: channel.clone(), webhook });
        }
        places
    }

    /// Where the crowd talks: not in the first guild, whose prefix changes.
    fn command_places(&self) -> Vec<Place> {
        let places = self.guilds.iter().skip(1).map(|guild| Place {
            channel: guild.channels.last().expect("a channel").clone(),
            user: guild.users[0].clone(),
        });
        places.collect()
    }

    /// The owner of the first guild, in its last channel.
    async fn owner(&self) -> Place {
        let guild = &self.guilds[0];
        let user = self.discord.owner(&guild.id).await;
        Place { channel: guild.channels.last().expect("a channel").clone(), user }
    }

    /// A new event and a new action go through every role; the following ones have no error.
    async fn handover(&mut self, library: &Library, crowd: &Crowd) -> Vec<String> {
        let began = Instant::now();
        let guild = &self.guilds[0];
        let place = library::Place { channel: guild.channels[0].clone(), webhook: None };
        let event: u64 =
            self.discord.say(&guild.channels[0], &guild.users[0], "a new event").await.parse().expect("an id");
        let said = crowd.say().await;
        let mut problems = Vec::new();
        let ((asked, _), ()) = tokio::join!(
            library.ask(&place, Effect::Created { content: "a new action".into() }, &mut self.random),
            async {
                for (notes, (group, ..)) in self.groups.iter().zip(SECRETS) {
                    let what = format!("a new event reaches {group}");
                    let mut reached = || async { notes.iter().any(|notes| read(notes).has(event)).then_some(()) };
                    within(HANDOVER.saturating_sub(began.elapsed()), &what, &mut reached).await;
                }
                let mut answered = || async {
                    let rest = self.discord.journal_containing(&said.message).await;
                    rest.iter().any(|entry| entry["kind"] == "rest" && entry["applied"] == true).then_some(())
                };
                within(HANDOVER.saturating_sub(began.elapsed()), "a new command is answered", &mut answered).await;
            }
        );
        if asked.told != Told::Done || began.elapsed() > HANDOVER {
            problems.push(format!("the new action ended as {:?} after {:?}", asked.told, began.elapsed()));
        }
        let (asked, _) = library.ask(&place, Effect::Created { content: "another".into() }, &mut self.random).await;
        if asked.told != Told::Done || asked.attempts > 1 {
            problems.push(format!("an action after the new one: {:?} after {} attempts", asked.told, asked.attempts));
        }
        problems
    }

    /// The simulator's journal so far.
    async fn journal(&self, blast_guilds: &BTreeMap<u64, Vec<u64>>) -> Discords {
        let mut entries = Vec::new();
        for kind in ["event", "blast_run", "identify", "resume", "rest"] {
            entries.extend(self.discord.journal(kind).await);
        }
        Discords::read(&entries, blast_guilds)
    }

    /// Waits until all that was sent has come and all commands are answered, or it is too late for that.
    async fn everything_arrives(&self, blast_guilds: &BTreeMap<u64, Vec<u64>>, crowd: &Crowd) {
        let began = Instant::now();
        while began.elapsed() < ARRIVE_WITHIN {
            let discord = self.journal(blast_guilds).await;
            let missing = self.groups.iter().any(|group| {
                let notes: Vec<_> = group.iter().map(read).collect();
                let clients: Vec<&ClientNotes> = notes.iter().map(|notes| &**notes).collect();
                !events::judge(&discord.sent, &clients).missing.is_empty()
            });
            if !missing && commands::judge(&discord.rest, &crowd.said()).is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// A last message in every guild and in every program's channel: whatever would come late or twice has come before.
    async fn last_word(
        &mut self,
        library: &Library,
        places: &[library::Place],
        asked: &mut BTreeMap<String, Vec<Asked>>,
    ) {
        for guild in &self.guilds {
            let id: u64 =
                self.discord.say(&guild.channels[0], &guild.users[0], "a last word").await.parse().expect("an id");
            for notes in &self.groups {
                let what = format!("the last word of guild {} reaches every group", guild.id);
                eventually(&what, || async { notes.iter().any(|notes| read(notes).has(id)).then_some(()) }).await;
            }
        }
        let words = places.iter().enumerate().map(|(number, place)| {
            let mut random = StdRng::seed_from_u64(self.seed ^ number as u64);
            async move {
                let effect = Effect::Created { content: format!("act {number}, a last word") };
                (place.channel.clone(), library.ask(place, effect, &mut random).await.0)
            }
        });
        for (channel, word) in futures_util::future::join_all(words).await {
            asked.entry(channel).or_default().push(word);
        }
    }

    fn judge(
        &self,
        discord: &Discords,
        asked: &BTreeMap<String, Vec<Asked>>,
        struck: &[Struck],
        said: &[commands::Said],
        prefixes: &[commands::Said],
        problems: &mut Vec<String>,
    ) -> String {
        let notes: Vec<Vec<_>> = self.groups.iter().map(|group| group.iter().map(read).collect()).collect();
        let mut told = Vec::new();
        for (clients, (group, ..)) in notes.iter().zip(SECRETS) {
            let clients: Vec<&ClientNotes> = clients.iter().map(|notes| &**notes).collect();
            let verdict = events::judge(&discord.sent, &clients);
            problems.extend(events::describe(group, &discord.sent, &verdict));
            told.push(format!("{} delivered to {group} ({} in two sessions)", verdict.delivered, verdict.redelivered));
        }
        let shards = usize::try_from(self.shards).expect("small");
        if discord.identifies != shards {
            problems.push(format!("{} IDENTIFYs for {shards} shards", discord.identifies));
        }
        let webhooks: HashMap<String, String> = self.discord.webhooks();
        let (effects, without) = actions::effects(&discord.rest, &webhooks);
        let verdict = actions::judge(asked, &effects, without);
        problems.extend(verdict.violations.iter().cloned());
        problems.extend(commands::judge(&discord.rest, said));
        problems.extend(commands::judge(&discord.rest, prefixes));
        if prefixes.is_empty() {
            problems.push("the prefix was never changed".into());
        }

        let all_said: Vec<commands::Said> = said.iter().chain(prefixes).cloned().collect();
        let mut strikes = Vec::new();
        for struck in struck {
            let (phrase, met) = struck.tell(&struck.in_flight(discord, &notes, &all_said));
            if !met {
                problems.push(format!("a fault met no work in flight: {phrase}"));
            }
            strikes.push(phrase);
        }
        let cuts = discord.rest.iter().filter(|seen| seen.cut && seen.applied).count();
        if cuts == 0 {
            problems.push("no connection was cut after the request was applied".into());
        }
        let returns: Vec<CameBack> =
            notes.iter().flatten().flat_map(|notes| notes.returns.iter().map(|(_, how)| *how)).collect();
        let resumed = returns.iter().filter(|how| **how == CameBack::Resumed).count();
        if returns.is_empty() || resumed * 100 < returns.len() * RESUMED_PERCENT {
            problems.push(format!("{resumed} of {} lost connections ended in RESUMED", returns.len()));
        }
        if discord.sent.len() < usize::try_from(EVENTS).expect("small") || verdict.asked < PROGRAMS * library::REQUESTS
        {
            problems.push(format!("only {} events and {} actions", discord.sent.len(), verdict.asked));
        }
        format!(
            "{} events, {}; {} actions ({} unknown, {} repeated without effect, {} repeated by the client, {cuts} cut after they took effect); \
             {} commands, {} prefixes; {resumed} of {} reconnects RESUMED; faults: {}",
            discord.sent.len(),
            told.join(", "),
            verdict.asked,
            verdict.unknown,
            verdict.without_effect,
            verdict.retried_by_client,
            said.len(),
            prefixes.len(),
            returns.len(),
            strikes.join(" | ")
        )
    }

    /// Writes what was asked, what struck and what the clients noted beside the simulator's journal.
    fn keep(&self, discord: &Discords, asked: &BTreeMap<String, Vec<Asked>>, struck: &[Struck]) {
        let requests = asked.iter().flat_map(|(channel, asked)| {
            asked.iter().map(move |asked| {
                json!({
                    "channel": channel, "asked": format!("{:?}", asked.effect), "told": format!("{:?}", asked.told),
                    "attempts": asked.attempts, "began_us": asked.began_us, "ended_us": asked.ended_us,
                })
            })
        });
        write_lines(&self.folder.join("asked.ndjson"), &requests.collect::<Vec<_>>());
        let faults: Vec<Value> =
            struck.iter().map(|struck| json!({"at_us": struck.at_us, "fault": format!("{struck:?}")})).collect();
        write_lines(&self.folder.join("faults.ndjson"), &faults);
        let mut lines = Vec::new();
        for notes in self.groups.iter().flatten() {
            let notes = read(notes);
            lines.push(json!({"client": notes.name, "closes": format!("{:?}", notes.closes), "returns": format!("{:?}", notes.returns)}));
            for session in &notes.sessions {
                lines.extend(session.dispatches.iter().map(|dispatch| {
                    json!({
                        "client": notes.name, "session": session.id, "s": dispatch.sequence, "t": dispatch.kind, "at_us": dispatch.at_us,
                        "guild": dispatch.guild.to_string(), "id": dispatch.key.map(|key| key.id.to_string()),
                    })
                }));
                lines.extend(session.acks.iter().map(|(at_us, sequence)| {
                    json!({"client": notes.name, "session": session.id, "ack": sequence, "at_us": at_us})
                }));
            }
        }
        write_lines(&self.folder.join("clients.ndjson"), &lines);
        let sent: Vec<Value> = discord.sent.iter().map(|sent| {
            json!({"session": sent.session, "s": sent.sequence, "event": sent.key.name(), "guild": sent.guild.to_string(), "at_us": sent.at_us})
        }).collect();
        write_lines(&self.folder.join("sent.ndjson"), &sent);
    }
}

fn write_lines(path: &Path, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    if let Err(error) = std::fs::write(path, text) {
        eprintln!("{}: {error}", path.display());
    }
}
