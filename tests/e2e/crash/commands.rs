//! People who use the bot's own commands while faults strike: what goes through the handlers and the commands API.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::journal::{RestSeen, unix_us};
use crate::harness::Discord;

/// Between two commands of the crowd.
const EVERY: Duration = Duration::from_millis(200);
/// Between an answer and the next change of the prefix.
const BETWEEN_PREFIXES: Duration = Duration::from_millis(300);
/// An answer that takes longer is missing.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// A command that somebody gave.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// The message with the command: its answer is a reply to it.
    pub(crate) message: String,
    /// Stands in the right answer.
    pub(crate) token: String,
    pub(crate) at_us: u64,
}

/// Where a command can be given, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) channel: String,
    pub(crate) user: String,
}

/// The crowd.
pub(crate) struct Crowd {
    discord: Arc<Discord>,
    places: Vec<Place>,
    number: AtomicUsize,
    said: Mutex<Vec<Said>>,
}

impl Crowd {
    pub(crate) fn new(discord: Arc<Discord>, places: Vec<Place>) -> Self {
        Self { discord, places, number: AtomicUsize::new(0), said: Mutex::default() }
    }

    /// Somebody gives a command; its token.
    pub(crate) async fn say(&self) -> Said {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let place = &self.places[number % self.places.len()];
        let (token, at_us) = (format!("cmd-{number}-"), unix_us());
        let content = format!(">choose {token}miso or {token}ramen");
        let message = self.discord.say(&place.channel, &place.user, &content).await;
        let said = Said { message, token, at_us };
        self.said.lock().unwrap_or_else(PoisonError::into_inner).push(said.clone());
        said
    }

    /// Goes on until the flag is set.
    pub(crate) async fn run(self: Arc<Self>, over: impl Fn() -> bool) {
        while !over() {
            self.say().await;
            tokio::time::sleep(EVERY).await;
        }
    }

    pub(crate) fn said(&self) -> Vec<Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One owner changes the prefix again and again, each time with the prefix of the time before: an answer that
/// comes shows that the change before took effect.
pub(crate) async fn change_prefixes(
    discord: Arc<Discord>,
    place: Place,
    over: Arc<AtomicBool>,
) -> Result<Vec<Said>, String> {
    let mut prefix = ">".to_owned();
    let mut said = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let next = format!("p{}!", said.len() + 1);
        let at_us = unix_us();
        let id = discord.say(&place.channel, &place.user, &format!("{prefix}prefix {next}")).await;
        said.push(Said { message: id.clone(), token: next.clone(), at_us });
        let began = Instant::now();
        while discord.messages(&place.channel, &id).await.is_empty() {
            if began.elapsed() > ANSWER_WITHIN {
                return Err(format!(
                    "\"{prefix}prefix {next}\" (message {id}) was not answered within {ANSWER_WITHIN:?}"
                ));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        prefix = next;
        tokio::time::sleep(BETWEEN_PREFIXES).await;
    }
    Ok(said)
}

/// Answers to a command that took effect at the simulator: when, and whether it is the right answer.
fn answers<'a>(rest: &'a [RestSeen], said: &'a Said) -> impl Iterator<Item = (u64, bool)> + 'a {
    let answers = rest.iter().filter(|seen| {
        seen.applied && seen.method == "POST" && seen.body["message_reference"]["message_id"] == *said.message
    });
    answers.map(|seen| (seen.at_us, seen.body.to_string().contains(&said.token)))
}

/// When a command was first answered, microseconds.
pub(crate) fn answered_us(rest: &[RestSeen], said: &Said) -> Option<u64> {
    answers(rest, said).map(|(at_us, _)| at_us).next()
}

/// Whether a command that had been given by then was answered only later.
pub(crate) fn was_open(rest: &[RestSeen], said: &Said, at_us: u64) -> bool {
    said.at_us <= at_us && answers(rest, said).next().is_none_or(|(answered_us, _)| answered_us > at_us)
}

/// What is wrong with the answers: each command gets one, the right one, in order within its channel.
pub(crate) fn judge(rest: &[RestSeen], said: &[Said]) -> Vec<String> {
    let wrong = said.iter().filter_map(|said| {
        let answers: Vec<(u64, bool)> = answers(rest, said).collect();
        let right = matches!(answers.as_slice(), [(_, true)]);
        (!right).then(|| {
            format!(
                "the command {} (message {}) given at {} µs was answered {} times (when, rightly): {answers:?}",
                said.token,
                said.message,
                said.at_us,
                answers.len()
            )
        })
    });
    wrong.collect()
}
