//! One upstream shard's session: what a frame means, and what follows when a connection ends. Pure:
//! time and randomness come in, decisions go out.

use std::time::{Duration, Instant};

use miso_model::GuildId;
use serde::Deserialize;

use crate::scan::{self, Frame};

/// A connection that lived longer than this was a good one: the next attempt begins at once.
const GOOD_AFTER: Duration = Duration::from_secs(10);
/// First delay after attempts that failed; doubled each time.
const BACKOFF: Duration = Duration::from_millis(500);
/// Longest delay between attempts.
const BACKOFF_LIMIT: Duration = Duration::from_secs(60);
/// After an invalid session Discord wants a random wait of 1 to 5 s.
const INVALID_WAIT: Duration = Duration::from_secs(1);
const INVALID_WAIT_SPREAD: Duration = Duration::from_secs(4);

/// A session of Discord's that can be resumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) resume_url: Option<String>,
}

/// What a frame is to us.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<'a> {
    /// Not a dispatch, or one that we have already.
    Nothing,
    /// A dispatch to be appended.
    Event(Frame<'a>, i64),
    /// As `Event`, and the session is whole again.
    Resumed(Frame<'a>, i64),
    /// READY: a new session began. `gap` says what the one before could not replay, if there was one.
    Ready { frame: Frame<'a>, sequence: i64, guilds: Vec<GuildId>, gap: Option<Lost> },
    /// No frame that we understand.
    Malformed,
}

/// A session that ended before everything was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) session_id: String,
    pub(crate) after_sequence: i64,
    pub(crate) reason: &'static str,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Closed by the other side, with a code if it gave one, or broken off (1006).
    Closed(Option<u16>),
    /// Op 9.
    Invalid { resumable: bool },
    /// Op 7.
    Reconnect,
    /// It could not be opened.
    NotOpened(String),
    /// What came could not be decompressed or read.
    Broken(String),
    /// We closed it, because what waits for the log has filled the buffer.
    Full,
}

/// What follows an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another connection, after a delay. `gap`: the session is gone for good.
    Connect { after: Duration, gap: Option<Lost> },
    /// Never again: the reason, for people.
    Fatal(String),
}

/// One shard.
#[derive(Debug)]
pub(crate) struct ShardSession {
    pub(crate) session: Option<Session>,
    /// Last sequence of the session that was taken.
    pub(crate) sequence: i64,
    /// Attempts that did not last, in a row.
    failures: u32,
    /// Attempts at the resume address that could not be opened, in a row.
    unreachable: u32,
    live_since: Option<Instant>,
    /// Sequence of the READY or RESUMED with which the connection became live.
    pub(crate) live_at: i64,
}

#[derive(Deserialize)]
struct Ready {
    session_id: String,
    resume_gateway_url: Option<String>,
    #[serde(default)]
    guilds: Vec<ReadyGuild>,
}

#[derive(Deserialize)]
struct ReadyGuild {
    id: GuildId,
}

impl ShardSession {
    /// A shard as its checkpoint has it.
    pub(crate) fn new(session: Option<Session>, sequence: i64) -> Self {
        Self { session, sequence, failures: 0, unreachable: 0, live_since: None, live_at: 0 }
    }

    /// Where a RESUME goes; `None`: to the gateway's general address. The resume address is left out
    /// every other time when it cannot be reached.
    pub(crate) fn resume_url(&self) -> Option<&str> {
        let url = self.session.as_ref()?.resume_url.as_deref()?;
        self.unreachable.is_multiple_of(2).then_some(url)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.live_since.is_some()
    }

