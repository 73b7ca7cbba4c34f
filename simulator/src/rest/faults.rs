//! Faults that the control API orders: which requests fail, how, and whether the effect happened. Pure and seeded.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::snowflake::Mix;

/// Rules at a time; more are refused.
const MAX_RULES: usize = 256;

/// When the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// The request has no effect.
    Before,
    /// The request took effect; only its answer is lost or false.
    After,
}

/// How the fault looks to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The answer has `status`.
    Status,
    /// The connection ends without an answer.
    Cut,
    /// 429 with scope `shared`.
    Shared,
    /// 429 of the bucket, scope `user`.
    User,
    /// 429 with `X-RateLimit-Global`.
    Global,
    /// 429 of Cloudflare: HTML and no `Via`.
    Cloudflare,
    /// No answer for `retry_after_ms`, then the real one.
    Hang,
}

/// One ordered fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FaultSpec {
    /// Only this method; `None`: all.
    pub(crate) method: Option<String>,
    /// Regular expression on the path after `/api/v10`.
    pub(crate) route: String,
    /// How many requests it strikes; `None`: all until cleared.
    pub(crate) count: Option<u64>,
    /// How probable it is for each.
    pub(crate) probability: f64,
    /// Seed of the probability; default the simulator's.
    pub(crate) seed: Option<u64>,
    pub(crate) stage: Stage,
    pub(crate) kind: Kind,
    pub(crate) status: u16,
    pub(crate) retry_after_ms: u64,
}

impl Default for FaultSpec {
    fn default() -> Self {
        Self {
            method: None,
            route: ".*".to_owned(),
            count: Some(1),
            probability: 1.0,
            seed: None,
            stage: Stage::Before,
            kind: Kind::Status,
            status: 500,
            retry_after_ms: 1_000,
        }
    }
}

/// A fault that strikes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) stage: Stage,
    pub(crate) kind: Kind,
    pub(crate) status: u16,
    pub(crate) retry_after_ms: u64,
}

#[derive(Debug)]
struct Rule {
    spec: FaultSpec,
    route: regex_lite::Regex,
    mix: Mix,
    struck: u64,
}

/// The faults in force, and the delay of answers.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    rules: Vec<Rule>,
    delay_ms: (u64, u64),
    delays: Mix,
    cleared: u64,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, rules: Vec::new(), delay_ms: (0, 0), delays: Mix::new(seed), cleared: 0 }
    }

    /// Puts a rule in force.
    pub(crate) fn add(&mut self, spec: FaultSpec) -> Result<(), String> {
        if self.rules.len() >= MAX_RULES {
            return Err(format!("at most {MAX_RULES} faults at a time"));
        }
        let route = regex_lite::Regex::new(&spec.route).map_err(|error| error.to_string())?;
        let mix = Mix::new(spec.seed.unwrap_or(self.seed));
        self.rules.push(Rule { spec, route, mix, struck: 0 });
        Ok(())
    }

    /// Ends all faults and the delay.
    pub(crate) fn clear(&mut self) {
        self.cleared += self.rules.iter().map(|rule| rule.struck).sum::<u64>();
        self.rules.clear();
        self.delay_ms = (0, 0);
    }

    /// Every answer waits between `min_ms` and `max_ms`.
    pub(crate) fn set_delay(&mut self, min_ms: u64, max_ms: u64, seed: Option<u64>) {
        self.delay_ms = (min_ms, max_ms.max(min_ms));
        self.delays = Mix::new(seed.unwrap_or(self.seed));
    }

    /// The delay of the next answer, milliseconds.
    pub(crate) fn delay(&mut self) -> u64 {
        let (min, max) = self.delay_ms;
        if max == 0 { 0 } else { min + self.delays.below(max - min + 1) }
    }

    /// The first rule that strikes this request.
    pub(crate) fn strike(&mut self, method: &str, path: &str) -> Option<Strike> {
        let wanted = |rule: &mut Rule| {
            rule.spec.count.is_none_or(|count| rule.struck < count)
                && rule.spec.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
                && rule.route.is_match(path)
                && rule.mix.chance(rule.spec.probability)
        };
        let rule = self.rules.iter_mut().find_map(|rule| wanted(rule).then_some(rule))?;
        rule.struck += 1;
        let FaultSpec { stage, kind, status, retry_after_ms, .. } = rule.spec;
        Some(Strike { stage, kind, status, retry_after_ms })
    }

    /// What is in force, and how often each struck.
    pub(crate) fn status(&self) -> Value {
        let rules: Vec<Value> =
            self.rules.iter().map(|rule| json!({"fault": rule.spec, "struck": rule.struck})).collect();
        let struck: u64 = self.cleared + self.rules.iter().map(|rule| rule.struck).sum::<u64>();
        json!({"faults": rules, "struck": struck, "delay_ms": [self.delay_ms.0, self.delay_ms.1]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_the_named_requests_as_often_as_asked() {
        let mut faults = Faults::new(1);
        faults
            .add(FaultSpec {
                method: Some("POST".to_owned()),
                route: "messages$".to_owned(),
                count: Some(2),
                ..FaultSpec::default()
            })
            .unwrap();
        assert!(faults.strike("GET", "/channels/1/messages").is_none());
        assert!(faults.strike("POST", "/channels/1/typing").is_none());
        assert_eq!(faults.strike("POST", "/channels/1/messages").map(|strike| strike.status), Some(500));
        assert!(faults.strike("POST", "/channels/1/messages").is_some());
        assert!(faults.strike("POST", "/channels/1/messages").is_none());
        assert_eq!(faults.status()["struck"], 2);
    }

    #[test]
    fn probability_and_delay_follow_the_seed() {
        let run = |seed| {
            let mut faults = Faults::new(seed);
            faults.add(FaultSpec { count: None, probability: 0.3, ..FaultSpec::default() }).unwrap();
            faults.set_delay(50, 300, None);
            let struck: Vec<bool> = (0..200).map(|_| faults.strike("GET", "/").is_some()).collect();
            let delays: Vec<u64> = (0..50).map(|_| faults.delay()).collect();
            (struck, delays)
        };
        let (struck, delays) = run(5);
        assert_eq!(run(5), (struck.clone(), delays.clone()));
        let count = struck.iter().filter(|struck| **struck).count();
        assert!((30..90).contains(&count), "{count}");
        assert!(delays.iter().all(|delay| (50..=300).contains(delay)));
    }

    #[test]
    fn a_wrong_expression_is_refused() {
        assert!(Faults::new(1).add(FaultSpec { route: "(".to_owned(), ..FaultSpec::default() }).is_err());
    }
}
