//! Payloads for clients, written by concatenation: `d` is never parsed. Pure.

use bytes::{Bytes, BytesMut};

/// Dispatches in one piece of memory: a batch is one allocation, one channel send, one flush.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// The payloads' JSON, one after the other.
    pub(crate) json: Bytes,
    /// Where each ends in `json`, bytes.
    pub(crate) ends: Vec<u32>,
}

impl Frames {
    /// The payloads, one after the other. Copies nothing.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let payload = self.json.slice(start..end as usize);
            start = end as usize;
            payload
        })
    }
}

/// A batch that is being written.
#[derive(Debug, Default)]
pub(crate) struct FrameBuffer {
    json: BytesMut,
    ends: Vec<u32>,
}

/// A batch is cut before it grows beyond this, bytes; one larger payload stands alone.
pub(crate) const BATCH_BYTES: usize = 8 * 1_024 * 1_024;

impl FrameBuffer {
    /// Adds a dispatch; answers its length, bytes.
    pub(crate) fn dispatch(&mut self, event_type: &str, sequence: i64, d: &[u8]) -> u32 {
        let before = self.json.len();
        self.json.reserve(64 + event_type.len() + d.len());
        self.json.extend_from_slice(b"{\"t\":");
        if event_type.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.json.extend_from_slice(b"\"");
            self.json.extend_from_slice(event_type.as_bytes());
            self.json.extend_from_slice(b"\"");
        } else {
            let quoted = serde_json::Value::from(event_type).to_string();
            self.json.extend_from_slice(quoted.as_bytes());
        }
        self.json.extend_from_slice(b",\"s\":");
        digits(sequence, &mut self.json);
        self.json.extend_from_slice(b",\"op\":0,\"d\":");
        self.json.extend_from_slice(d);
        self.json.extend_from_slice(b"}");
        // A record is at most 17 MiB and a batch is cut at 8 MiB: ends fit 32 bits.
        self.ends.push(u32::try_from(self.json.len()).unwrap_or(u32::MAX));
        u32::try_from(self.json.len() - before).unwrap_or(u32::MAX)
    }

    pub(crate) fn len(&self) -> usize {
        self.json.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What was written so far; the buffer is empty then.
    pub(crate) fn take(&mut self) -> Frames {
        Frames { json: self.json.split().freeze(), ends: std::mem::take(&mut self.ends) }
    }

    pub(crate) fn clear(&mut self) {
        self.json.clear();
        self.ends.clear();
    }
}

fn digits(value: i64, out: &mut BytesMut) {
    let mut text = [0_u8; 20];
    let mut at = text.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        text[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.extend_from_slice(b"-");
    }
    out.extend_from_slice(&text[at..]);
}

/// HELLO: what a connection begins with.
pub(crate) fn hello(heartbeat_interval_ms: u64) -> Bytes {
    format!(r#"{{"t":null,"s":null,"op":10,"d":{{"heartbeat_interval":{heartbeat_interval_ms},"_trace":["miso"]}}}}"#)
        .into()
}

/// Op 1 from us: the client answers with a heartbeat.
pub(crate) const ASK: &str = r#"{"t":null,"s":null,"op":1,"d":null}"#;
/// Op 11: the answer to every heartbeat.
pub(crate) const HEARTBEAT_ACK: &str = r#"{"t":null,"s":null,"op":11,"d":null}"#;
/// Op 7: reconnect and resume.
pub(crate) const RECONNECT: &str = r#"{"t":null,"s":null,"op":7,"d":null}"#;
/// Op 9: the session cannot be resumed; the client may IDENTIFY on the same connection.
pub(crate) const INVALID_SESSION: &str = r#"{"t":null,"s":null,"op":9,"d":false}"#;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    proptest! {
        #[test]
        fn a_batch_is_its_payloads_in_order(
            all in proptest::collection::vec(("[A-Z_]{1,20}|.*", any::<i64>(), "[a-z]*"), 0..20),
        ) {
            let mut buffer = FrameBuffer::default();
            for (event_type, sequence, text) in &all {
                buffer.dispatch(event_type, *sequence, json!({"text": text}).to_string().as_bytes());
            }
            let frames = buffer.take();
            prop_assert!(buffer.is_empty());
            let read: Vec<Value> = frames.iter().map(|f| serde_json::from_slice(&f).expect("JSON")).collect();
            let expected: Vec<Value> = all
                .iter()
                .map(|(t, s, text)| json!({"op": 0, "t": t, "s": s, "d": {"text": text}}))
                .collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn every_payload_of_ours_has_op_d_s_and_t() {
        for text in [ASK, HEARTBEAT_ACK, RECONNECT, INVALID_SESSION, std::str::from_utf8(&hello(41_250)).expect("text")]
        {
            let value: Value = serde_json::from_str(text).expect("JSON");
            let keys: Vec<_> = value.as_object().expect("object").keys().map(String::as_str).collect();
            assert_eq!(keys, ["d", "op", "s", "t"]);
        }
    }
}
