//! What goes wrong on order, and what was asked.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;

/// Faults in force, at most.
const MAX_RULES: usize = 64;
/// Times of requests kept; further ones are only counted.
const MAX_TIMES: usize = 100_000;

/// One fault, as it is ordered.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Rule {
    /// Beginning of a method or of `page:album`, `page:images`, `page:library`, `page:plays`, `image`; without it
    /// all but pictures.
    #[serde(default)]
    what: String,
    /// `code` (the API's error of `code`), `html` (a page instead of JSON), `status`, `slow` (`ms`), `cut`, or
    /// `shape` (a page of another design).
    kind: String,
    #[serde(default)]
    code: u64,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    ms: u64,
    /// How often it strikes; without it for ever.
    #[serde(default)]
    count: Option<u64>,
}

pub(super) enum Effect {
    Answer(Answer),
    Slow(u64),
    Cut,
}

#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Rule>,
    struck: u64,
}

impl Faults {
    pub(super) fn add(&mut self, rule: Rule) -> Result<(), String> {
        if self.rules.len() >= MAX_RULES {
            return Err(format!("at most {MAX_RULES} faults at a time"));
        }
        if !["code", "html", "status", "slow", "cut", "shape"].contains(&rule.kind.as_str()) {
            return Err("`kind` is code, html, status, slow, cut or shape".to_owned());
        }
        self.rules.push(rule);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn status(&self) -> Value {
        json!({"rules": self.rules.len(), "struck": self.struck})
    }

    pub(super) fn strike(&mut self, what: &str) -> Option<Effect> {
        let fits = |rule: &&mut Rule| {
            let named =
                if rule.what.is_empty() { what != "image" } else { what.starts_with(&rule.what.to_lowercase()) };
            named && rule.count != Some(0)
        };
        let rule = self.rules.iter_mut().find(fits)?;
        rule.count = rule.count.map(|count| count - 1);
        self.struck += 1;
        let status =
            |default: StatusCode| rule.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(default);
        Some(match rule.kind.as_str() {
            "code" => Effect::Answer(super::api::refused(rule.code, status(StatusCode::OK))),
            "html" => Effect::Answer(Answer::html(
                status(StatusCode::OK),
                "<html><body><h1>Bad gateway</h1></body></html>".to_owned(),
            )),
            "status" => Effect::Answer(Answer::html(status(StatusCode::BAD_GATEWAY), String::new())),
            "shape" => {
                let page = "<!doctype html><html><body><main class=\"redesigned\"><p>All new</p></main></body></html>";
                Effect::Answer(Answer::html(StatusCode::OK, page.to_owned()))
            }
            "cut" => Effect::Cut,
            _ => Effect::Slow(rule.ms),
        })
    }
}

/// What was asked: methods, pages and pictures, and when (all but pictures).
#[derive(Debug, Default)]
pub(super) struct Calls {
    by_what: BTreeMap<String, u64>,
    times_ms: Vec<u64>,
}

impl Calls {
    pub(super) fn count(&mut self, what: &str, at_ms: u64) {
        *self.by_what.entry(what.to_owned()).or_default() += 1;
        if what != "image" && self.times_ms.len() < MAX_TIMES {
            self.times_ms.push(at_ms);
        }
    }

    /// `budgeted`: all but pictures.
    pub(super) fn status(&self) -> Value {
        let pictures = self.by_what.get("image").copied().unwrap_or(0);
        let total: u64 = self.by_what.values().sum();
        json!({"by": self.by_what, "total": total, "budgeted": total - pictures, "times_ms": self.times_ms})
    }
}
