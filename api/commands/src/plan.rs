use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use miso_bot_store::{AggregateState, BotStore, Execution, StoreError};
use miso_command_catalogue::Problem;
use miso_model::{Aggregate, Answer, Fact, Request, TimerRecord, UserId};

use crate::decide::settings::STALE_CHANGES;
use crate::decide::{
    Decision, Reads, Situation, Work, activity, counts, crowns, invalid, listens, personal, reminders, samples,
    settings, stars, work,
};

/// What some requests come to, before anything is written.
#[derive(Default)]
pub(crate) struct Plan {
    /// So many of the requests, from the first, are in it: the next one reads rows that an earlier one
    /// changes.
    pub(crate) taken: usize,
    pub(crate) facts: Vec<Fact>,
    /// Aggregates after the facts.
    states: BTreeMap<String, AggregateState>,
    /// Those of them whose settings changed.
    changed: BTreeSet<String>,
    /// By key, the last one counts; `None` takes one back.
    pub(crate) timers: BTreeMap<String, Option<TimerRecord>>,
    pub(crate) replies: Vec<Reply>,
    /// Whose listens are to be fetched.
    pub(crate) index: Vec<UserId>,
    touched: HashSet<Reads>,
}

pub(crate) enum Reply {
    /// Decided before, or without effect.
    Known(Answer),
    /// The answer of `facts[index]`, the last one of its request.
    OfFact(usize),
    Refused {
        request_id: String,
        aggregate: String,
        problem: Problem,
    },
}

impl Reply {
    pub(crate) fn refused(request: &Request, problem: Problem) -> Self {
        Self::Refused { request_id: request.request_id.clone(), aggregate: request.aggregate.clone(), problem }
    }
}

impl Plan {
    /// Aggregates whose settings changed, as they are after it.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&String, &AggregateState)> {
        self.states.iter().filter(|(aggregate, _)| self.changed.contains(*aggregate))
    }

    fn take(&mut self, situation: Situation<'_>, reads: Reads, decision: &Decision, here: (i32, i64)) {
        let request = situation.request;
        self.index.extend(decision.index);
        for (key, timer) in &decision.timers {
            self.timers.insert(key.clone(), timer.clone());
        }
        if decision.facts.is_empty() {
            self.replies.push(Reply::Known(Answer {
                request_id: request.request_id.clone(),
                aggregate: request.aggregate.clone(),
                status: 200,
                body: decision.answer.to_string().into(),
                partition: here.0,
                position: here.1,
            }));
            return;
        }
        if reads != Reads::Nothing {
            self.touched.insert(reads);
        }
        let (facts, after) = decision.numbered(situation);
        if decision.settings.is_some() {
            self.changed.insert(request.aggregate.clone());
        }
        self.states.insert(request.aggregate.clone(), after);
        self.facts.extend(facts);
        self.replies.push(Reply::OfFact(self.facts.len() - 1));
    }
}

/// Decides what can be decided of some requests of a partition whose projection stands at `position`.
/// Reads only.
pub(crate) async fn plan(
    bot: &BotStore,
    requests: &[&Request],
    (partition, position): (i32, i64),
    now_ms: i64,
) -> Result<Plan, StoreError> {
    let mut plan = Plan::default();
    let mut seen = HashSet::new();
    let ids: Vec<(&str, &str)> = requests.iter().map(|request| (&*request.aggregate, &*request.request_id)).collect();
    let known = bot.executions(&ids).await?;
    let aggregates: BTreeSet<&str> = ids.iter().map(|(aggregate, _)| *aggregate).collect();
    let mut states = bot.aggregates(&aggregates.into_iter().collect::<Vec<_>>()).await?;
    for request in requests {
        // Repeats inside a batch: one answer serves all who wait.
        if seen.contains(&(&*request.aggregate, &*request.request_id)) {
            plan.taken += 1;
            continue;
        }
        if let Some(known) = known.get(&(request.aggregate.clone(), request.request_id.clone())) {
            plan.replies.push(Reply::Known(answer(request, known)));
        } else {
            match work(request) {
                Ok(work) => {
                    let reads = work.reads();
                    if plan.touched.contains(&reads) {
                        return Ok(plan);
                    }
                    let before = plan.states.get(&request.aggregate).cloned();
                    let state = before.unwrap_or_else(|| states.remove(&request.aggregate).unwrap_or_default());
                    let situation = Situation { request, state: &state, now_ms };
                    match decide(bot, &plan, situation, work).await? {
                        Ok(decision) => plan.take(situation, reads, &decision, (partition, position)),
                        Err(problem) => plan.replies.push(Reply::refused(request, problem)),
                    }
                    plan.states.entry(request.aggregate.clone()).or_insert(state);
                }
                Err(problem) => plan.replies.push(Reply::refused(request, problem)),
            }
        }
        seen.insert((&*request.aggregate, &*request.request_id));
        plan.taken += 1;
    }
    Ok(plan)
}

