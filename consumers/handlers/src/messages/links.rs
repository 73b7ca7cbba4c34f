//! Links whose posts are shown by themselves. Pure.

use miso_command_catalogue::{Provider, links_in};
use miso_settings::Settings;

/// What a guild wants shown, and how. A guild that wants nothing has none.
#[derive(Debug, PartialEq)]
pub(crate) struct Embeds {
    providers: Vec<Provider>,
    captions: bool,
    deletes: bool,
    spoilers: bool,
    /// Channels whose links are left alone.
    pub(crate) ignored: Vec<u64>,
}

impl Embeds {
    pub(crate) fn read(settings: &Settings) -> Option<Self> {
        let on = |provider: &Provider| settings.switch("embeds", provider.key());
        let providers: Vec<Provider> = Provider::ALL.iter().copied().filter(on).collect();
        (!providers.is_empty()).then(|| Self {
            providers,
            captions: settings.switch("embeds", "captions"),
            deletes: settings.switch("embeds", "delete_original"),
            spoilers: settings.switch("embeds", "spoilers"),
            ignored: settings.ids("embeds", "ignored_channels"),
        })
    }

    /// What somebody would say to have a message's links shown; `None` where there are none. Of a message
    /// with a link in a spoiler everything is hidden.
    pub(crate) fn line(&self, content: &str) -> Option<String> {
        let wanted = |url: &str| Provider::of_post(url).is_some_and(|provider| self.providers.contains(&provider));
        let links = links_in(content, wanted);
        if links.is_empty() {
            return None;
        }
        let mut line = "embed".to_owned();
        for link in &links {
            line.push(' ');
            line.push_str(link.url);
        }
        line.push_str(" -q");
        let hidden = self.spoilers || links.iter().any(|link| link.spoiler);
        for (letter, given) in [('c', self.captions), ('d', self.deletes), ('s', hidden)] {
            if given {
                line.push(letter);
            }
        }
        Some(line)
    }
}

/// Whether a MESSAGE_CREATE's JSON may hold a link. `false` is certain; some writers escape slashes.
pub(crate) fn may_hold_link(d: &[u8]) -> bool {
    memchr::memmem::find(d, b"://").is_some() || memchr::memmem::find(d, br":\/\/").is_some()
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::{CATALOGUE, Found, parse};
    use serde_json::{Value, json};

    use super::*;

    const X: &str = "https://x.com/mia/status/1";
    const REDDIT: &str = "https://redd.it/abc";

    fn embeds(values: &Value) -> Option<Embeds> {
        let settings = json!({"embeds": {"version": 1, "by": "", "at_ms": 0, "values": values}});
        Embeds::read(&Settings::of(settings.as_object().cloned().expect("an object")))
    }

    #[test]
    fn links_of_the_wanted_sites_become_a_command_with_the_guilds_options() {
        assert_eq!(embeds(&json!({"captions": true})), None, "no site is wanted");
        let some = embeds(&json!({"x": true})).expect("some");
        for (content, expected) in [
            (format!("look {X} and {REDDIT}!"), Some(format!("embed {X} -q"))),
            (format!("||{X}||"), Some(format!("embed {X} -qs"))),
            (format!("<{X}>"), None),
            (format!("`{X}`"), None),
            (REDDIT.to_owned(), None),
            ("https://x.com/mia".to_owned(), None),
        ] {
            assert_eq!(some.line(&content), expected, "{content}");
        }
        let all = json!({"x": true, "reddit": true, "captions": true, "delete_original": true, "spoilers": true});
        let line = embeds(&all).expect("some").line(&format!("{X} {REDDIT}")).expect("links");
        assert_eq!(line, format!("embed {X} {REDDIT} -qcds"));
        let Found::Command { command, rest } = CATALOGUE.find(&line) else { panic!("a command") };
        let args = parse(command, rest).expect("fits");
        assert_eq!(args.links("links"), [X, REDDIT]);
        assert!(["quiet", "caption", "delete", "spoiler"].iter().all(|flag| args.flag(flag)));
    }

    #[test]
    fn a_message_without_a_link_is_told_without_a_parse() {
        assert!(may_hold_link(br#"{"content":"https:\/\/x.com"}"#) && may_hold_link(b"HTTPS://"));
        assert!(!may_hold_link(br#"{"content":"hello"}"#));
    }
}
