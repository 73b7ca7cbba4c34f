//! Who is logged in, as a sealed cookie: encrypted and authenticated with a key of the deployment's.
//! There is no session store, so any process serves any request.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, CookieJar, Key, SameSite, time::Duration};
use miso_model::UserId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};

/// How long a login lasts; the tokens inside are refreshed meanwhile.
const SESSION_DAYS: i64 = 30;
/// How long somebody may take at Discord's page.
pub(crate) const LOGIN_S: i64 = 600;
/// Bytes of a Cookie header that is looked at; a longer one counts as none.
const COOKIE_BYTES: usize = 16 * 1_024;

/// Who is logged in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Made anew at every login.
    pub(crate) id: String,
    /// Whom Discord says it is.
    pub(crate) user: UserId,
    /// What they are called.
    pub(crate) name: String,
    /// Their picture's hash.
    pub(crate) avatar: Option<String>,
    /// Discord's access token.
    pub(crate) access: String,
    /// Discord's refresh token.
    pub(crate) refresh: String,
    /// Until when the access token holds; Unix seconds.
    pub(crate) expires_s: i64,
    /// When the login began; Unix milliseconds.
    #[serde(default)]
    pub(crate) started_ms: i64,
    /// Must come back with every form.
    pub(crate) csrf: String,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A login under way: binds Discord's answer to the browser that asked.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) state: String,
    pub(crate) verifier: String,
    pub(crate) next: String,
    pub(crate) started_s: i64,
}

/// Seals and opens cookies.
pub(crate) struct Seal {
    key: Key,
    secure: bool,
}

/// A cookie of the panel's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Jar {
    /// [`Session`].
    Session,
    /// [`Pending`].
    Login,
}

impl Seal {
    /// Of the deployment's key.
    pub(crate) fn new(cluster_key: &str, public_url: &str) -> Self {
        let mut hash = Sha512::new();
        hash.update(b"miso panel cookies 1\0");
        hash.update(cluster_key.as_bytes());
        Self { key: Key::derive_from(&hash.finalize()), secure: public_url.starts_with("https://") }
    }

    fn name(&self, jar: Jar) -> &'static str {
        match (jar, self.secure) {
            (Jar::Session, true) => "__Host-miso",
            (Jar::Session, false) => "miso",
            (Jar::Login, true) => "__Host-miso-login",
            (Jar::Login, false) => "miso-login",
        }
    }

    /// What a browser sent, if this deployment made it.
    pub(crate) fn open<T: DeserializeOwned>(&self, jar: Jar, headers: &HeaderMap) -> Option<T> {
        let text = plain(headers, self.name(jar))?;
        let mut sealed = CookieJar::new();
        sealed.add_original(Cookie::new(self.name(jar), text));
        let opened = sealed.private(&self.key).get(self.name(jar))?;
        serde_json::from_str(opened.value()).ok()
    }

    /// A Set-Cookie header that keeps `value`.
    pub(crate) fn keep<T: Serialize>(&self, jar: Jar, value: &T) -> Option<HeaderValue> {
        let mut sealed = CookieJar::new();
        let json = serde_json::to_string(value).ok()?;
        let seconds = match jar {
            Jar::Session => SESSION_DAYS * 86_400,
            Jar::Login => LOGIN_S,
        };
        let cookie = Cookie::build((self.name(jar), json)).max_age(Duration::seconds(seconds));
        sealed.private_mut(&self.key).add(self.marked(cookie));
        let cookie = sealed.get(self.name(jar))?;
        HeaderValue::from_str(&cookie.encoded().to_string()).ok()
    }

    /// Whether an answer sets or ends this cookie.
    pub(crate) fn is_set(&self, jar: Jar, headers: &HeaderMap) -> bool {
        let name = self.name(jar);
        let mut set = headers.get_all(header::SET_COOKIE).iter();
        set.any(|value| value.as_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"=")))
    }

    /// A Set-Cookie header that ends it.
    pub(crate) fn end(&self, jar: Jar) -> Option<HeaderValue> {
        let cookie = Cookie::build((self.name(jar), "")).max_age(Duration::ZERO);
        HeaderValue::from_str(&self.marked(cookie).to_string()).ok()
    }

    fn marked<'c>(&self, cookie: cookie::CookieBuilder<'c>) -> Cookie<'c> {
        cookie.path("/").http_only(true).same_site(SameSite::Lax).secure(self.secure).build()
    }
}

/// A cookie as it was sent, its percent-encoding taken off.
pub(crate) fn plain(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut sent = headers.get_all(header::COOKIE).iter().filter(|value| value.len() <= COOKIE_BYTES);
    sent.find_map(|value| {
        let text = value.to_str().ok()?;
        let found = Cookie::split_parse_encoded(text).flatten().find(|cookie| cookie.name() == name)?;
        Some(found.value().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            id: "s".to_owned(),
            user: UserId(42),
            name: "Ann; \u{1F980}".to_owned(),
            avatar: None,
            access: "token".to_owned(),
            refresh: "again".to_owned(),
            expires_s: 9,
            started_ms: 5,
            csrf: "c".to_owned(),
        }
    }

    fn sent(set_cookie: &HeaderValue) -> HeaderMap {
        let text = set_cookie.to_str().expect("ascii").split(';').next().expect("a pair").to_owned();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&text).expect("a header"))])
    }

    #[test]
    fn a_cookie_opens_with_its_own_key_only_and_shows_nothing() {
        let seal = Seal::new("key", "http://127.0.0.1:8083");
        let kept = seal.keep(Jar::Session, &session()).expect("sealed");
        let text = kept.to_str().expect("ascii");
        assert!(text.starts_with("miso=") && text.contains("HttpOnly") && text.contains("SameSite=Lax"), "{text}");
        assert!(!text.contains("token") && !text.contains("Secure"), "{text}");
        let opened: Session = seal.open(Jar::Session, &sent(&kept)).expect("opens");
        assert_eq!((opened.user, opened.name.as_str()), (UserId(42), "Ann; \u{1F980}"));
        assert!(Seal::new("other", "http://h").open::<Session>(Jar::Session, &sent(&kept)).is_none());
    }

    #[test]
    fn a_changed_or_plain_cookie_counts_as_none() {
        let seal = Seal::new("key", "http://h");
        let json = serde_json::to_string(&session()).expect("json");
        let mut headers = HeaderMap::new();
        for value in
            ["miso=", "miso=abc", "miso=%7B%7D", &format!("miso={}", json.replace(';', "%3B").replace('\u{1F980}', ""))]
        {
            headers.insert(header::COOKIE, HeaderValue::from_str(value).expect("a header"));
            assert!(seal.open::<Session>(Jar::Session, &headers).is_none(), "{value}");
        }
    }

    #[test]
    fn over_https_cookies_are_bound_to_the_host() {
        let kept = Seal::new("key", "https://miso.example").keep(Jar::Session, &session()).expect("sealed");
        let text = kept.to_str().expect("ascii");
        assert!(text.starts_with("__Host-miso=") && text.contains("Secure") && text.contains("Path=/"), "{text}");
        assert!(!text.contains("Domain"), "{text}");
    }
}