    /// Takes a frame. A dispatch whose sequence we have is dropped: Discord replays from the
    /// sequence that a RESUME names, and may send anything several times.
    pub(crate) fn frame<'a>(&mut self, text: &'a str, now: Instant) -> Taken<'a> {
        let Some(frame) = scan::scan(text) else { return Taken::Malformed };
        if frame.op != 0 {
            return Taken::Nothing;
        }
        let (Some(event_type), Some(sequence)) = (frame.t, frame.s) else { return Taken::Malformed };
        if event_type == "READY" {
            return self.ready(frame, sequence, now);
        }
        let is_resumed = event_type == "RESUMED";
        if is_resumed {
            self.live(now, sequence);
        }
        if sequence <= self.sequence || self.session.is_none() {
            return Taken::Nothing;
        }
        self.sequence = sequence;
        if is_resumed { Taken::Resumed(frame, sequence) } else { Taken::Event(frame, sequence) }
    }

    fn ready<'a>(&mut self, frame: Frame<'a>, sequence: i64, now: Instant) -> Taken<'a> {
        let Ok(ready) = serde_json::from_str::<Ready>(frame.d) else { return Taken::Malformed };
        let gap = self.lost("a new session began");
        self.session = Some(Session { id: ready.session_id, resume_url: ready.resume_gateway_url });
        self.sequence = sequence;
        self.live(now, sequence);
        let guilds = ready.guilds.into_iter().map(|guild| guild.id).collect();
        Taken::Ready { frame, sequence, guilds, gap }
    }

    fn live(&mut self, now: Instant, sequence: i64) {
        self.live_since = Some(now);
        self.live_at = sequence;
        self.unreachable = 0;
    }

    /// Gives the session up.
    pub(crate) fn lost(&mut self, reason: &'static str) -> Option<Lost> {
        let session = self.session.take()?;
        let after_sequence = std::mem::take(&mut self.sequence);
        Some(Lost { session_id: session.id, after_sequence, reason })
    }

    /// The connection ended. `luck` in 0..1 spreads the delays.
    pub(crate) fn ended(&mut self, end: &End, now: Instant, luck: f64) -> Next {
        let lasted = self.live_since.take().is_some_and(|since| now.duration_since(since) >= GOOD_AFTER);
        if lasted {
            self.failures = 0;
        }
        if let End::Closed(Some(code)) = end
            && let Some(reason) = fatal(*code)
        {
            return Next::Fatal(reason);
        }
        if matches!(end, End::NotOpened(_)) {
            self.unreachable = self.unreachable.saturating_add(1);
        }
        let gap = match end {
            End::Invalid { resumable: false } => self.lost("session invalidated"),
            End::Closed(Some(4007)) => self.lost("sequence refused (4007)"),
            End::Closed(Some(4009)) => self.lost("session timed out (4009)"),
            _ => None,
        };
        let backoff = self.backoff(luck);
        let after = match end {
            End::Invalid { .. } => backoff.max(INVALID_WAIT + INVALID_WAIT_SPREAD.mul_f64(luck)),
            End::Full => Duration::ZERO,
            _ => backoff,
        };
        self.failures = self.failures.saturating_add(1);
        Next::Connect { after, gap }
    }

    /// None after a good connection, then half a second doubled each time, up to a minute; a quarter
    /// less to a quarter more.
    fn backoff(&self, luck: f64) -> Duration {
        let Some(doubled) = self.failures.checked_sub(1) else { return Duration::ZERO };
        let full = BACKOFF.saturating_mul(1_u32.checked_shl(doubled.min(16)).unwrap_or(u32::MAX)).min(BACKOFF_LIMIT);
        full.mul_f64(0.75 + luck.clamp(0.0, 1.0) / 2.0)
    }
}

