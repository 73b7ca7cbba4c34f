//! Rate limits: buckets per route template and resource, the global limit, sublimits, invalid requests. Pure: time comes in.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde::Serialize;

use crate::config::SimulatorConfig;
use crate::snowflake::Mix;

/// Buckets kept; at the bound those whose window is over are dropped, and if none is, all.
const MAX_BUCKETS: usize = 100_000;
/// Addresses whose invalid requests are counted; at the bound the count starts anew.
const MAX_ADDRESSES: usize = 10_000;
const INVALID_WINDOW_US: u64 = 600_000_000;
/// Changes of a channel's name or topic: two in ten minutes.
const RENAMES: u32 = 2;
const RENAME_WINDOW_US: u64 = 600_000_000;
const GLOBAL_WINDOW_US: u64 = 1_000_000;

/// How many requests per window, and which templates share one counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rule {
    pub(crate) limit: u32,
    pub(crate) window_ms: u64,
    /// Buckets are counted per group and resource.
    pub(crate) group: Cow<'static, str>,
}

/// What a request is to the limiter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    pub(crate) template: &'static str,
    /// Channel, guild, webhook id + token, or interaction token.
    pub(crate) resource: &'a str,
    pub(crate) exempt_from_global: bool,
    pub(crate) renames: bool,
}

/// The state of a bucket after a request, as the headers tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketState {
    pub(crate) hash: String,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    User,
    Global,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass(Option<BucketState>),
    Limited { scope: Scope, retry_after_us: u64, bucket: Option<BucketState> },
}

#[derive(Debug, Clone, Copy)]
struct Window {
    used: u32,
    ends_us: u64,
}

impl Window {
    /// Counts one request; `Err`: the limit was reached, with the time left.
    fn take(&mut self, limit: u32, length_us: u64, now_us: u64) -> Result<(), u64> {
        if now_us >= self.ends_us {
            *self = Self { used: 0, ends_us: now_us + length_us };
        }
        if self.used >= limit {
            return Err(self.ends_us - now_us);
        }
        self.used += 1;
        Ok(())
    }
}

/// All counters of one simulator.
#[derive(Debug)]
pub(crate) struct Limits {
    buckets_on: bool,
    pub(crate) global_per_second: u32,
    message_rule: (u32, u64),
    invalid_limit: u32,
    /// Set by the control API, by `METHOD template`; an empty group keeps the route's own.
    pub(crate) overrides: BTreeMap<String, Rule>,
    buckets: HashMap<(Cow<'static, str>, String), Window>,
    renames: HashMap<String, Window>,
    global: Window,
    invalid: HashMap<IpAddr, Window>,
    /// Requests answered with 429, by scope: user, global.
    pub(crate) limited: (u64, u64),
}

const FRESH: Window = Window { used: 0, ends_us: 0 };

impl Limits {
    pub(crate) fn new(config: &SimulatorConfig) -> Self {
        Self {
            buckets_on: config.bucket_limits,
            global_per_second: config.global_per_second,
            message_rule: (config.message_limit, config.message_window_ms),
            invalid_limit: config.invalid_limit,
            overrides: BTreeMap::new(),
            buckets: HashMap::new(),
            renames: HashMap::new(),
            global: FRESH,
            invalid: HashMap::new(),
            limited: (0, 0),
        }
    }

