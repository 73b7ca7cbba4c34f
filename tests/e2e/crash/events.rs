//! Judges events: what Discord sent against what each group's clients read. Pure.

use std::collections::{BTreeMap, HashMap};

use super::journal::{ClientNotes, EventKey, Sent};

/// Violations told in full; of more only the number.
const TOLD: usize = 12;

/// What came of the events in one group.
#[derive(Debug, Default)]
pub(crate) struct EventVerdict {
    /// Deliveries of judged events, over all sessions.
    pub(crate) delivered: usize,
    /// Events that reached more than one session: the group may see those again.
    pub(crate) redelivered: usize,
    /// Places in `sent` that reached nobody.
    pub(crate) missing: Vec<usize>,
    pub(crate) violations: Vec<String>,
}

/// Judges one group.
pub(crate) fn judge(sent: &[Sent], clients: &[&ClientNotes]) -> EventVerdict {
    let mut verdict = EventVerdict::default();
    let mut places: HashMap<EventKey, usize> = HashMap::with_capacity(sent.len());
    for (place, event) in sent.iter().enumerate() {
        if places.insert(event.key, place).is_some() {
            verdict.violations.push(format!("the journal cannot tell two events apart: {}", event.key.name()));
        }
    }
    let mut reached = vec![0_u32; sent.len()];
    for client in clients {
        verdict.violations.extend(client.problems.iter().map(|problem| format!("{}: {problem}", client.name)));
        for session in &client.sessions {
            let who = format!("{} session {}", client.name, session.id);
            let mut latest: BTreeMap<u64, usize> = BTreeMap::new();
            for (index, dispatch) in session.dispatches.iter().enumerate() {
                let expected = i64::try_from(index).expect("small") + 1;
                if dispatch.sequence != expected {
                    let before = index.checked_sub(1).map(|i| session.dispatches[i].sequence);
                    verdict.violations.push(format!(
                        "{who}: sequence {} where {expected} is next (after {before:?}, {})",
                        dispatch.sequence, dispatch.kind
                    ));
                    break;
                }
            }
            for dispatch in &session.dispatches {
                let Some(key) = dispatch.key else { continue };
                verdict.delivered += 1;
                let Some(place) = places.get(&key).copied() else {
                    verdict.violations.push(format!(
                        "{who}: sequence {} is {} with a payload that Discord never sent",
                        dispatch.sequence,
                        key.name()
                    ));
                    continue;
                };
                reached[place] += 1;
                if dispatch.guild != sent[place].guild {
                    verdict.violations.push(format!("{who}: {} came as of guild {}", key.name(), dispatch.guild));
                }
                match latest.insert(dispatch.guild, place) {
                    Some(before) if before == place => {
                        verdict.violations.push(format!(
                            "{who}: {} twice (sequence {})",
                            key.name(),
                            dispatch.sequence
                        ));
                    }
                    Some(before) if before > place => verdict.violations.push(format!(
                        "{who}: guild {}: {} (Discord's sequence {}) after {} ({}), at sequence {}",
                        dispatch.guild,
                        key.name(),
                        sent[place].sequence,
                        sent[before].key.name(),
                        sent[before].sequence,
                        dispatch.sequence
                    )),
                    _ => {}
                }
            }
        }
    }
    verdict.missing = reached.iter().enumerate().filter_map(|(place, n)| (*n == 0).then_some(place)).collect();
    verdict.redelivered = reached.iter().filter(|n| **n > 1).count();
    verdict
}

/// What is missing and wrong, for people.
pub(crate) fn describe(group: &str, sent: &[Sent], verdict: &EventVerdict) -> Vec<String> {
    let mut lines = Vec::new();
    if !verdict.missing.is_empty() {
        let told: Vec<String> = verdict
            .missing
            .iter()
            .take(TOLD)
            .map(|place| {
                let event = &sent[*place];
                format!(
                    "{} of guild {}, Discord's sequence {}, sent at {} µs",
                    event.key.name(),
                    event.guild,
                    event.sequence,
                    event.at_us
                )
            })
            .collect();
        lines.push(format!(
            "{group}: {} of {} events never came; runs of Discord's sequence: {}; first: {}",
            verdict.missing.len(),
            sent.len(),
            runs(verdict.missing.iter().map(|place| sent[*place].sequence)),
            told.join("; ")
        ));
    }
    lines.extend(verdict.violations.iter().take(TOLD).map(|violation| format!("{group}: {violation}")));
    if verdict.violations.len() > TOLD {
        lines.push(format!("{group}: and {} more", verdict.violations.len() - TOLD));
    }
    lines
}