/// Close codes after which Discord wants no further attempt, and what a person must do.
fn fatal(code: u16) -> Option<String> {
    let reason = match code {
        4004 => "the token is refused (4004): set DISCORD_TOKEN to the token of the application's Bot page",
        4010 => "the shard is invalid (4010): MISO_SHARDS must be a multiple of what Discord recommends",
        4011 => "more shards are needed (4011): set MISO_SHARDS to auto or a higher number",
        4012 => "the gateway's version is refused (4012): this version of Miso is too old",
        4013 => "the intents are invalid (4013): set MISO_INTENTS to auto",
        4014 => "an intent is not allowed (4014): enable it on the application's Bot page, or set MISO_INTENTS to auto",
        _ => return None,
    };
    Some(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = r#"{"t":"READY","s":1,"op":0,"d":{"session_id":"a","resume_gateway_url":"ws://r","guilds":[{"id":"3","unavailable":true}],"user":{"id":"9"}}}"#;

    fn event(sequence: i64) -> String {
        format!(r#"{{"t":"X","s":{sequence},"op":0,"d":{{}}}}"#)
    }

    fn live(now: Instant) -> ShardSession {
        let mut shard = ShardSession::new(None, 0);
        assert!(matches!(shard.frame(READY, now), Taken::Ready { .. }));
        shard
    }

    #[test]
    fn ready_begins_a_session_and_names_its_guilds() {
        let mut shard = ShardSession::new(None, 0);
        let Taken::Ready { sequence, guilds, gap, .. } = shard.frame(READY, Instant::now()) else { panic!("no READY") };
        assert_eq!((sequence, guilds, gap), (1, vec![GuildId(3)], None));
        assert_eq!(shard.session, Some(Session { id: "a".into(), resume_url: Some("ws://r".into()) }));
        assert!(shard.is_live());
    }

    #[test]
    fn repeated_and_replayed_dispatches_are_dropped() {
        let now = Instant::now();
        let mut shard = ShardSession::new(Some(Session { id: "a".into(), resume_url: None }), 5);
        for (sequence, is_new) in [(4, false), (5, false), (6, true), (6, false), (7, true)] {
            assert_eq!(matches!(shard.frame(&event(sequence), now), Taken::Event(..)), is_new, "{sequence}");
        }
        assert_eq!(shard.sequence, 7);
    }

    #[test]
    fn a_session_is_resumed_after_an_ordinary_end_and_at_once_after_a_good_connection() {
        let start = Instant::now();
        for end in [
            End::Reconnect,
            End::Closed(None),
            End::Closed(Some(1006)),
            End::Closed(Some(4000)),
            End::Closed(Some(1000)),
            End::Full,
        ] {
            let mut shard = live(start);
            let next = shard.ended(&end, start + GOOD_AFTER, 0.5);
            assert_eq!(next, Next::Connect { after: Duration::ZERO, gap: None }, "{end:?}");
            assert_eq!(shard.resume_url(), Some("ws://r"));
        }
    }

    #[test]
    fn an_invalidated_session_is_a_gap_after_its_last_sequence() {
        let start = Instant::now();
        for end in [End::Invalid { resumable: false }, End::Closed(Some(4007)), End::Closed(Some(4009))] {
            let mut shard = live(start);
            shard.frame(&event(2), start);
            let Next::Connect { gap: Some(gap), .. } = shard.ended(&end, start, 0.0) else { panic!("no gap: {end:?}") };
            assert_eq!((gap.session_id.as_str(), gap.after_sequence), ("a", 2));
            assert_eq!((&shard.session, shard.sequence), (&None, 0));
        }
        let mut shard = live(start);
        let next = shard.ended(&End::Invalid { resumable: true }, start, 0.0);
        assert_eq!(next, Next::Connect { after: Duration::from_secs(1), gap: None });
    }

    #[test]
    fn a_ready_where_a_resume_was_asked_is_a_gap_too() {
        let mut shard = ShardSession::new(Some(Session { id: "old".into(), resume_url: None }), 8);
        let Taken::Ready { gap: Some(gap), .. } = shard.frame(READY, Instant::now()) else { panic!("no gap") };
        assert_eq!((gap.session_id.as_str(), gap.after_sequence), ("old", 8));
    }

    #[test]
    fn fatal_codes_end_the_shard_and_say_what_to_do() {
        for code in [4004, 4010, 4011, 4012, 4013, 4014] {
            let Next::Fatal(reason) = live(Instant::now()).ended(&End::Closed(Some(code)), Instant::now(), 0.0) else {
                panic!("{code} is not fatal")
            };
            assert!(reason.contains(&code.to_string()));
        }
        for code in [1001, 4000, 4001, 4002, 4003, 4005, 4008, 4999] {
            assert_eq!(fatal(code), None);
        }
    }

    #[test]
    fn attempts_that_do_not_last_are_spaced_out_up_to_a_minute() {
        let now = Instant::now();
        let mut shard = live(now);
        let mut delays = Vec::new();
        for _ in 0..12 {
            let Next::Connect { after, .. } = shard.ended(&End::NotOpened(String::new()), now, 0.5) else {
                panic!("fatal")
            };
            delays.push(after);
        }
        assert_eq!(delays[..4], [0, 500, 1_000, 2_000].map(Duration::from_millis));
        assert_eq!(delays[11], BACKOFF_LIMIT);
    }

    #[test]
    fn an_unreachable_resume_address_is_tried_in_turn_with_the_general_one() {
        let now = Instant::now();
        let mut shard = live(now);
        let mut used = Vec::new();
        for _ in 0..4 {
            used.push(shard.resume_url().is_some());
            shard.ended(&End::NotOpened(String::new()), now, 0.0);
        }
        assert_eq!(used, [true, false, true, false]);
    }
}
