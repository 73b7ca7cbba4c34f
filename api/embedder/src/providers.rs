//! The table of providers: which links are whose, and what their strategies need. Data, with what an
//! operator changed laid over it.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::Deserialize;

use crate::EmbedderError;
use crate::answer::Kind;
use crate::guard::Link;
use crate::strategy;

const BUILT_IN: &str = include_str!("providers.toml");
/// The provider of what is nobody's else.
const WEB: &str = "web";

/// Paths at some hosts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    hosts: Vec<String>,
    pattern: String,
}

/// A parameter of the query at a path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct InQuery {
    path: String,
    name: String,
    pattern: String,
}

fn on() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderRow {
    #[serde(default = "on")]
    enabled: bool,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    hosts: Vec<String>,
    /// Whether hosts below these are meant too.
    #[serde(default)]
    sub_hosts: bool,
    /// Whether it runs on anybody's host.
    #[serde(default)]
    any_host: bool,
    #[serde(default)]
    patterns: Vec<String>,
    query: Option<InQuery>,
    #[serde(default)]
    more: Vec<Place>,
    #[serde(default)]
    short: Vec<Place>,
    /// With `{host}` and the patterns' groups; the link as it came where there is none.
    #[serde(default)]
    canonical: String,
    /// What its files are asked for with, where they are given only so.
    referer: Option<String>,
    chain: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    provider: BTreeMap<String, ProviderRow>,
    strategy: BTreeMap<String, BTreeMap<String, toml::Value>>,
}

/// A rule: a link that fits is the provider's, and its groups are the parts.
#[derive(Debug)]
struct Rule {
    hosts: Vec<String>,
    sub_hosts: bool,
    any_host: bool,
    /// Path and name of the parameter that is looked at; `None`: the path itself is.
    in_query: Option<(String, String)>,
    pattern: Regex,
}

/// One provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) kind: Kind,
    /// Whether its posts are on anybody's host: one host's trouble is not the others'.
    pub(crate) any_host: bool,
    pub(crate) hosts: Vec<String>,
    rules: Vec<Rule>,
    short: Vec<Rule>,
    canonical: String,
    pub(crate) referer: Option<String>,
    pub(crate) chain: Vec<&'static strategy::Strategy>,
}

/// What a strategy is told by the table.
pub(crate) type Settings = BTreeMap<String, String>;

/// The whole table.
#[derive(Debug)]
pub(crate) struct Providers {
    /// Those with hosts of their own first, [`WEB`] last.
    pub(crate) all: Vec<Provider>,
    settings: BTreeMap<String, Settings>,
}

/// A link that somebody's strategies look up.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) provider: String,
    pub(crate) kind: Kind,
    pub(crate) parts: BTreeMap<String, String>,
    /// The one address under which it is kept and told.
    pub(crate) url: String,
    pub(crate) link: Link,
}

