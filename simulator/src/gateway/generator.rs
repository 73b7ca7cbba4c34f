//! Runs a blast: how many events are due, for which sessions, and waiting for slow ones.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::blast::{Blast, BlastSpec, TemplateSet};
use super::session::{Session, Stored};
use crate::core::Core;
use crate::intents::GUILD_MESSAGES;
use crate::snowflake::unix_us;
use crate::world::{BOT_ID, World};

/// Events made at a time.
const CHUNK: u64 = 512;
/// A blast without a rate stays at most so many events ahead of the slowest session.
const AHEAD: u64 = 8_192;
/// Rest between looks at the clock.
const TICK: Duration = Duration::from_millis(1);
/// Blasts in the life of a simulator; more are refused.
const MAX_BLASTS: usize = 4_096;

/// Why a blast does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlastRefused {
    NoGuilds,
    Running,
    TooMany,
}

/// Registers a blast; [`run_blast`] makes its events.
pub(crate) fn start_blast(core: &Core, spec: BlastSpec) -> Result<Arc<Blast>, BlastRefused> {
    let mut world = core.world();
    let mut blasts = core.blasts();
    if blasts.last().is_some_and(|last| last.finished_us.load(Ordering::Acquire) == 0) {
        return Err(BlastRefused::Running);
    }
    if blasts.len() >= MAX_BLASTS {
        return Err(BlastRefused::TooMany);
    }
    let set = Arc::new(TemplateSet::new(templates(&world, spec.guilds), spec.bytes, &spec.prefix));
    if set.is_empty() {
        return Err(BlastRefused::NoGuilds);
    }
    let blasted = world.blasted.get_or_insert_default();
    let first = blasted.next.load(Ordering::Acquire).max(1);
    blasted.next.store(first, Ordering::Release);
    blasted.sets.push((first, Arc::clone(&set)));
    let blast = Arc::new(Blast::new(blasts.len(), spec, set, first));
    blasts.push(Arc::clone(&blast));
    drop(blasts);
    drop(world);
    let now = unix_us();
    blast.started_us.store(now, Ordering::Release);
    core.journal.record(&json!({"kind": "blast_started", "at_us": now, "status": blast.status()}));
    Ok(blast)
}

/// One message per guild, in its first text channel, by one of its members.
fn templates(world: &World, guilds: Option<usize>) -> Vec<Value> {
    let chosen = world.guilds.iter().filter(|(_, guild)| !guild.unavailable).take(guilds.unwrap_or(usize::MAX));
    let messages = chosen.filter_map(|(id, guild)| {
        let is_text = |channel: &&u64| world.channels.get(channel).is_some_and(|channel| channel.fields["type"] == 0);
        let channel = guild.channels.iter().find(is_text)?;
        let author = guild.members.keys().find(|user| **user != BOT_ID)?;
        Some(json!({
            "guild_id": id.to_string(), "channel_id": channel.to_string(), "author": world.users.get(author),
            "member": guild.members.get(author), "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [],
            "mention_roles": [], "attachments": [], "embeds": [], "components": [], "pinned": false, "type": 0, "flags": 0, "channel_type": 0,
        }))
    });
    messages.collect()
}

/// Makes the blast's events until it is done or stopped.
pub(crate) async fn run_blast(core: Arc<Core>, blast: Arc<Blast>) {
    let spec = &blast.spec;
    let next = core.world().blasted.get_or_insert_default().next.clone();
    let started = blast.started_us.load(Ordering::Acquire);
    let seconds = spec.seconds.or(if spec.count.is_none() { Some(1.0) } else { None });
    let until = seconds.map(|seconds| {
        started + Duration::try_from_secs_f64(seconds).map_or(0, |span| u64::try_from(span.as_micros()).unwrap_or(0))
    });
    let bound = if spec.rate == 0 { AHEAD } else { core.config.resume_buffer as u64 / 2 };
    let mut sent = 0;
    while !blast.stop.load(Ordering::Relaxed) && !core.shutdown.is_cancelled() {
        let now = unix_us();
        if spec.count.is_some_and(|count| sent >= count) || until.is_some_and(|until| now >= until) {
            break;
        }
        let sessions = core.hub.sessions();
        let due = if spec.rate == 0 {
            if sessions.is_empty() { 0 } else { CHUNK }
        } else {
            let elapsed = u128::from(now - started);
            u64::try_from(elapsed * u128::from(spec.rate) / 1_000_000)
                .unwrap_or(u64::MAX)
                .saturating_sub(sent)
                .min(CHUNK)
        };
        let due = due.min(spec.count.map_or(due, |count| count - sent));
        if due == 0 {
            tokio::time::sleep(TICK).await;
            continue;
        }
        for session in sessions.iter().filter(|session| !replaced(session, &sessions)) {
            wait_for_room(&core, &blast, session, bound, until).await;
        }
        let at_us = unix_us();
        for session in &sessions {
            push(&core, &blast, session, blast.first + sent, due, at_us);
        }
        sent += due;
        next.store(blast.first + sent, Ordering::Release);
        blast.sent.store(sent, Ordering::Release);
        blast.mark(at_us);
        tokio::task::yield_now().await;
    }
    let now = unix_us();
    blast.finished_us.store(now, Ordering::Release);
    core.journal.record(
        &json!({"kind": "blast_finished", "at_us": now, "blast": blast.number, "first": blast.first, "sent": sent}),
    );
}

/// Whether a client went on without resuming this session: nobody waits for it then, its buffer forgets the oldest.
fn replaced(session: &Session, all: &[Arc<Session>]) -> bool {
    session.connection().is_none()
        && all
            .iter()
            .any(|other| other.shard == session.shard && other.shards == session.shards && other.connection().is_some())
}

/// Waits until `session` has taken enough, the blast is over, or nobody can take it any more.
async fn wait_for_room(core: &Core, blast: &Blast, session: &Session, bound: u64, until: Option<u64>) {
    let over = || {
        blast.stop.load(Ordering::Relaxed)
            || core.shutdown.is_cancelled()
            || until.is_some_and(|until| unix_us() >= until)
    };
    while session.unsent() >= bound && !over() {
        let drained = session.drained.notified();
        tokio::pin!(drained);
        drained.as_mut().enable();
        if session.unsent() < bound {
            return;
        }
        // The time-out only lets the end be seen.
        let _woken = tokio::time::timeout(Duration::from_millis(50), drained).await;
    }
}

fn push(core: &Core, blast: &Blast, session: &Session, first: u64, count: u64, at_us: u64) {
    if session.intents & GUILD_MESSAGES == 0 {
        return;
    }
    let mut stored = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in first..first + count {
        if !session.covers(Some(blast.set.guild(number))) {
            continue;
        }
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
        stored.push(Stored::Blast { set: Arc::clone(&blast.set), number, at_us });
    }
    if stored.is_empty() {
        return;
    }
    let events = stored.len();
    let sequence = session.push(stored);
    core.journal.record(&json!({
        "kind": "blast_run", "at_us": at_us, "blast": blast.number, "session": session.id, "shard": session.shard,
        "first_sequence": sequence, "events": events, "numbers": runs,
    }));
}
