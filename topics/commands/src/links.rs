//! Links in a text, and to whose posts they lead. Pure: messages are looked through for links that are
//! shown by themselves, and commands for one site check theirs.

/// Links of one message or command that are looked at, at most; those after them are passed over.
pub const MAX_LINKS: usize = 5;
/// Bytes of a link, at most; a longer one is none.
pub const LINK_BYTES: usize = 2_048;

/// Where posts stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// x.com, once twitter.com.
    X,
    /// bsky.app.
    Bluesky,
    /// Any server that speaks Mastodon's API; recognised by the form of its addresses.
    Mastodon,
    /// reddit.com.
    Reddit,
    /// youtube.com.
    Youtube,
    /// tiktok.com.
    Tiktok,
    /// instagram.com.
    Instagram,
    /// threads.com, once threads.net.
    Threads,
    /// Everything else.
    Other,
}

/// A site: whose it is, its hosts (`.name` stands for every host below `name`), and the paths of its
/// posts: `*` is one part, `#` a number, `**` whatever follows.
struct Site {
    provider: Provider,
    hosts: &'static [&'static str],
    posts: &'static [&'static str],
}

const SITES: &[Site] = &[
    Site {
        provider: Provider::X,
        hosts: &["x.com", "www.x.com", "twitter.com", "www.twitter.com", "mobile.twitter.com", "mobile.x.com"],
        posts: &["*/status/#/**", "i/web/status/#"],
    },
    Site { provider: Provider::Bluesky, hosts: &["bsky.app"], posts: &["profile/*/post/*"] },
    Site {
        provider: Provider::Reddit,
        hosts: &["reddit.com", "www.reddit.com", "old.reddit.com", "new.reddit.com", "sh.reddit.com", "m.reddit.com"],
        posts: &["r/*/comments/*/**", "r/*/s/*", "user/*/comments/*/**", "u/*/s/*", "comments/*/**"],
    },
    Site { provider: Provider::Reddit, hosts: &["redd.it", "v.redd.it"], posts: &["*"] },
    Site {
        provider: Provider::Youtube,
        hosts: &["youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com"],
        posts: &["watch", "shorts/*", "live/*"],
    },
    Site { provider: Provider::Youtube, hosts: &["youtu.be"], posts: &["*"] },
    Site {
        provider: Provider::Tiktok,
        hosts: &["tiktok.com", "www.tiktok.com", "m.tiktok.com"],
        posts: &["*/video/#", "*/photo/#", "t/*"],
    },
    Site { provider: Provider::Tiktok, hosts: &["vm.tiktok.com", "vt.tiktok.com"], posts: &["*"] },
    Site {
        provider: Provider::Instagram,
        hosts: &["instagram.com", "www.instagram.com"],
        posts: &["p/*/**", "reel/*/**", "reels/*/**", "tv/*/**", "share/*/**", "*/p/*/**", "*/reel/*/**"],
    },
    Site {
        provider: Provider::Threads,
        hosts: &["threads.com", "www.threads.com", "threads.net", "www.threads.net"],
        posts: &["*/post/*/**", "t/*"],
    },
    Site {
        provider: Provider::Other,
        hosts: &[
            "tumblr.com",
            ".tumblr.com",
            "pixiv.net",
            "www.pixiv.net",
            "imgur.com",
            "www.imgur.com",
            "pin.it",
            "clips.twitch.tv",
            "pinterest.com",
            ".pinterest.com",
            "b23.tv",
            "fb.watch",
        ],
        posts: &["*/**"],
    },
    Site { provider: Provider::Other, hosts: &["twitch.tv", ".twitch.tv"], posts: &["*/clip/*", "videos/#"] },
    Site { provider: Provider::Other, hosts: &["bilibili.com", ".bilibili.com"], posts: &["video/*/**"] },
    Site {
        provider: Provider::Other,
        hosts: &["facebook.com", ".facebook.com"],
        posts: &["*/posts/*/**", "*/videos/*/**", "watch", "reel/*", "share/*/**"],
    },
];

/// What posts of Mastodon's servers are called, whatever the host: their ids are long numbers.
const MASTODON: &[&str] = &["@*/#", "users/*/statuses/#"];
/// Digits of Mastodon's ids, at least.
const MASTODON_DIGITS: usize = 12;

impl Provider {
    /// All, in the order of forms.
    pub const ALL: &'static [Self] = &[
        Self::X,
        Self::Bluesky,
        Self::Mastodon,
        Self::Reddit,
        Self::Youtube,
        Self::Tiktok,
        Self::Instagram,
        Self::Threads,
        Self::Other,
    ];

    /// In settings, in JSON.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::X => "x",
            Self::Bluesky => "bluesky",
            Self::Mastodon => "mastodon",
            Self::Reddit => "reddit",
            Self::Youtube => "youtube",
            Self::Tiktok => "tiktok",
            Self::Instagram => "instagram",
            Self::Threads => "threads",
            Self::Other => "other",
        }
    }

    /// The provider of this key.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|provider| provider.key() == key)
    }

    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X => "X",
            Self::Bluesky => "Bluesky",
            Self::Mastodon => "Mastodon",
            Self::Reddit => "Reddit",
            Self::Youtube => "YouTube",
            Self::Tiktok => "TikTok",
            Self::Instagram => "Instagram",
            Self::Threads => "Threads",
            Self::Other => "other sites",
        }
    }

    /// Whose site a link leads to; `None` for what is no link.
    #[must_use]
    pub fn of(link: &str) -> Option<Self> {
        let (host, path) = host_and_path(link)?;
        let site = SITES.iter().find(|site| site.has(&host));
        Some(match site {
            Some(site) => site.provider,
            None if is_of_mastodon(path) => Self::Mastodon,
            None => Self::Other,
        })
    }

    /// Whose post a link leads to; `None` for what is no post of a site that is known.
    #[must_use]
    pub fn of_post(link: &str) -> Option<Self> {
        let (host, path) = host_and_path(link)?;
        let mut sites = SITES.iter().filter(|site| site.has(&host)).peekable();
        if sites.peek().is_none() {
            return is_of_mastodon(path).then_some(Self::Mastodon);
        }
        sites.find(|site| site.posts.iter().any(|post| fits(post, path))).map(|site| site.provider)
    }
}

