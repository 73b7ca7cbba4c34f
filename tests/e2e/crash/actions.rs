//! Judges actions: what each channel's program asked for against what took effect at the simulator. Pure.

use std::collections::{BTreeMap, HashMap};

use super::journal::RestSeen;
use super::program::Effect;

/// What the program was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// Success.
    Done,
    /// Miso does not know whether it took effect, and says so.
    Unknown,
    /// Anything else: status and body, or why there was no answer at all.
    Failed(String),
}

/// A request of a program and how it ended.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) effect: Effect,
    pub(crate) told: Told,
    pub(crate) attempts: usize,
    pub(crate) began_us: u64,
    pub(crate) ended_us: u64,
}

/// What took effect in one channel, in order, with the journal's index.
pub(crate) type Effects = BTreeMap<String, Vec<(u64, Effect)>>;

/// What came of all actions.
#[derive(Debug, Default)]
pub(crate) struct ActionVerdict {
    pub(crate) asked: usize,
    pub(crate) unknown: usize,
    /// Requests that came to the simulator again and changed nothing.
    pub(crate) without_effect: usize,
    pub(crate) retried_by_client: usize,
    pub(crate) violations: Vec<String>,
}

/// Reads what took effect, per channel; also how many requests changed nothing. An edit takes effect when it
/// changes the message: Discord has no way to send one at most once, and says nothing of a repeat.
pub(crate) fn effects(rest: &[RestSeen], webhooks: &HashMap<String, String>) -> (Effects, usize) {
    let (mut effects, mut without) = (Effects::new(), 0);
    let mut contents: HashMap<String, String> = HashMap::new();
    for seen in rest {
        let Some((channel, effect)) = effect(seen, webhooks) else { continue };
        let changed = match &effect {
            Effect::Edited { message, content } => {
                seen.applied && contents.insert(message.clone(), content.clone()).as_ref() != Some(content)
            }
            _ => seen.applied,
        };
        if changed {
            effects.entry(channel).or_default().push((seen.index, effect));
        } else {
            without += 1;
        }
    }
    (effects, without)
}

fn effect(seen: &RestSeen, webhooks: &HashMap<String, String>) -> Option<(String, Effect)> {
    let body = |name: &str| seen.body[name].as_str().unwrap_or_default().to_owned();
    let segments: Vec<&str> = seen.path.split('/').skip(1).collect();
    let (channel, effect) = match (seen.method.as_str(), segments.as_slice()) {
        ("POST", ["channels", channel, "messages"]) => (channel, Effect::Created { content: body("content") }),
        ("PUT", ["channels", channel, "messages", message, "reactions", emoji, "@me"]) => {
            (channel, Effect::Reacted { message: (*message).to_owned(), emoji: decoded(emoji) })
        }
        ("PATCH", ["channels", channel, "messages", message]) => {
            (channel, Effect::Edited { message: (*message).to_owned(), content: body("content") })
        }
        ("DELETE", ["channels", channel, "messages", message]) => {
            (channel, Effect::Deleted { message: (*message).to_owned() })
        }
        ("POST", ["channels", channel, "threads"]) => (channel, Effect::ThreadMade { name: body("name") }),
        ("POST", ["webhooks", webhook, _]) => {
            return Some((webhooks.get(*webhook)?.clone(), Effect::Executed { content: body("content") }));
        }
        _ => return None,
    };
    Some(((*channel).to_owned(), effect))
}

/// `%F0%9F…` as text.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Judges the programs of all channels.
pub(crate) fn judge(
    programs: &BTreeMap<String, Vec<Asked>>,
    effects: &Effects,
    without_effect: usize,
) -> ActionVerdict {
    let mut verdict = ActionVerdict { without_effect, ..ActionVerdict::default() };
    for (channel, asked) in programs {
        verdict.asked += asked.len();
        verdict.unknown += asked.iter().filter(|asked| asked.told == Told::Unknown).count();
        verdict.retried_by_client += asked.iter().filter(|asked| asked.attempts > 1).count();
        let took = effects.get(channel).map_or(&[][..], Vec::as_slice);
        let told = told_wrongly(channel, asked);
        let order = difference(asked, took).map(|difference| format!("channel {channel}: {difference}"));
        verdict.violations.extend(told.into_iter().chain(order));
    }
    verdict
}

fn told_wrongly(channel: &str, asked: &[Asked]) -> Vec<String> {
    let wrong = asked.iter().filter_map(|asked| match &asked.told {
        Told::Done => None,
        Told::Unknown if asked.effect.may_be_unknown() => None,
        told => Some(format!(
            "channel {channel}: {:?} ended as {told:?} after {} attempts, {} to {} µs",
            asked.effect, asked.attempts, asked.began_us, asked.ended_us
        )),
    });
    wrong.collect()
}

