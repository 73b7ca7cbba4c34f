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
    pub(crate) channel: String,
    /// Stands in the answer to this command and in no other.
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
        let said = Said { channel: place.channel.clone(), token: format!("cmd-{number}-"), at_us: unix_us() };
        let content = format!(">choose {0}miso or {0}ramen", said.token);
        self.discord.say(&place.channel, &place.user, &content).await;
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
pub(crate) async fn change_prefixes(discord: Arc<Discord>, place: Place, over: Arc<AtomicBool>) -> Result<Vec<Said>, String> {
    let mut prefix = ">".to_owned();
    let mut said = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let next = format!("p{}!", said.len() + 1);
        let at_us = unix_us();
        let id = discord.say(&place.channel, &place.user, &format!("{prefix}prefix {next}")).await;
        said.push(Said { channel: place.channel.clone(), token: next.clone(), at_us });
        let began = Instant::now();
        while discord.messages(&place.channel, &id).await.is_empty() {
            if began.elapsed() > ANSWER_WITHIN {
                return Err(format!("\"{prefix}prefix {next}\" (message {id}) was not answered within {ANSWER_WITHIN:?}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        prefix = next;
        tokio::time::sleep(BETWEEN_PREFIXES).await;
    }
    Ok(said)
}

/// When a command was answered at the simulator: every answer that took effect.
pub(crate) fn answers(rest: &[RestSeen], said: &Said) -> Vec<u64> {
    let path = format!("/channels/{}/messages", said.channel);
    let answers = rest.iter().filter(|seen| seen.applied && seen.method == "POST" && seen.path == path);
    answers.filter(|seen| seen.body.to_string().contains(&said.token)).map(|seen| seen.at_us).collect()
}

/// What is wrong with the answers to the crowd.
pub(crate) fn judge(rest: &[RestSeen], said: &[Said]) -> Vec<String> {
    let wrong = said.iter().filter_map(|said| {
        let answers = answers(rest, said);
        (answers.len() != 1).then(|| format!("the command {} given at {} µs was answered {} times: {answers:?}", said.token, said.at_us, answers.len()))
    });
    wrong.collect()
}

/// What is wrong with the answers to the changes of the prefix: one each, in order.
pub(crate) fn judge_prefixes(rest: &[RestSeen], said: &[Said]) -> Vec<String> {
    let Some(first) = said.first() else { return vec!["the prefix was never changed".into()] };
    let path = format!("/channels/{}/messages", first.channel);
    let answers: Vec<String> = rest
        .iter()
        .filter(|seen| seen.applied && seen.method == "POST" && seen.path == path)
        .map(|seen| seen.body.to_string())
        .collect();
    if answers.len() != said.len() {
        return vec![format!("{} changes of the prefix got {} answers: {answers:?}", said.len(), answers.len())];
    }
    let pairs = said.iter().zip(&answers).filter(|(said, answer)| !answer.contains(&said.token));
    pairs.map(|(said, answer)| format!("the change to {} was answered with {answer}", said.token)).collect()
}