fn runs(numbers: impl Iterator<Item = u64>) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let told: Vec<String> = runs.iter().take(TOLD).map(|(from, to)| format!("{from}–{to}")).collect();
    format!("{} in {} runs", told.join(", "), runs.len())
}

/// How many events sent by `at_us` the group's clients had not acknowledged by then.
pub(crate) fn unacknowledged(sent: &[Sent], clients: &[&ClientNotes], at_us: u64) -> usize {
    let places: HashMap<EventKey, usize> = sent.iter().enumerate().map(|(place, event)| (event.key, place)).collect();
    let mut acknowledged = vec![false; sent.len()];
    for session in clients.iter().flat_map(|client| &client.sessions) {
        let upto = session.acks.iter().filter(|(at, _)| *at <= at_us).map(|(_, sequence)| *sequence).max().unwrap_or(0);
        let known = session.dispatches.iter().take_while(|dispatch| dispatch.sequence <= upto);
        for place in known.filter_map(|dispatch| places.get(&dispatch.key?)) {
            acknowledged[*place] = true;
        }
    }
    sent.iter().zip(&acknowledged).filter(|(event, acknowledged)| event.at_us <= at_us && !**acknowledged).count()
}

#[cfg(test)]
mod tests {
    use super::super::journal::{Dispatch, SessionNotes};
    use super::*;

    fn key(id: u64) -> EventKey {
        EventKey { kind: 0, id, digest: 0 }
    }

    fn sent(events: &[(u64, u64)]) -> Vec<Sent> {
        let sent = events.iter().zip(1..).map(|((guild, id), sequence)| Sent {
            key: key(*id),
            guild: *guild,
            at_us: sequence * 10,
            session: "s".into(),
            sequence,
        });
        sent.collect()
    }

    fn client(sessions: &[&[(i64, u64, u64)]]) -> ClientNotes {
        let sessions = sessions.iter().map(|dispatches| SessionNotes {
            id: "x".into(),
            dispatches: dispatches
                .iter()
                .map(|(sequence, guild, id)| Dispatch {
                    sequence: *sequence,
                    at_us: 0,
                    guild: *guild,
                    key: Some(key(*id)),
                    kind: "MESSAGE_CREATE",
                })
                .collect(),
            acks: vec![(25, 1)],
        });
        ClientNotes { name: "c".into(), sessions: sessions.collect(), ..ClientNotes::default() }
    }

    #[test]
    fn all_events_in_order_of_their_guilds_over_two_sessions_are_right() {
        let sent = sent(&[(1, 10), (2, 20), (1, 11), (2, 21)]);
        let (one, two) = (client(&[&[(1, 2, 20), (2, 1, 10)]]), client(&[&[(1, 1, 10), (2, 1, 11), (3, 2, 21)]]));
        let verdict = judge(&sent, &[&one, &two]);
        assert!(verdict.missing.is_empty() && verdict.violations.is_empty(), "{verdict:?}");
        assert_eq!((verdict.delivered, verdict.redelivered), (5, 1));
        assert_eq!(unacknowledged(&sent, &[&one, &two], 40), 2, "the first of each session is acknowledged");
        assert_eq!(unacknowledged(&sent, &[&one, &two], 20), 2, "nothing was acknowledged then");
    }

    #[test]
    fn a_loss_a_repeat_a_wrong_order_a_gap_and_an_invention_are_each_seen() {
        let sent = sent(&[(1, 10), (1, 11), (1, 12)]);
        let wrong = |dispatches: &[(i64, u64, u64)]| {
            let client = client(&[dispatches]);
            let verdict = judge(&sent, &[&client]);
            (verdict.missing.len(), verdict.violations.len())
        };
        assert_eq!(wrong(&[(1, 1, 10), (2, 1, 12)]), (1, 0), "a loss");
        assert_eq!(wrong(&[(1, 1, 10), (2, 1, 10), (3, 1, 11), (4, 1, 12)]), (0, 1), "twice in a session");
        assert_eq!(wrong(&[(1, 1, 11), (2, 1, 10), (3, 1, 12)]), (0, 1), "out of order");
        assert_eq!(wrong(&[(1, 1, 10), (3, 1, 11), (4, 1, 12)]), (0, 1), "a gap");
        assert_eq!(wrong(&[(1, 1, 10), (2, 1, 11), (3, 1, 12), (4, 1, 99)]), (0, 1), "never sent");
        assert_eq!(wrong(&[(1, 2, 10), (2, 1, 11), (3, 1, 12)]), (0, 1), "of another guild");
    }
}