/// The first place where what took effect is not what was asked for, in order, once.
fn difference(asked: &[Asked], took: &[(u64, Effect)]) -> Option<String> {
    let mut took_at = 0;
    for (number, asked) in asked.iter().enumerate() {
        match took.get(took_at) {
            Some((_, effect)) if *effect == asked.effect => took_at += 1,
            _ if asked.told == Told::Unknown => {}
            found => {
                let again = took[..took_at].iter().filter(|(_, effect)| *effect == asked.effect).count();
                let later = took[took_at..].iter().find(|(_, effect)| *effect == asked.effect);
                let repeat = found.filter(|(_, effect)| took[..took_at].iter().any(|(_, before)| before == effect));
                return Some(format!(
                    "request {number}, {:?} ({:?}, {} attempts, {} to {} µs), should have taken effect next; the simulator has {found:?} there{}; \
                     it took effect {again} times before and next at {later:?}",
                    asked.effect,
                    asked.told,
                    asked.attempts,
                    asked.began_us,
                    asked.ended_us,
                    if repeat.is_some() { ", A REPEAT," } else { "" },
                ));
            }
        }
    }
    let rest = took.get(took_at..).unwrap_or_default();
    (!rest.is_empty())
        .then(|| format!("effects that nobody asked for (or a second time): {:?}", &rest[..rest.len().min(4)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(index: u64, method: &str, path: &str, body: serde_json::Value, applied: bool) -> RestSeen {
        RestSeen {
            index,
            at_us: index,
            method: method.into(),
            path: path.into(),
            body,
            applied,
            delay_ms: 0,
            cut: false,
        }
    }

    fn asked(effect: Effect, told: Told) -> Asked {
        Asked { effect, told, attempts: 1, began_us: 0, ended_us: 0 }
    }

    fn created(content: &str) -> Effect {
        Effect::Created { content: content.into() }
    }

    #[test]
    fn effects_are_read_per_channel_and_repeats_without_effect_are_counted() {
        let rest = [
            seen(1, "POST", "/channels/1/messages", json!({"content": "a"}), true),
            seen(2, "POST", "/channels/1/messages", json!({"content": "a"}), false),
            seen(3, "PATCH", "/channels/1/messages/5", json!({"content": "b"}), true),
            seen(4, "PATCH", "/channels/1/messages/5", json!({"content": "b"}), true),
            seen(5, "PUT", "/channels/1/messages/5/reactions/%F0%9F%8D%9C/@me", json!(null), true),
            seen(6, "POST", "/webhooks/7/tok", json!({"content": "w"}), true),
            seen(7, "GET", "/channels/1/messages/5", json!(null), false),
        ];
        let (effects, without) = effects(&rest, &HashMap::from([("7".into(), "2".into())]));
        assert_eq!(without, 2);
        let kinds: Vec<&Effect> = effects["1"].iter().map(|(_, effect)| effect).collect();
        let edited = Effect::Edited { message: "5".into(), content: "b".into() };
        let reacted = Effect::Reacted { message: "5".into(), emoji: "🍜".into() };
        assert_eq!(kinds, [&created("a"), &edited, &reacted]);
        assert_eq!(effects["2"], [(6, Effect::Executed { content: "w".into() })]);
    }

    #[test]
    fn a_loss_a_repeat_and_a_wrong_order_are_each_seen_and_unknown_means_either() {
        let programs = |told: Told| {
            let thread = Effect::ThreadMade { name: "t".into() };
            BTreeMap::from([(
                "1".to_owned(),
                vec![asked(created("a"), Told::Done), asked(thread, told), asked(created("b"), Told::Done)],
            )])
        };
        let verdict = |told: Told, took: &[Effect]| {
            let took = took.iter().cloned().zip(0..).map(|(effect, index)| (index, effect)).collect();
            judge(&programs(told), &Effects::from([("1".to_owned(), took)]), 0).violations.len()
        };
        let thread = Effect::ThreadMade { name: "t".into() };
        assert_eq!(verdict(Told::Done, &[created("a"), thread.clone(), created("b")]), 0);
        assert_eq!(verdict(Told::Unknown, &[created("a"), created("b")]), 0);
        assert_eq!(verdict(Told::Unknown, &[created("a"), thread.clone(), created("b")]), 0);
        assert_eq!(verdict(Told::Done, &[created("a"), created("b")]), 1, "a loss");
        assert_eq!(verdict(Told::Done, &[created("a"), thread.clone(), created("b"), created("b")]), 1, "a repeat");
        assert_eq!(verdict(Told::Done, &[created("a"), created("b"), thread.clone()]), 1, "out of order");
        assert_eq!(
            verdict(Told::Unknown, &[created("a"), thread.clone(), thread, created("b")]),
            1,
            "unknown, and twice"
        );
        assert_eq!(verdict(Told::Failed("500".into()), &[created("a"), created("b")]), 2, "lost, and told so");
    }
}