    /// Discord's rules, about; `None`: this route tells no limit.
    fn rule(&self, asked: &Asked<'_>) -> Option<Rule> {
        let rule = |limit, window_ms, group| Some(Rule { limit, window_ms, group: Cow::Borrowed(group) });
        let (method, template) = (asked.method, asked.template);
        let mut found = match (method, template) {
            (_, "/gateway" | "/gateway/bot" | "/users/@me" | "/applications/@me" | "/oauth2/applications/@me") => None,
            (_, "/interactions/{interaction}/{token}/callback") => rule(5, 1_000, "callback"),
            ("POST", "/channels/{channel}/messages") => {
                rule(self.message_rule.0, self.message_rule.1, "message create")
            }
            ("PATCH", "/channels/{channel}/messages/{message}") => rule(5, 5_000, "message edit"),
            ("DELETE", "/channels/{channel}/messages/{message}") => rule(5, 1_000, "message delete"),
            ("GET", "/channels/{channel}/messages" | "/channels/{channel}/messages/{message}") => {
                rule(10, 1_000, template)
            }
            ("POST", "/channels/{channel}/messages/bulk-delete") => rule(1, 1_000, "bulk delete"),
            ("PUT" | "DELETE", path) if path.contains("/reactions") => rule(1, 250, "reactions"),
            ("POST", "/channels/{channel}/typing") => rule(5, 5_000, "typing"),
            ("PATCH", "/channels/{channel}") => rule(5, 15_000, "channel edit"),
            ("POST", "/users/@me/channels") => rule(10, 10_000, "direct"),
            ("POST", "/webhooks/{webhook}/{token}") => rule(5, 2_000, "webhook execute"),
            (_, path) if path.starts_with("/webhooks/") => rule(5, 2_000, "webhook messages"),
            ("PUT" | "DELETE", path) if path.contains("/roles/") => rule(10, 10_000, "member roles"),
            ("GET", path) => rule(20, 1_000, path),
            (_, path) => rule(10, 5_000, path),
        }?;
        if let Some(ordered) = self.overrides.get(&format!("{method} {template}")) {
            let group = if ordered.group.is_empty() { found.group } else { ordered.group.clone() };
            found = Rule { group, ..*ordered };
        }
        Some(found)
    }

    /// How long an address that made too many invalid requests is still shut out, microseconds.
    pub(crate) fn banned(&self, address: IpAddr, now_us: u64) -> Option<u64> {
        let window = self.invalid.get(&address)?;
        (now_us < window.ends_us && window.used >= self.invalid_limit).then(|| window.ends_us - now_us)
    }

    /// Counts a request and says whether it may pass.
    pub(crate) fn ask(&mut self, asked: &Asked<'_>, now_us: u64) -> Verdict {
        if !asked.exempt_from_global
            && self.global_per_second > 0
            && let Err(retry_after_us) = self.global.take(self.global_per_second, GLOBAL_WINDOW_US, now_us)
        {
            self.limited.1 += 1;
            return Verdict::Limited { scope: Scope::Global, retry_after_us, bucket: None };
        }
        let Some(rule) = self.rule(asked).filter(|_| self.buckets_on) else {
            return Verdict::Pass(None);
        };
        self.make_room(now_us);
        let hash = hash(&rule.group);
        let window = self.buckets.entry((rule.group, asked.resource.to_owned())).or_insert(FRESH);
        let outcome = window.take(rule.limit, rule.window_ms * 1000, now_us);
        let state = BucketState {
            hash,
            limit: rule.limit,
            remaining: rule.limit - window.used.min(rule.limit),
            reset_us: window.ends_us,
        };
        let outcome = outcome.and_then(|()| {
            if asked.renames {
                self.renames.entry(asked.resource.to_owned()).or_insert(FRESH).take(RENAMES, RENAME_WINDOW_US, now_us)
            } else {
                Ok(())
            }
        });
        match outcome {
            Ok(()) => Verdict::Pass(Some(state)),
            Err(retry_after_us) => {
                self.limited.0 += 1;
                Verdict::Limited { scope: Scope::User, retry_after_us, bucket: Some(state) }
            }
        }
    }

    fn make_room(&mut self, now_us: u64) {
        if self.buckets.len() >= MAX_BUCKETS {
            self.buckets.retain(|_, window| now_us < window.ends_us);
            if self.buckets.len() >= MAX_BUCKETS {
                self.buckets.clear();
            }
        }
        if self.renames.len() >= MAX_BUCKETS {
            self.renames.clear();
        }
    }

    /// Counts an answer of 401, 403, or 429 that is not shared.
    pub(crate) fn count_invalid(&mut self, address: IpAddr, now_us: u64) {
        if self.invalid.len() >= MAX_ADDRESSES {
            self.invalid.clear();
        }
        let _full = self.invalid.entry(address).or_insert(FRESH).take(u32::MAX, INVALID_WINDOW_US, now_us);
    }

