//! What clients send, read as loosely as Discord reads it. Pure.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A payload of a client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ClientPayload {
    /// Op 1: everything up to this sequence was received.
    Heartbeat(Option<i64>),
    /// Op 2.
    Identify(Identify),
    /// Op 6.
    Resume(Resume),
    /// Ops 3, 4, 8, 31, 43: opcode and the JSON of `d`.
    Command(i64, Box<str>),
}

/// Op 2.
#[derive(Clone, PartialEq)]
pub(crate) struct Identify {
    /// Credential of a handler group.
    pub(crate) token: String,
    /// `None`: not a number that can be intents.
    pub(crate) intents: Option<u64>,
    /// As given; checked by the edge.
    pub(crate) shard: Option<(i64, i64)>,
    /// `shard` was there and no two numbers.
    pub(crate) shard_is_malformed: bool,
    /// Payload compression was asked for.
    pub(crate) compress: bool,
    /// Members up to which a guild's snapshot lists all.
    pub(crate) large_threshold: usize,
}

impl std::fmt::Debug for Identify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identify(intents {:?}, shard {:?})", self.intents, self.shard)
    }
}

/// Op 6.
#[derive(Clone, PartialEq)]
pub(crate) struct Resume {
    /// Credential of a handler group.
    pub(crate) token: String,
    /// From READY.
    pub(crate) session_id: String,
    /// Last sequence received.
    pub(crate) sequence: i64,
}

impl std::fmt::Debug for Resume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resume({} at {})", self.session_id, self.sequence)
    }
}

/// A payload that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    /// No opcode that clients may send: close 4001.
    #[error("unknown opcode {0}")]
    UnknownOpcode(i64),
    /// Not the JSON that its opcode wants: close 4002.
    #[error("the payload cannot be decoded")]
    Malformed,
}

/// Discord's default and bounds of `large_threshold`, members.
const LARGE_THRESHOLD: usize = 50;
const LARGE_THRESHOLDS: std::ops::RangeInclusive<usize> = 50..=250;

#[derive(Deserialize)]
struct Envelope<'a> {
    op: i64,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
    #[serde(default)]
    compress: Option<Value>,
}

/// Reads one payload.
///
/// # Errors
/// See [`PayloadError`].
pub(crate) fn parse(text: &[u8]) -> Result<ClientPayload, PayloadError> {
    let envelope: Envelope<'_> = serde_json::from_slice(text).map_err(|_| PayloadError::Malformed)?;
    match envelope.op {
        1 => Ok(ClientPayload::Heartbeat(envelope.d.and_then(|d| integer(&value(d)?)))),
        2 => identify(&envelope).ok_or(PayloadError::Malformed).map(ClientPayload::Identify),
        6 => resume(&envelope).ok_or(PayloadError::Malformed).map(ClientPayload::Resume),
        op @ (3 | 4 | 8 | 31 | 43) => {
            let d = envelope.d.filter(|d| d.get().starts_with('{')).ok_or(PayloadError::Malformed)?;
            Ok(ClientPayload::Command(op, d.get().into()))
        }
        op => Err(PayloadError::UnknownOpcode(op)),
    }
}

fn value(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(raw.get()).ok()
}

/// Libraries send integers as 1, 1.0 or "1".
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15)?;
            format!("{float:.0}").parse().ok()
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn identify(envelope: &Envelope<'_>) -> Option<Identify> {
    let d = value(envelope.d?)?;
    let token = d.get("token")?.as_str()?.to_owned();
    let shard = d.get("shard").filter(|shard| !shard.is_null());
    let pair = shard.and_then(Value::as_array).filter(|pair| pair.len() == 2);
    let pair = pair.and_then(|pair| Some((integer(&pair[0])?, integer(&pair[1])?)));
    let wants = |value: Option<&Value>| match value {
        Some(Value::Bool(wants)) => *wants,
        Some(Value::String(text)) => !matches!(text.as_str(), "" | "false" | "0"),
        _ => false,
    };
    let threshold = d.get("large_threshold").and_then(integer).and_then(|members| usize::try_from(members).ok());
    Some(Identify {
        token,
        intents: d.get("intents").and_then(integer).and_then(|intents| u64::try_from(intents).ok()),
        shard: pair,
        shard_is_malformed: shard.is_some() && pair.is_none(),
        compress: wants(d.get("compress")) || wants(envelope.compress.as_ref()),
        large_threshold: threshold
            .map_or(LARGE_THRESHOLD, |members| members.clamp(*LARGE_THRESHOLDS.start(), *LARGE_THRESHOLDS.end())),
    })
}

fn resume(envelope: &Envelope<'_>) -> Option<Resume> {
    let d = value(envelope.d?)?;
    Some(Resume {
        token: d.get("token")?.as_str()?.to_owned(),
        session_id: d.get("session_id")?.as_str()?.to_owned(),
        sequence: d.get("seq").map_or(Some(0), |seq| if seq.is_null() { Some(0) } else { integer(seq) })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ClientPayload, PayloadError> {
        parse(text.as_bytes())
    }

    #[test]
    fn what_real_libraries_send_is_understood() {
        let texts = [
            // hikari, JDA, discordgo, discord.js: presence oddities, compress as a string or outside d.
            r#"{"op":2,"d":{"token":"t","intents":513,"compress":"true","properties":{"$os":"linux"},"presence":{"since":{},"game":{}}}}"#,
            r#"{"op":2,"compress":true,"d":{"token":"t","intents":513.0,"shard":[0,1],"large_threshold":250}}"#,
        ];
        for text in texts {
            let Ok(ClientPayload::Identify(identify)) = parsed(text) else { panic!("{text} is an IDENTIFY") };
            assert_eq!(identify.intents, Some(513));
            assert!(identify.compress);
        }
        assert_eq!(parsed(r#"{"op":1,"d":null}"#), Ok(ClientPayload::Heartbeat(None)));
        assert_eq!(parsed(r#"{"op":1}"#), Ok(ClientPayload::Heartbeat(None)));
        assert_eq!(parsed(r#"{"d":251,"op":1,"t":null,"s":null}"#), Ok(ClientPayload::Heartbeat(Some(251))));
        let command = parsed(r#"{"op":8,"d":{"guild_id":41771983423143937,"query":"","limit":0,"nonce":7}}"#);
        assert!(matches!(command, Ok(ClientPayload::Command(8, _))));
    }

    #[test]
    fn what_is_wrong_has_its_error() {
        for text in [
            "",
            "nonsense",
            "{}",
            r#"{"op":"x"}"#,
            r#"{"op":2,"d":{}}"#,
            r#"{"op":2}"#,
            r#"{"op":6,"d":1}"#,
            r#"{"op":4,"d":null}"#,
        ] {
            assert_eq!(parsed(text), Err(PayloadError::Malformed), "{text}");
        }
        assert_eq!(parsed(r#"{"op":99,"d":null}"#), Err(PayloadError::UnknownOpcode(99)));
        assert_eq!(parse(&[0xff, 0xfe]), Err(PayloadError::Malformed));
        let Ok(ClientPayload::Identify(identify)) = parsed(r#"{"op":2,"d":{"token":"t","shard":[1]}}"#) else {
            panic!("IDENTIFY")
        };
        assert!(identify.shard_is_malformed && identify.intents.is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
