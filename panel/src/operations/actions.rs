use std::collections::{BTreeMap, HashMap};

use miso_log::{Record, catalogue};
use miso_model::{Action, Intent, LogRecord, Outcome, OutcomeKind};

use super::Operations;
use crate::failure::Failure;

/// Records of a topic that are looked at, at most.
pub const ACTIONS_LOOKED_AT: usize = 20_000;

/// What became of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// Not sent yet.
    Waiting,
    /// Sent, and not answered yet.
    Sent,
    /// Discord did it.
    Done,
    /// Discord refused it.
    Refused,
    /// Its time was over.
    Expired,
    /// Nobody knows whether Discord did it.
    Unknown,
}

impl Fate {
    pub(crate) const ALL: [Self; 6] =
        [Self::Waiting, Self::Sent, Self::Done, Self::Refused, Self::Expired, Self::Unknown];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

/// An action with what became of it.
#[derive(Debug, Clone)]
pub(crate) struct ActionSeen {
    pub(crate) method: String,
    pub(crate) template: String,
    pub(crate) group: String,
    pub(crate) accepted_ms: i64,
    pub(crate) fate: Fate,
    /// Discord's status and the reason, where there is one.
    pub(crate) says: Option<String>,
    /// Topic, partition and offset.
    pub(crate) place: (&'static str, i32, i64),
}

/// Actions of a time.
#[derive(Debug, Default)]
pub(crate) struct ActionsSeen {
    pub(crate) actions: Vec<ActionSeen>,
    /// Whether all of the time were looked at.
    pub(crate) complete: bool,
}

impl ActionsSeen {
    /// How many came to each fate.
    pub(crate) fn counts(&self) -> BTreeMap<Fate, usize> {
        let mut counts: BTreeMap<Fate, usize> = Fate::ALL.iter().map(|fate| (*fate, 0)).collect();
        for action in &self.actions {
            *counts.entry(action.fate).or_default() += 1;
        }
        counts
    }

    /// By method and template: how many of each fate, and since when the oldest waits; most first.
    pub(crate) fn routes(&self) -> Vec<(String, BTreeMap<Fate, usize>, Option<i64>)> {
        let mut routes: BTreeMap<String, (BTreeMap<Fate, usize>, Option<i64>)> = BTreeMap::new();
        for action in &self.actions {
            let (counts, oldest) = routes.entry(format!("{} {}", action.method, action.template)).or_default();
            *counts.entry(action.fate).or_default() += 1;
            if matches!(action.fate, Fate::Waiting | Fate::Sent) {
                *oldest = Some(oldest.map_or(action.accepted_ms, |at| at.min(action.accepted_ms)));
            }
        }
        let mut routes: Vec<_> = routes.into_iter().map(|(route, (counts, oldest))| (route, counts, oldest)).collect();
        routes.sort_by_key(|(_, counts, _)| std::cmp::Reverse(counts.values().sum::<usize>()));
        routes
    }
}

impl Operations {
    /// Actions accepted since a time, the newest first.
    pub(crate) async fn actions(&self, from_ms: i64) -> Result<ActionsSeen, Failure> {
        let mut complete = true;
        let mut records = Vec::new();
        for topic in [catalogue::REST_ACTIONS, catalogue::REST_INTERACTIONS] {
            let (some, all) = self.since(topic, from_ms, ACTIONS_LOOKED_AT).await?;
            records.extend(some.into_iter().map(|record| (topic.name, record)));
            complete &= all;
        }
        let (ledger, all) = self.since(catalogue::REST_LEDGER, from_ms, ACTIONS_LOOKED_AT).await?;
        complete &= all;
        Ok(ActionsSeen { actions: seen(&records, &ledger), complete })
    }
}

fn seen(actions: &[(&'static str, Record)], ledger: &[Record]) -> Vec<ActionSeen> {
    let mut fates: HashMap<Vec<u8>, (Fate, Option<String>)> = HashMap::new();
    for value in ledger.iter().filter_map(|record| record.value.as_deref()) {
        if Outcome::codec().wrote(value) {
            if let Ok(outcome) = Outcome::from_bytes(value) {
                let reason = outcome.reason.map(|reason| format!(", {reason}")).unwrap_or_default();
                let says = format!("{}{reason}", outcome.status);
                fates.insert(outcome.action_id.to_vec(), (fate(&outcome.kind), Some(says)));
            }
        } else if Intent::codec().wrote(value)
            && let Ok(intent) = Intent::from_bytes(value)
        {
            let says = (intent.attempt > 1).then(|| format!("attempt {}", intent.attempt));
            fates.entry(intent.action_id.to_vec()).or_insert((Fate::Sent, says));
        }
    }
    let read = actions.iter().filter_map(|(topic, record)| {
        let value = record.value.as_deref().filter(|value| Action::codec().wrote(value))?;
        let action = Action::from_bytes(value).ok()?;
        let (fate, says) = fates.remove(&action.action_id.to_vec()).unwrap_or((Fate::Waiting, None));
        Some(ActionSeen {
            method: action.method,
            template: action.template,
            group: action.group,
            accepted_ms: action.accepted_ms,
            fate,
            says,
            place: (topic, record.partition, record.offset),
        })
    });
    let mut all: Vec<ActionSeen> = read.collect();
    all.sort_by_key(|action| std::cmp::Reverse(action.accepted_ms));
    all
}

fn fate(kind: &OutcomeKind) -> Fate {
    match kind {
        OutcomeKind::Done => Fate::Done,
        OutcomeKind::Refused => Fate::Refused,
        OutcomeKind::Expired => Fate::Expired,
        OutcomeKind::UnknownEffect | OutcomeKind::Unknown(_) => Fate::Unknown,
    }
}