impl Target {
    /// A group of the pattern; empty where it took no part.
    pub(crate) fn part(&self, name: &str) -> &str {
        self.parts.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// Whose a link is.
#[derive(Debug)]
pub(crate) enum Whose<'a> {
    /// This provider looks it up.
    Found(&'a Provider, Box<Target>),
    /// It leads on to a link of this provider.
    Short(&'a Provider),
    /// The operator switched this provider off.
    Off,
}

impl Providers {
    /// # Errors
    /// [`EmbedderError::Providers`] says what of `over`, which is TOML, does not fit.
    pub(crate) fn load(over: Option<&str>) -> Result<Self, EmbedderError> {
        let wrong = |error: &dyn std::fmt::Display| EmbedderError::Providers(error.to_string());
        let mut table: toml::Table = BUILT_IN.parse().map_err(|error: toml::de::Error| wrong(&error))?;
        if let Some(over) = over {
            let over: toml::Table = over.parse().map_err(|error: toml::de::Error| wrong(&error))?;
            lay_over(&mut table, over, "").map_err(|error| wrong(&error))?;
        }
        let rows: Rows = toml::Value::Table(table).try_into().map_err(|error: toml::de::Error| wrong(&error))?;
        Self::of(rows)
    }

    fn of(rows: Rows) -> Result<Self, EmbedderError> {
        let mut all = rows
            .provider
            .into_iter()
            .map(|(name, row)| Provider::of(name, row))
            .collect::<Result<Vec<_>, _>>()
            .map_err(EmbedderError::Providers)?;
        all.sort_by_key(|provider| (provider.name == WEB, provider.any_host));
        let written = |value: toml::Value| match value {
            toml::Value::String(text) => text,
            toml::Value::Boolean(switch) => switch.to_string(),
            toml::Value::Integer(number) => number.to_string(),
            _ => String::new(),
        };
        let settings = rows
            .strategy
            .into_iter()
            .map(|(id, settings)| (id, settings.into_iter().map(|(name, value)| (name, written(value))).collect()));
        Ok(Self { all, settings: settings.collect() })
    }

    pub(crate) fn referer(&self, provider: &str) -> Option<&str> {
        self.all.iter().find(|known| known.name == provider)?.referer.as_deref()
    }

    pub(crate) fn settings(&self, strategy: &str) -> &Settings {
        static NONE: Settings = Settings::new();
        self.settings.get(strategy).unwrap_or(&NONE)
    }

    /// Whether the operator left the strategy on.
    pub(crate) fn is_on(&self, strategy: &str) -> bool {
        self.settings(strategy).get("enabled").is_none_or(|enabled| enabled != "false")
    }

    /// Every link is somebody's.
    pub(crate) fn whose(&self, link: &Link) -> Whose<'_> {
        let own_host = |provider: &&Provider| provider.rules.iter().any(|rule| rule.is_at(link) && !rule.any_host);
        let off = self.all.iter().filter(own_host).any(|provider| !provider.enabled);
        for provider in self.all.iter().filter(|provider| provider.enabled) {
            if provider.short.iter().any(|rule| rule.parts(link).is_some()) {
                return Whose::Short(provider);
            }
            if let Some(parts) = provider.rules.iter().find_map(|rule| rule.parts(link)) {
                // A page of a site that is switched off is not looked up as any page either.
                if off && provider.any_host {
                    return Whose::Off;
                }
                return Whose::Found(provider, Box::new(provider.target(link, parts)));
            }
        }
        Whose::Off
    }
}

/// Only what the table has can be changed, apart from a strategy's switch.
fn lay_over(table: &mut toml::Table, over: toml::Table, path: &str) -> Result<(), String> {
    for (name, value) in over {
        let path = format!("{path}{name}");
        match (table.get_mut(&name), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(over)) => lay_over(below, over, &format!("{path}."))?,
            (Some(old), value) => *old = value,
            (None, value) if name == "enabled" && value.is_bool() => drop(table.insert(name, value)),
            (None, _) => return Err(format!("there is no {path}")),
        }
    }
    Ok(())
}

impl Provider {
    fn of(name: String, row: ProviderRow) -> Result<Self, String> {
        let regex = |pattern: &str| Regex::new(pattern).map_err(|error| format!("{name}: {pattern}: {error}"));
        let rule = |place: &Place| {
            Ok::<_, String>(Rule {
                hosts: place.hosts.clone(),
                sub_hosts: false,
                any_host: false,
                in_query: None,
                pattern: regex(&place.pattern)?,
            })
        };
        let anything = ["^/".to_owned()];
        let everywhere = if row.patterns.is_empty() && row.query.is_none() { &anything[..] } else { &row.patterns };
        let mut rules = Vec::new();
        for pattern in everywhere {
            let place = Place { hosts: row.hosts.clone(), pattern: pattern.clone() };
            rules.push(Rule { sub_hosts: row.sub_hosts, any_host: row.any_host, ..rule(&place)? });
        }
        if let Some(InQuery { path, name, pattern }) = &row.query {
            let place = Place { hosts: row.hosts.clone(), pattern: pattern.clone() };
            rules.push(Rule { in_query: Some((path.clone(), name.clone())), ..rule(&place)? });
        }
        for place in &row.more {
            rules.push(rule(place)?);
        }
        let short = row.short.iter().map(rule).collect::<Result<_, _>>()?;
        let known = |id: &String| strategy::find(id).ok_or_else(|| format!("{name}: there is no strategy {id}"));
        let chain = row.chain.iter().map(known).collect::<Result<_, _>>()?;
        let ProviderRow { enabled, kind, any_host, hosts, canonical, referer, .. } = row;
        Ok(Self { enabled, kind, any_host, hosts, rules, short, canonical, referer, chain, name })
    }