    /// Invalid requests in the running window, of all addresses.
    pub(crate) fn invalid_requests(&self, now_us: u64) -> u64 {
        self.invalid.values().filter(|window| now_us < window.ends_us).map(|window| u64::from(window.used)).sum()
    }
}

/// A bucket's name: the same for all resources of a group.
fn hash(group: &str) -> String {
    let seed = group
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    let mut mix = Mix::new(seed);
    format!("{:016x}{:016x}", mix.next(), mix.next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn send<'a>(resource: &'a str) -> Asked<'a> {
        Asked {
            method: "POST",
            template: "/channels/{channel}/messages",
            resource,
            exempt_from_global: false,
            renames: false,
        }
    }

    #[test]
    fn five_messages_per_channel_pass_and_the_sixth_waits_for_the_window() {
        let mut limits = Limits::new(&SimulatorConfig::default());
        for left in (0..5).rev() {
            let Verdict::Pass(Some(state)) = limits.ask(&send("1"), 1_000) else { panic!("limited too early") };
            assert_eq!((state.limit, state.remaining), (5, left));
        }
        let Verdict::Limited { scope: Scope::User, retry_after_us, .. } = limits.ask(&send("1"), 1_001_000) else {
            panic!("not limited")
        };
        assert_eq!(retry_after_us, 4_000_000);
        assert!(matches!(limits.ask(&send("2"), 1_001_000), Verdict::Pass(_)), "another channel is another counter");
        assert!(matches!(limits.ask(&send("1"), 5_001_001), Verdict::Pass(_)));
    }

    #[test]
    fn the_global_limit_counts_all_routes_but_the_exempt() {
        let mut limits = Limits::new(&SimulatorConfig { global_per_second: 2, ..SimulatorConfig::default() });
        let names = ["1", "2", "3"];
        assert!(names[..2].iter().all(|name| matches!(limits.ask(&send(name), 5), Verdict::Pass(_))));
        assert!(matches!(limits.ask(&send("3"), 5), Verdict::Limited { scope: Scope::Global, .. }));
        assert!(matches!(limits.ask(&Asked { exempt_from_global: true, ..send("3") }, 5), Verdict::Pass(_)));
    }

    #[test]
    fn renaming_twice_exhausts_the_sublimit_and_leaves_other_edits_alone() {
        let mut limits = Limits::new(&SimulatorConfig::default());
        let edit = Asked {
            method: "PATCH",
            template: "/channels/{channel}",
            resource: "1",
            exempt_from_global: false,
            renames: true,
        };
        assert!(matches!(limits.ask(&edit, 1), Verdict::Pass(_)));
        assert!(matches!(limits.ask(&edit, 1), Verdict::Pass(_)));
        let Verdict::Limited { retry_after_us, .. } = limits.ask(&edit, 1) else { panic!("third rename passed") };
        assert_eq!(retry_after_us, RENAME_WINDOW_US);
        assert!(matches!(limits.ask(&Asked { renames: false, ..edit }, 1), Verdict::Pass(_)));
    }

    #[test]
    fn too_many_invalid_requests_ban_the_address_for_the_window() {
        let mut limits = Limits::new(&SimulatorConfig { invalid_limit: 2, ..SimulatorConfig::default() });
        limits.count_invalid(HERE, 1);
        assert_eq!(limits.banned(HERE, 2), None);
        limits.count_invalid(HERE, 2);
        assert_eq!(limits.banned(HERE, 3), Some(INVALID_WINDOW_US - 2));
        assert_eq!(limits.banned(HERE, INVALID_WINDOW_US + 2), None);
    }

    #[test]
    fn putting_and_deleting_reactions_is_one_counter() {
        let mut limits = Limits::new(&SimulatorConfig::default());
        let template = "/channels/{channel}/messages/{message}/reactions/{emoji}/@me";
        let put = Asked { method: "PUT", template, resource: "1", exempt_from_global: false, renames: false };
        assert!(matches!(limits.ask(&put, 1), Verdict::Pass(_)));
        assert!(matches!(limits.ask(&Asked { method: "DELETE", ..put }, 2), Verdict::Limited { .. }));
    }
}
