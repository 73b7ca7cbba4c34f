//! What the control API ordered of the sites, and what they were asked.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Paced, Reply};

/// Breaks at a time; more are refused.
const MAX_BREAKS: usize = 256;
/// Hosts whose addresses are changed, at most.
const MAX_NAMES: usize = 256;
/// Where every site is, unless ordered otherwise: an address of the public internet.
const USUAL_ADDRESS: &str = "93.184.216.34";

/// How a site is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// `status`, and a page that says so.
    Status,
    /// 403 or `status`, and a page that asks whether one is human.
    Block,
    /// 200 and a page where JSON was meant, without anything to read.
    Html,
    /// 200 and JSON of another shape.
    Garbage,
    /// No answer for a minute.
    Slow,
}

/// One ordered break.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Break {
    /// What a strategy reads: `x.syndication`.
    strategy: Option<String>,
    host: Option<String>,
    kind: Kind,
    #[serde(default)]
    status: Option<u16>,
    /// How many requests it strikes; `None`: all until cleared.
    #[serde(default)]
    count: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) breaks: Vec<(Break, u64)>,
    /// Answers of the resolver by host, one after the other; the last one stays.
    names: BTreeMap<String, Vec<Vec<String>>>,
    pub(super) by_host: BTreeMap<String, u64>,
    pub(super) by_label: BTreeMap<&'static str, u64>,
    pub(super) resolved: BTreeMap<String, u64>,
}

/// The sites' state.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    inner: Mutex<Inner>,
    /// Bytes that were taken of bodies without end.
    pub(super) flowed: Arc<AtomicU64>,
}

impl Sites {
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn order_break(&self, ordered: Break) -> Result<(), String> {
        let mut inner = self.inner();
        if inner.breaks.len() >= MAX_BREAKS {
            return Err(format!("at most {MAX_BREAKS} breaks at a time"));
        }
        if ordered.strategy.is_none() && ordered.host.is_none() {
            return Err("`strategy` or `host` is needed".to_owned());
        }
        inner.breaks.push((ordered, 0));
        Ok(())
    }

    pub(super) fn name(&self, host: &str, answers: Vec<Vec<String>>) -> Result<(), String> {
        let mut inner = self.inner();
        if inner.names.len() >= MAX_NAMES {
            return Err(format!("at most {MAX_NAMES} names"));
        }
        inner.names.insert(host.to_owned(), answers);
        Ok(())
    }

    /// What the resolver says of a host; `is_known`: whether it is one of the sites.
    pub(super) fn resolve(&self, host: &str, is_known: bool) -> Vec<String> {
        let mut inner = self.inner();
        // Counted where somebody ordered the answer or the site exists: names are bounded so.
        if is_known || inner.names.contains_key(host) {
            *inner.resolved.entry(host.to_owned()).or_default() += 1;
        }
        match inner.names.get_mut(host) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers.first().cloned().unwrap_or_default(),
            None if is_known => vec![USUAL_ADDRESS.to_owned()],
            None => Vec::new(),
        }
    }

    /// Counts the request; the reply, or what a break makes of it, and whether it is slow.
    pub(super) fn struck(&self, host: &str, reply: Reply) -> (Reply, bool) {
        let mut inner = self.inner();
        if reply.label != "nobody" {
            *inner.by_host.entry(host.to_owned()).or_default() += 1;
        }
        *inner.by_label.entry(reply.label).or_default() += 1;
        let strikes = |(ordered, struck): &&mut (Break, u64)| {
            ordered.count.is_none_or(|count| *struck < count)
                && ordered.strategy.as_deref().is_none_or(|strategy| strategy == reply.label)
                && ordered.host.as_deref().is_none_or(|wanted| wanted == host)
        };
        let Some((ordered, struck)) = inner.breaks.iter_mut().find(strikes) else { return (reply, false) };
        *struck += 1;
        let label = reply.label;
        let broken = match ordered.kind {
            Kind::Status => Reply::html(label, ordered.status.unwrap_or(500), "<html><title>Error</title></html>"),
            Kind::Block => {
                let page = "<!doctype html><html><head><title>Just a moment...</title></head><body>Are you human?</body></html>";
                Reply::html(label, ordered.status.unwrap_or(403), page)
            }
            Kind::Html => Reply::html(label, 200, "<!doctype html><html><body>Something new</body></html>"),
            Kind::Garbage => Reply::json(label, 200, &json!({"unexpected": {"shape": true}})),
            Kind::Slow => return (Reply { body: Paced::whole(""), ..reply }, true),
        };
        (broken, false)
    }
}
