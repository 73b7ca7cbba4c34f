//! Blasts: MESSAGE_CREATEs from pre-built bytes, as many a second as the clients take.
//!
//! A message exists as `(number, time)` in the session's buffer until the moment it is written: then its template is copied
//! and id, timestamp and content are patched in place. Blasted messages are not kept by the world's message store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::snowflake::{Mix, blast_id, iso8601};

const ID_MARK: &str = "1111111111111111111";
const TIME_MARK: &str = "2222-22-22T22:22:22.222000+00:00";
/// Longest content of a message, as Discord's.
const MAX_CONTENT: usize = 2000;
/// Longest prefix, in bytes of JSON.
const MAX_PREFIX: usize = 1_000;
/// Least room for prefix, `blast:<n>` and the time.
const MIN_CONTENT: usize = 64;

/// What to blast.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct BlastSpec {
    /// Events per second; 0 = as fast as the slowest session takes them.
    pub(crate) rate: u64,
    /// Stop after so many events …
    pub(crate) count: Option<u64>,
    /// … or so many seconds; with neither: one second.
    pub(crate) seconds: Option<f64>,
    /// Bytes of `d` of one event, about; 600 is the least that fits.
    pub(crate) bytes: usize,
    /// Over how many guilds, in turn; default all.
    pub(crate) guilds: Option<usize>,
    /// Content before `blast:<n>`, for instance a command.
    pub(crate) prefix: String,
}

impl Default for BlastSpec {
    fn default() -> Self {
        Self { rate: 0, count: None, seconds: None, bytes: 1200, guilds: None, prefix: String::new() }
    }
}

/// One blast, running or done.
#[derive(Debug)]
pub(crate) struct Blast {
    pub(crate) number: usize,
    pub(crate) spec: BlastSpec,
    pub(crate) set: Arc<TemplateSet>,
    /// Number of the first message; numbers go on from blast to blast.
    pub(crate) first: u64,
    pub(crate) sent: AtomicU64,
    pub(crate) started_us: AtomicU64,
    pub(crate) finished_us: AtomicU64,
    pub(crate) stop: AtomicBool,
    marks: Mutex<Vec<(u64, u64)>>,
}

/// Marks (time, sent) kept per blast, ten a second: later ones are not noted.
const MAX_MARKS: usize = 36_000;

impl Blast {
    pub(crate) fn new(number: usize, spec: BlastSpec, set: Arc<TemplateSet>, first: u64) -> Self {
        Self {
            number,
            spec,
            set,
            first,
            sent: AtomicU64::new(0),
            started_us: AtomicU64::new(0),
            finished_us: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            marks: Mutex::new(Vec::new()),
        }
    }

