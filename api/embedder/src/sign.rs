//! Addresses of files that only this deployment can make: what to fetch, how much of it and until when, with
//! a signature. Pure: the time comes in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// How long an address is good, seconds: longer than the answer that it is in is shown.
pub(crate) const GOOD_S: i64 = 26 * 3_600;
/// Bytes of a signed address, at most; a longer one is refused unread.
const MAX_TOKEN: usize = 8_192;
const SIGNATURE: usize = 32;

/// What may be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    #[serde(rename = "u")]
    pub(crate) url: String,
    #[serde(rename = "m")]
    pub(crate) max_bytes: u64,
    /// Unix seconds.
    #[serde(rename = "e")]
    pub(crate) expires_s: i64,
    /// `Referer` that the site wants.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(crate) referer: Option<String>,
}

/// Why a signed address is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotGood {
    /// Not made here, or changed since.
    Forged,
    /// It was good once.
    Expired,
}

/// Signs and verifies.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// The key is the deployment's, so that every instance takes the others' addresses.
    pub(crate) fn new(cluster_key: &str) -> Option<Self> {
        let mut signer = Hmac::new_from_slice(cluster_key.as_bytes()).ok()?;
        // What is signed elsewhere with the same key is no file.
        signer.update(b"miso embedder file 1\n");
        Some(Self(signer))
    }

    pub(crate) fn sign(&self, grant: &Grant) -> String {
        let payload = serde_json::to_vec(grant).unwrap_or_default();
        let signature = self.mac(&payload).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&signature[..], &payload].concat())
    }

    /// # Errors
    /// [`NotGood`].
    pub(crate) fn verify(&self, token: &str, now_s: i64) -> Result<Grant, NotGood> {
        let bytes = if token.len() > MAX_TOKEN { None } else { URL_SAFE_NO_PAD.decode(token).ok() };
        let bytes = bytes.ok_or(NotGood::Forged)?;
        let (signature, payload) = bytes.split_at_checked(SIGNATURE).ok_or(NotGood::Forged)?;
        self.mac(payload).verify_slice(signature).map_err(|_| NotGood::Forged)?;
        let grant: Grant = serde_json::from_slice(payload).map_err(|_| NotGood::Forged)?;
        if now_s < grant.expires_s { Ok(grant) } else { Err(NotGood::Expired) }
    }

    fn mac(&self, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(payload);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_with_the_key_is_good_and_only_in_time() {
        let signer = Signer::new("key").expect("a signer");
        let grant = Grant { url: "https://a.example/b".into(), max_bytes: 5, expires_s: 100, referer: None };
        let token = signer.sign(&grant);
        assert_eq!(signer.verify(&token, 99), Ok(grant));
        assert_eq!(signer.verify(&token, 100), Err(NotGood::Expired));
        assert_eq!(Signer::new("other").expect("a signer").verify(&token, 99), Err(NotGood::Forged));
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("text");
            // Bits that base64 leaves over are no part of it and are refused as well.
            assert_eq!(signer.verify(&forged, 99), Err(NotGood::Forged), "{at}");
        }
        for token in ["", "a", &"A".repeat(9_000)] {
            assert_eq!(signer.verify(token, 0), Err(NotGood::Forged));
        }
    }
}
