//! Logins: codes, access and refresh tokens, as Discord's OAuth2 gives and takes them. Pure: the time
//! comes in.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::snowflake::Mix;

/// Logins kept; beyond it the oldest is forgotten, its tokens with it.
pub(crate) const MAX_LOGINS: usize = 1_000;
/// How long a code can be exchanged.
pub(crate) const CODE_MS: u64 = 60_000;

/// What somebody agreed to on the authorise page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consent {
    pub(crate) user: u64,
    pub(crate) scope: String,
    pub(crate) redirect_uri: String,
    /// PKCE, S256.
    pub(crate) challenge: Option<String>,
}

/// Tokens as they are handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) scope: String,
}

/// The code or token is unknown, used, expired, or not the caller's: Discord's `invalid_grant`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidGrant;

#[derive(Debug)]
struct Login {
    consent: Consent,
    /// Until it is exchanged.
    code: Option<String>,
    made_ms: u64,
    tokens: Option<Tokens>,
    expires_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Grants {
    mix: Mix,
    ttl_ms: u64,
    logins: VecDeque<Login>,
}

impl Grants {
    /// `ttl_ms`: how long an access token is good.
    pub(crate) fn new(seed: u64, ttl_ms: u64) -> Self {
        Self { mix: Mix::new(seed), ttl_ms, logins: VecDeque::new() }
    }

    fn secret(&mut self) -> String {
        format!("{:016x}{:016x}", self.mix.next(), self.mix.next())
    }

    /// A code for the consent.
    pub(crate) fn agree(&mut self, consent: Consent, now_ms: u64) -> String {
        let code = self.secret();
        if self.logins.len() >= MAX_LOGINS {
            self.logins.pop_front();
        }
        let login = Login { consent, code: Some(code.clone()), made_ms: now_ms, tokens: None, expires_ms: 0 };
        self.logins.push_back(login);
        code
    }

    /// Exchanges a code, once. A wrong verifier or redirect URI uses it up too.
    pub(crate) fn exchange(
        &mut self,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        now_ms: u64,
    ) -> Result<Tokens, InvalidGrant> {
        let at = self.logins.iter().position(|login| login.code.as_deref() == Some(code)).ok_or(InvalidGrant)?;
        let login = &mut self.logins[at];
        login.code = None;
        let consent = &login.consent;
        let proven = match (&consent.challenge, verifier) {
            (Some(challenge), Some(verifier)) => {
                *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
            }
            (Some(_), None) => false,
            (None, _) => true,
        };
        if !proven || consent.redirect_uri != redirect_uri || now_ms.saturating_sub(login.made_ms) > CODE_MS {
            return Err(InvalidGrant);
        }
        Ok(self.grant(at, now_ms))
    }

    /// New tokens for a refresh token; the old ones end.
    pub(crate) fn refresh(&mut self, refresh: &str, now_ms: u64) -> Result<Tokens, InvalidGrant> {
        let fits = |login: &Login| login.tokens.as_ref().is_some_and(|tokens| tokens.refresh == refresh);
        let at = self.logins.iter().position(fits).ok_or(InvalidGrant)?;
        Ok(self.grant(at, now_ms))
    }

    fn grant(&mut self, at: usize, now_ms: u64) -> Tokens {
        let (access, refresh) = (self.secret(), self.secret());
        let login = &mut self.logins[at];
        let tokens = Tokens { access, refresh, scope: login.consent.scope.clone() };
        login.tokens = Some(tokens.clone());
        login.expires_ms = now_ms + self.ttl_ms;
        tokens
    }

    /// Ends the login of an access or refresh token; whether there was one.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        let before = self.logins.len();
        self.logins.retain(|login| {
            login.tokens.as_ref().is_none_or(|tokens| tokens.access != token && tokens.refresh != token)
        });
        self.logins.len() < before
    }

    /// User and scope of an access token that is still good, and when it ends.
    pub(crate) fn bearer(&self, access: &str, now_ms: u64) -> Option<(u64, &str, u64)> {
        let fits = |login: &&Login| login.tokens.as_ref().is_some_and(|tokens| tokens.access == access);
        let login = self.logins.iter().find(fits).filter(|login| now_ms < login.expires_ms)?;
        Some((login.consent.user, &login.consent.scope, login.expires_ms))
    }

    /// Seconds for which an access token is good.
    pub(crate) fn ttl_s(&self) -> u64 {
        self.ttl_ms / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "http://127.0.0.1/callback";

    fn consent(challenge: Option<&str>) -> Consent {
        Consent { user: 7, scope: "identify".into(), redirect_uri: URI.into(), challenge: challenge.map(Into::into) }
    }

    #[test]
    fn a_code_is_exchanged_once_with_its_verifier_in_time_and_to_its_address() {
        // The pair of RFC 7636, appendix B.
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let verifier = Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        let mut grants = Grants::new(1, 1_000);
        let code = grants.agree(consent(challenge), 0);
        let tokens = grants.exchange(&code, URI, verifier, 5).expect("tokens");
        assert_eq!(grants.bearer(&tokens.access, 6), Some((7, "identify", 1_005)));
        assert_eq!(grants.exchange(&code, URI, verifier, 6), Err(InvalidGrant), "used");
        for (uri, verifier, at) in
            [(URI, Some("wrong"), 1), (URI, None, 1), ("http://else", verifier, 1), (URI, verifier, CODE_MS + 1)]
        {
            let code = grants.agree(consent(challenge), 0);
            assert_eq!(grants.exchange(&code, uri, verifier, at), Err(InvalidGrant), "{uri} {verifier:?} {at}");
        }
    }

    #[test]
    fn tokens_expire_are_refreshed_once_and_end_when_revoked() {
        let mut grants = Grants::new(1, 1_000);
        let code = grants.agree(consent(None), 0);
        let old = grants.exchange(&code, URI, None, 0).expect("tokens");
        assert_eq!(grants.bearer(&old.access, 1_000), None, "expired");
        let new = grants.refresh(&old.refresh, 2_000).expect("tokens");
        assert_eq!(grants.refresh(&old.refresh, 2_000), Err(InvalidGrant));
        assert!(grants.bearer(&new.access, 2_001).is_some());
        assert!(grants.revoke(&new.access) && !grants.revoke(&new.access));
        assert_eq!(grants.bearer(&new.access, 2_001), None);
        assert_eq!(grants.refresh(&new.refresh, 2_001), Err(InvalidGrant));
    }

    #[test]
    fn the_oldest_logins_are_forgotten_at_the_bound() {
        let mut grants = Grants::new(1, 1_000);
        let first = grants.agree(consent(None), 0);
        let last = (0..MAX_LOGINS).map(|_| grants.agree(consent(None), 0)).last().expect("a code");
        assert_eq!(grants.exchange(&first, URI, None, 0), Err(InvalidGrant));
        assert!(grants.exchange(&last, URI, None, 0).is_ok());
    }
}
