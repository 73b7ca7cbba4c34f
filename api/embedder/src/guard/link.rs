//! A URL that may be fetched, as far as its text tells. Pure.
//!
//! Browsers read URLs kindly: tabs vanish, backslashes turn, `0x7f.1` is an address. Whoever checks one
//! reading and fetches another is fooled, so what is not written plainly is refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use super::is_public;
use crate::failure::Failure;

/// Bytes of a URL, at most; a longer one is refused.
const MAX_URL_BYTES: usize = 4_096;
/// Last labels of names that lead nowhere public.
const INNER_SUFFIXES: [&str; 14] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "arpa",
    "onion",
    "test",
    "invalid",
    "alt",
];

const NO_URL: Failure = Failure::Unsupported("That is no link: http:// or https://, a host, a path.");
const ODD_HOST: Failure = Failure::Blocked("The address of the host is written in an unusual way.");
const INNER_HOST: Failure = Failure::Blocked("The link leads into a private network.");

/// Ports that may be connected to.
#[derive(Debug, Clone)]
pub(crate) struct Ports(Vec<u16>);

impl Ports {
    /// These; 80 and 443 where there are none.
    pub(crate) fn new(ports: Vec<u16>) -> Self {
        Self(if ports.is_empty() { vec![80, 443] } else { ports })
    }
}

/// A URL whose text was checked; its address is checked when it is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    url: Url,
    host: String,
    /// The host, where it is an address: a public one.
    address: Option<IpAddr>,
    port: u16,
}

impl Link {
    /// # Errors
    /// [`Failure::Unsupported`] for what is no http(s) URL, [`Failure::Blocked`] for one that leads inside.
    pub(crate) fn parse(text: &str, ports: &Ports) -> Result<Self, Failure> {
        let odd = |byte: u8| !(0x21..=0x7e).contains(&byte) && byte < 0x80 || byte == b'\\';
        if text.is_empty() || text.len() > MAX_URL_BYTES || text.bytes().any(odd) {
            return Err(NO_URL);
        }
        let url = Url::parse(text).map_err(|_| NO_URL)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NO_URL);
        }
        let written = authority(text).ok_or(NO_URL)?;
        if written.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::Blocked("The link carries a user name or password."));
        }
        Self::of(url, written, ports)
    }

    /// Where a page at this link leads: an absolute URL or one relative to it, as in `Location` and in HTML.
    ///
    /// # Errors
    /// As [`Link::parse`].
    pub(crate) fn join(&self, reference: &str, ports: &Ports) -> Result<Self, Failure> {
        let reference = reference.trim();
        if authority(reference).is_some() {
            return Self::parse(reference, ports);
        }
        let joined = self.url.join(reference).map_err(|_| NO_URL)?;
        Self::parse(joined.as_str(), ports)
    }

    fn of(url: Url, written: &str, ports: &Ports) -> Result<Self, Failure> {
        let port = url.port_or_known_default().ok_or(NO_URL)?;
        if !ports.0.contains(&port) {
            return Err(Failure::Blocked("The link names a port that is not allowed."));
        }
        let written = written_host(written);
        let (host, address) = match url.host().ok_or(NO_URL)? {
            Host::Domain(name) => (public_name(name)?, None),
            Host::Ipv4(address) => (address.to_string(), Some(plain_v4(address, written)?)),
            Host::Ipv6(address) if is_public(address.into()) => (format!("[{address}]"), Some(address.into())),
            Host::Ipv6(_) => return Err(INNER_HOST),
        };
        Ok(Self { url, host, address, port })
    }

    /// Lower case, without the last dot; an IPv6 address in brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }

    /// What stands in a request's first line: path and query.
    pub(crate) fn request_target(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// What stands in `Host`: the port only where it is not the scheme's own.
    pub(crate) fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// The value of a parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// What stands between `//` and the path, as written; `None`: no absolute URL.
fn authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme =
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then(|| rest.split(['/', '?', '#']).next().unwrap_or_default())
}

fn written_host(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Only four decimal numbers: no hexadecimal, octal, short or single-number form.
fn plain_v4(address: Ipv4Addr, written: &str) -> Result<IpAddr, Failure> {
    if !is_public(address.into()) {
        return Err(INNER_HOST);
    }
    if written.parse() == Ok(address) { Ok(address.into()) } else { Err(ODD_HOST) }
}

fn public_name(name: &str) -> Result<String, Failure> {
    // One dot at the end is another way to write the name; it is taken off, so that names compare.
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(ODD_HOST);
    }
    let last = name.rsplit('.').next().unwrap_or_default();
    if !name.contains('.') || INNER_SUFFIXES.contains(&last) {
        return Err(INNER_HOST);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Link, Failure> {
        Link::parse(text, &Ports::new(Vec::new()))
    }

    #[test]
    fn plain_links_are_read() {
        let link = parse("https://X.com/a/status/1?s=20#top").expect("a link");
        assert_eq!((link.host(), link.port(), link.is_tls()), ("x.com", 443, true));
        assert_eq!((link.request_target().as_str(), link.authority().as_str()), ("/a/status/1?s=20", "x.com"));
        assert_eq!(parse("http://example.org.:80/").expect("a link").host(), "example.org");
        assert_eq!(parse("http://8.8.8.8/").expect("a link").address(), Some(Ipv4Addr::new(8, 8, 8, 8).into()));
        assert_eq!(parse("https://bücher.example/").expect("a link").host(), "xn--bcher-kva.example");
    }

    #[test]
    fn what_is_no_link_to_fetch_is_unsupported() {
        for text in ["", "x.com/a", "ftp://x.com/", "file:///etc/passwd", "gopher://x.com/", "javascript:alert(1)"]
            .into_iter()
            .chain([
                "http:/x.com/",
                "http:x.com",
                "https://",
                "http://x.com\\@y.com/",
                "http://x.com/ a",
                "http://x\t.com/",
            ])
        {
            assert!(matches!(parse(text), Err(Failure::Unsupported(_))), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn addresses_written_in_another_way_are_refused_even_where_they_are_public() {
        for text in
            ["http://134744072/", "http://0x08080808/", "http://8.8.2056/", "http://010.8.8.8/", "http://8.8.8.8./"]
        {
            assert!(matches!(parse(text), Err(Failure::Blocked(_))), "{text}");
        }
    }

    #[test]
    fn a_reference_is_checked_as_a_link_is() {
        let ports = Ports::new(Vec::new());
        let link = parse("https://x.com/a/b").expect("a link");
        assert_eq!(link.join("../c?d", &ports).expect("joined").to_string(), "https://x.com/c?d");
        assert_eq!(link.join("//y.com/e", &ports).expect("joined").host(), "y.com");
        for inner in ["http://127.1/", "//localhost/", "https://u@x.com/", "//10.0.0.1/", "http://x.com:22/"] {
            assert!(matches!(link.join(inner, &ports), Err(Failure::Blocked(_))), "{inner}");
        }
    }
}