    fn target(&self, link: &Link, mut parts: BTreeMap<String, String>) -> Target {
        parts.insert("host".to_owned(), link.host().to_owned());
        let mut url = self.canonical.clone();
        if url.is_empty() {
            let mut plain = link.url().clone();
            plain.set_fragment(None);
            url = plain.into();
        }
        for (name, part) in &parts {
            url = url.replace(&format!("{{{name}}}"), part);
        }
        // A group that took no part.
        for name in ["author", "sub"] {
            url = url.replace(&format!("{{{name}}}"), "");
        }
        Target { provider: self.name.clone(), kind: self.kind, parts, url, link: link.clone() }
    }
}

impl Rule {
    fn is_at(&self, link: &Link) -> bool {
        let host = link.host().strip_prefix("www.").unwrap_or(link.host());
        let is = |own: &String| {
            host == own || self.sub_hosts && host.strip_suffix(own.as_str()).is_some_and(|before| before.ends_with('.'))
        };
        self.any_host || self.hosts.iter().any(is)
    }

    /// The groups of the pattern, where the link fits.
    fn parts(&self, link: &Link) -> Option<BTreeMap<String, String>> {
        if !self.is_at(link) {
            return None;
        }
        let text = match &self.in_query {
            None => link.path().to_owned(),
            Some((path, name)) => link.query(name).filter(|_| link.path() == path)?,
        };
        let captures = self.pattern.captures(&text)?;
        let names = self.pattern.capture_names().flatten();
        let part = |name: &str| Some((name.to_owned(), captures.name(name)?.as_str().to_owned()));
        Some(names.filter_map(part).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Ports;

    fn link(text: &str) -> Link {
        Link::parse(text, &Ports::new(Vec::new())).expect("a link")
    }

    fn found(providers: &Providers, text: &str) -> String {
        match providers.whose(&link(text)) {
            Whose::Found(_, target) => format!("{} {}", target.provider, target.url),
            Whose::Short(provider) => format!("{} short", provider.name),
            Whose::Off => "off".to_owned(),
        }
    }

    #[test]
    fn every_way_to_write_a_link_is_one_target() {
        let providers = Providers::load(None).expect("the built-in table fits");
        for (text, wanted) in [
            ("https://twitter.com/ann/status/20?s=20", "x https://x.com/i/status/20"),
            ("https://www.x.com/i/web/status/20/photo/1", "x https://x.com/i/status/20"),
            ("https://bsky.app/profile/ann.example/post/3k", "bluesky https://bsky.app/profile/ann.example/post/3k"),
            ("https://social.example/@ann/11111111111", "mastodon https://social.example/@ann/11111111111"),
            ("https://redd.it/abc1", "reddit https://www.reddit.com/comments/abc1"),
            ("https://old.reddit.com/r/rust/comments/abc1/title/", "reddit https://www.reddit.com/comments/abc1"),
            ("https://www.reddit.com/r/rust/s/AbC12", "reddit short"),
            ("https://youtu.be/dQw4w9WgXcQ?t=1", "youtube https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
            (
                "https://www.youtube.com/watch?list=a&v=dQw4w9WgXcQ",
                "youtube https://www.youtube.com/watch?v=dQw4w9WgXcQ",
            ),
            ("https://vm.tiktok.com/ZMabc12/", "tiktok short"),
            (
                "https://www.tiktok.com/@ann/video/7000000000000000001",
                "tiktok https://www.tiktok.com/@ann/video/7000000000000000001",
            ),
            ("https://www.instagram.com/ann/reel/Cabc_-1/", "instagram https://www.instagram.com/p/Cabc_-1/"),
            ("https://threads.net/@ann/post/Cabc1", "threads https://www.threads.com/t/Cabc1"),
            ("https://ann.tumblr.com/post/1#a", "tumblr https://ann.tumblr.com/post/1"),
            ("https://blog.example/a?b=c", "web https://blog.example/a?b=c"),
            ("https://nottumblr.com/", "web https://nottumblr.com/"),
        ] {
            assert_eq!(found(&providers, text), wanted, "{text}");
        }
    }

    #[test]
    fn an_operator_switches_providers_and_strategies_off_and_changes_ids() {
        let over = "[provider.x]\nenabled = false\n[strategy.\"x.graphql\"]\nenabled = false\nquery_id = \"new\"";
        let providers = Providers::load(Some(over)).expect("it fits");
        assert_eq!(found(&providers, "https://x.com/a/status/20"), "off");
        assert!(!providers.is_on("x.graphql") && providers.is_on("x.oembed"));
        assert_eq!(providers.settings("x.graphql")["query_id"], "new");
        for wrong in ["[provider.y]\nenabled = false", "[provider.x]\nhots = []", "a = "] {
            assert!(matches!(Providers::load(Some(wrong)), Err(EmbedderError::Providers(_))), "{wrong}");
        }
    }
}