    fn marks(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how far the blast is, at most ten times a second.
    pub(crate) fn mark(&self, now_us: u64) {
        let sent = self.sent.load(Ordering::Relaxed);
        let mut marks = self.marks();
        if marks.len() < MAX_MARKS && marks.last().is_none_or(|(at, _)| now_us - at >= 100_000) {
            marks.push((now_us, sent));
        }
    }

    pub(crate) fn status(&self) -> Value {
        let finished = self.finished_us.load(Ordering::Acquire);
        json!({
            "blast": self.number, "spec": self.spec, "first": self.first, "sent": self.sent.load(Ordering::Acquire),
            "started_us": self.started_us.load(Ordering::Relaxed), "finished_us": finished, "done": finished != 0,
            "marks": *self.marks(), "guilds": self.set.guild_names(), "channels": self.set.channel_names(),
        })
    }
}

/// One template per guild: message `n` of a blast uses template `n % len`.
#[derive(Debug)]
pub(crate) struct TemplateSet {
    templates: Vec<Template>,
    /// Words from which every message takes another stretch, so that compression meets text that is not always the same.
    filler: Vec<u8>,
}

/// Length of the filler: longer than the window of a fast zstd, so a stretch is seldom met again.
const FILLER: usize = 1 << 20;
/// Step between the stretches of two messages, odd and larger than a content.
const FILLER_STEP: u64 = 2_477;

#[derive(Debug)]
struct Template {
    guild: u64,
    channel: u64,
    author: u64,
    full: Patched,
    redacted: Patched,
    prefix: String,
    /// The prefix as it stands inside a JSON string.
    escaped: String,
}

#[derive(Debug)]
struct Patched {
    bytes: Vec<u8>,
    id: usize,
    time: usize,
    content: usize,
    content_len: usize,
}

/// Writes composed messages; remembers the last formatted timestamp.
#[derive(Debug, Default)]
pub(crate) struct Composer {
    at_ms: u64,
    text: String,
}

impl TemplateSet {
    /// Templates from whole messages (`d` of MESSAGE_CREATE without id, timestamp and content), grown to about `bytes` each.
    pub(crate) fn new(messages: Vec<Value>, bytes: usize, prefix: &str) -> Self {
        let templates = messages.into_iter().filter_map(|message| Template::new(message, bytes, prefix));
        Self { templates: templates.collect(), filler: filler() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.templates.is_empty()
    }

    fn template(&self, number: u64) -> &Template {
        // The set is never empty: a blast without guilds is refused.
        let length = self.templates.len() as u64;
        &self.templates[usize::try_from(number % length).unwrap_or(0)]
    }

    pub(crate) fn guild(&self, number: u64) -> u64 {
        self.template(number).guild
    }

    /// (channel, author) of message `number`.
    pub(crate) fn place(&self, number: u64) -> (u64, u64) {
        let template = self.template(number);
        (template.channel, template.author)
    }

    fn guild_names(&self) -> Vec<String> {
        self.templates.iter().map(|template| template.guild.to_string()).collect()
    }

    fn channel_names(&self) -> Vec<String> {
        self.templates.iter().map(|template| template.channel.to_string()).collect()
    }

    /// The content of message `number`, without the filler.
    pub(crate) fn content(&self, number: u64, at_us: u64) -> String {
        format!("{}blast:{number} {at_us} ", self.template(number).prefix)
    }

    /// Length of `d` of message `number`.
    pub(crate) fn length(&self, number: u64, redacted: bool) -> usize {
        self.template(number).pick(redacted).bytes.len()
    }

    /// Appends `d` of message `number`.
    pub(crate) fn compose(&self, number: u64, at_us: u64, redacted: bool, composer: &mut Composer, out: &mut Vec<u8>) {
        let template = self.template(number);
        let patched = template.pick(redacted);
        let at_ms = at_us / 1000;
        if composer.at_ms != at_ms {
            composer.at_ms = at_ms;
            composer.text = iso8601(at_ms);
        }
        let start = out.len();
        out.extend_from_slice(&patched.bytes);
        let body = &mut out[start..];
        digits(&mut body[patched.id..patched.id + ID_MARK.len()], blast_id(number, at_ms));
        body[patched.time..patched.time + TIME_MARK.len()].copy_from_slice(composer.text.as_bytes());
        if !redacted {
            let content = &mut body[patched.content..patched.content + patched.content_len];
            let mut at = put(content, 0, template.escaped.as_bytes());
            at = put(content, at, b"blast:");
            at = put_number(content, at, number);
            at = put(content, at, b" ");
            at = put_number(content, at, at_us);
            at = put(content, at, b" ");
            let start =
                usize::try_from(number.wrapping_mul(FILLER_STEP) % (FILLER - MAX_CONTENT * 2) as u64).unwrap_or(0);
            let rest = content.len() - at;
            put(content, at, &self.filler[start..start + rest]);
        }
    }
}

impl Template {
    fn new(mut message: Value, bytes: usize, prefix: &str) -> Option<Self> {
        let read = |value: &Value| value.as_str().and_then(|id| id.parse::<u64>().ok());
        let (guild, channel, author) =
            (read(&message["guild_id"])?, read(&message["channel_id"])?, read(&message["author"]["id"])?);
        let quoted = json!(prefix).to_string();
        let escaped = quoted.get(1..quoted.len() - 1)?.to_owned();
        if escaped.len() > MAX_PREFIX {
            return None;
        }
        message["id"] = json!(ID_MARK);
        message["timestamp"] = json!(TIME_MARK);
        message["content"] = json!("");
        let redacted = Patched::find(crate::events::redact(&message).to_string(), 0)?;
        let bare = message.to_string().len();
        let room = bytes.saturating_sub(bare).clamp(MIN_CONTENT + escaped.len(), MAX_CONTENT);
        message["content"] = json!("x".repeat(room));
        let full = Patched::find(message.to_string(), room)?;
        Some(Self { guild, channel, author, full, redacted, prefix: prefix.to_owned(), escaped })
    }