impl Site {
    fn has(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| match known.strip_prefix('.') {
            Some(above) => host.strip_suffix(above).is_some_and(|below| below.ends_with('.')),
            None => host == *known,
        })
    }
}

fn is_of_mastodon(path: &str) -> bool {
    let long = path.rsplit('/').find(|part| !part.is_empty()).is_some_and(|part| part.len() >= MASTODON_DIGITS);
    long && MASTODON.iter().any(|post| fits(post, path))
}

/// Whether a path has this form.
fn fits(form: &str, path: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    for wanted in form.split('/') {
        if wanted == "**" {
            return true;
        }
        let Some(part) = parts.next() else { return false };
        let fits = match wanted {
            "*" => true,
            "#" => part.bytes().all(|byte| byte.is_ascii_digit()),
            "@*" => part.len() > 1 && part.starts_with('@'),
            exact => part.eq_ignore_ascii_case(exact),
        };
        if !fits {
            return false;
        }
    }
    parts.next().is_none()
}

/// Host, in lower case, and path of an `http` or `https` address; not of one with a port or with a name
/// before its host: no site hands those out.
fn host_and_path(link: &str) -> Option<(String, &str)> {
    if link.len() > LINK_BYTES {
        return None;
    }
    let rest = without_scheme(link)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let named = host.contains('.')
        && host.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.')
        && !host.starts_with('.')
        && !host.contains("..");
    named.then(|| (host.trim_end_matches('.').to_lowercase(), path))
}

fn without_scheme(link: &str) -> Option<&str> {
    ["https://", "http://"].iter().find_map(|scheme| {
        let begins = link.get(..scheme.len())?.eq_ignore_ascii_case(scheme);
        begins.then(|| &link[scheme.len()..])
    })
}

/// A word as a link: without the marks that people put around one. A name without a scheme gets one.
#[must_use]
pub fn link_of(word: &str) -> Option<String> {
    let word = word.strip_prefix("||").and_then(|word| word.strip_suffix("||")).unwrap_or(word);
    let word = word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or(word);
    let link = if without_scheme(word).is_some() { word.to_owned() } else { format!("https://{word}") };
    host_and_path(&link)?;
    Some(link)
}

/// A link in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLink<'a> {
    /// The link.
    pub url: &'a str,
    /// Whether it stands in a spoiler.
    pub spoiler: bool,
}

/// The links of a text in order, each once, [`MAX_LINKS`] of those that `wanted` takes. Not those in
/// code, and not those in angle brackets: so people say that they want no preview.
#[must_use]
pub fn links_in(text: &str, wanted: impl Fn(&str) -> bool) -> Vec<FoundLink<'_>> {
    let mut found: Vec<FoundLink<'_>> = Vec::new();
    let (mut at, mut spoiler_end) = (0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if found.len() >= MAX_LINKS {
            break;
        }
        if rest.starts_with('`') {
            at += code(rest);
        } else if let Some(inside) = rest.strip_prefix("||") {
            if at >= spoiler_end
                && let Some(end) = inside.find("||")
            {
                spoiler_end = at + 2 + end;
            }
            at += 2;
        } else if rest.starts_with('<') {
            at += bracketed(rest);
        } else if starts_a_word(&text[..at]) && without_scheme(rest).is_some() {
            let url = link(rest, at < spoiler_end);
            let new = !found.iter().any(|known| known.url == url);
            if new && wanted(url) {
                found.push(FoundLink { url, spoiler: at < spoiler_end });
            }
            at += url.len().max(1);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

fn starts_a_word(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// How long a piece of code is; the back-ticks alone where they are not closed.
fn code(rest: &str) -> usize {
    let ticks = rest.len() - rest.trim_start_matches('`').len();
    let mut at = ticks;
    while let Some(next) = rest[at..].find('`') {
        let run = rest[at + next..].len() - rest[at + next..].trim_start_matches('`').len();
        at += next + run;
        if run == ticks {
            return at;
        }
    }
    ticks
}

/// How long a link in angle brackets is; the bracket alone where it is none.
fn bracketed(rest: &str) -> usize {
    let closed = rest.find(|c: char| c == '>' || c.is_whitespace()).filter(|end| rest[*end..].starts_with('>'));
    match closed {
        Some(end) if without_scheme(&rest[1..]).is_some() => end + 1,
        Some(_) | None => 1,
    }
}

/// A link without what the sentence around it has put behind it.
fn link(rest: &str, in_spoiler: bool) -> &str {
    let end = rest.find(|c: char| c.is_whitespace() || "<>\"`".contains(c)).unwrap_or(rest.len());
    let mut link = &rest[..end];
    if in_spoiler && let Some(end) = link.find("||") {
        link = &link[..end];
    }
    loop {
        let trimmed =
            link.trim_end_matches(['.', ',', ':', ';', '!', '?', '\'', ']', '}', '*', '_', '~', '|', '”', '’', '…']);
        let unopened = trimmed.ends_with(')') && trimmed.matches(')').count() > trimmed.matches('(').count();
        let trimmed = if unopened { &trimmed[..trimmed.len() - 1] } else { trimmed };
        if trimmed.len() == link.len() {
            return link;
        }
        link = trimmed;
    }
}

#[cfg(test)]
mod tests;