fn answer(request: &Request, known: &Execution) -> Answer {
    Answer {
        request_id: request.request_id.clone(),
        aggregate: request.aggregate.clone(),
        status: known.status,
        body: known.answer.clone().into(),
        partition: known.partition,
        position: known.next,
    }
}

/// Reads what the decision needs, and decides.
async fn decide(
    bot: &BotStore,
    plan: &Plan,
    situation: Situation<'_>,
    work: Work,
) -> Result<Result<Decision, Problem>, StoreError> {
    Ok(match work {
        Work::ChangeSettings(aggregate, change) => {
            if settings::is_stale(situation, &change) {
                let expected = situation.request.expected_version.unwrap_or_default();
                let since =
                    bot.changes_since(&situation.request.aggregate, &change.module, expected, STALE_CHANGES).await?;
                // What this batch changes is not in the tables yet.
                let since: Vec<_> =
                    since.into_iter().chain(plan.audit(&situation.request.aggregate, &change)).collect();
                return Ok(Err(settings::stale(situation, &change, &since)));
            }
            settings::change(situation, aggregate, change).map(|decision| match aggregate {
                Aggregate::User(user) => listens::follow(decision, situation, user),
                Aggregate::Guild(_) => decision,
            })
        }
        Work::ActivityObserved(guild, body) => {
            let users: BTreeSet<_> = body.members.iter().map(|member| member.user).collect();
            let users: Vec<_> = users.into_iter().collect();
            let known = if users.is_empty() { HashMap::new() } else { bot.activities(guild, &users).await? };
            activity::observed(&body, &known)
        }
        Work::CountsObserved(_, body) => counts::observed(&body),
        Work::StarChanged(guild, body) => {
            let known = bot.starred(guild, body.message).await?;
            let has = bot.has_starred(guild, body.message, body.user).await?;
            Ok(stars::changed(situation, &body, known, has))
        }
        Work::StarPosted(guild, body) => Ok(stars::posted(situation, &body, bot.starred(guild, body.message).await?)),
        Work::StarsCleared(guild, body) => {
            Ok(stars::cleared(situation, &body, bot.starred(guild, body.message).await?))
        }
        Work::SetReminder(user, body) => reminders::set(situation, user, body, &bot.reminders(user).await?),
        Work::CancelReminder(user, body) => reminders::cancel(user, &body, &bot.reminders(user).await?),
        Work::SnoozeReminder(user, body) => reminders::snooze(situation, user, &body, &bot.reminders(user).await?),
        Work::TimerDue(user, body) if body.timer_id == listens::timer_key(user) => {
            Ok(listens::due(situation, user, &body, bot.listen_progress(user).await?))
        }
        Work::ListensFetched(user, body) if body.listens.len() <= listens::LISTENS_IN_REQUEST => {
            let (known, recent) = (bot.listen_progress(user).await?, bot.recent_listens(user).await?);
            Ok(listens::fetched(situation, body, known, &recent))
        }
        Work::ListensFetched(..) => Err(invalid("There are too many listens in one request.")),
        Work::SeeInGuild(guild, body) => {
            let known = bot.is_guild_listener(guild, body.user).await?;
            Ok(crowns::seen(&body, known))
        }
        Work::ListenerLeaves(guild, body) => {
            let known = bot.is_guild_listener(guild, body.user).await?;
            Ok(crowns::left(&body, known))
        }
        Work::ClaimCrown(guild, body) => {
            let crown = bot.crown(guild, &body.artist).await?;
            Ok(crowns::claimed(situation, &body, crown.as_ref()))
        }
        Work::TimerDue(user, body) => Ok(reminders::due(situation, user, &body, &bot.reminders(user).await?)),
        Work::AskSample(_, body) => samples::ask(situation, &body),
        Work::ForgetMember(_, body) => Ok(personal::forget(&body)),
        Work::DeletePersonalData(user) => Ok(personal::delete(user, &bot.reminders(user).await?)),
    })
}

impl Plan {
    /// Changes of a module by this plan, as far as a stale writer is told of them.
    fn audit(&self, aggregate: &str, change: &settings::ChangeSettings) -> Vec<miso_bot_store::AuditEntry> {
        let of = self.facts.iter().filter(|fact| fact.aggregate == aggregate);
        let entries = of.filter_map(|fact| {
            let body: miso_bot_store::facts::SettingsChanged = serde_json::from_slice(&fact.body).ok()?;
            (body.module == change.module).then(|| miso_bot_store::AuditEntry {
                version: fact.version,
                module: body.module,
                module_version: body.module_version,
                at_ms: fact.at_ms,
                by: fact.actor.clone(),
                via: body.via,
                before: body.before,
                after: body.after,
                reverts: body.reverts,
            })
        });
        entries.collect()
    }
}