    fn pick(&self, redacted: bool) -> &Patched {
        if redacted { &self.redacted } else { &self.full }
    }
}

impl Patched {
    fn find(text: String, content_len: usize) -> Option<Self> {
        let id = text.find(&format!("\"id\":\"{ID_MARK}\""))? + 6;
        let time = text.find(TIME_MARK)?;
        let content = text.find("\"content\":\"")? + 11;
        Some(Self { bytes: text.into_bytes(), id, time, content, content_len })
    }
}

/// Random lower-case words, the same in every process.
fn filler() -> Vec<u8> {
    let mut mix = Mix::new(7);
    let mut out = Vec::with_capacity(FILLER + 16);
    while out.len() < FILLER {
        let mut letters = mix.next();
        for _ in 0..2 + mix.below(7) {
            // The square makes some letters frequent, as in real text.
            let draw = (letters & 0xF) * (letters >> 4 & 0xF) / 9;
            out.push(b'a' + u8::try_from(draw % 26).unwrap_or(0));
            letters >>= 8;
        }
        out.push(b' ');
    }
    out.truncate(FILLER);
    out
}

/// Fills `room` with the digits of `number`, right-aligned (ids have 19 digits from 2015 to 2090).
fn digits(room: &mut [u8], mut number: u64) {
    for place in room.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

fn put(room: &mut [u8], at: usize, text: &[u8]) -> usize {
    let end = (at + text.len()).min(room.len());
    room[at..end].copy_from_slice(&text[..end - at]);
    end
}

fn put_number(room: &mut [u8], at: usize, number: u64) -> usize {
    let mut buffer = [0; 20];
    let text = decimal(&mut buffer, number);
    put(room, at, text)
}

/// The digits of `number` without leading zeros.
pub(crate) fn decimal(buffer: &mut [u8; 20], number: u64) -> &[u8] {
    digits(buffer, number);
    let start = buffer.iter().position(|digit| *digit != b'0').unwrap_or(19);
    &buffer[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(prefix: &str) -> TemplateSet {
        let message = |guild: &str| json!({"guild_id": guild, "channel_id": "5", "author": {"id": "6"}, "embeds": []});
        TemplateSet::new(vec![message("10"), message("11")], 1200, prefix)
    }

    #[test]
    fn a_composed_message_is_json_of_the_asked_size_with_its_number() {
        let set = set("!ping \"ä\" ");
        let mut composer = Composer::default();
        for number in [0, 9, 123_456_789] {
            let mut out = b"before".to_vec();
            set.compose(number, 1_709_210_096_789_001, false, &mut composer, &mut out);
            assert_eq!(out.len() - 6, set.length(number, false));
            assert!((1190..=1210).contains(&(out.len() - 6)));
            let message: Value = serde_json::from_slice(&out[6..]).unwrap();
            let content = message["content"].as_str().unwrap();
            assert!(content.starts_with(&set.content(number, 1_709_210_096_789_001)), "{content}");
            assert_eq!(message["timestamp"], "2024-02-29T12:34:56.789000+00:00");
            assert_eq!(message["id"], blast_id(number, 1_709_210_096_789).to_string());
            assert_eq!(message["guild_id"], ["10", "11"][usize::try_from(number % 2).unwrap()]);
        }
    }

    #[test]
    fn without_message_content_the_content_is_empty() {
        let mut out = Vec::new();
        set("").compose(7, 1_709_210_096_789_001, true, &mut Composer::default(), &mut out);
        let message: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(message["content"], "");
    }

    #[test]
    fn decimals_have_no_leading_zeros() {
        let mut buffer = [0; 20];
        assert_eq!(decimal(&mut buffer, 0), b"0");
        assert_eq!(decimal(&mut buffer, u64::MAX), u64::MAX.to_string().as_bytes());
    }
}
