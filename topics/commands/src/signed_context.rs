use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use miso_model::{GuildId, Permissions, UserId};

/// The HTTP header that carries a signed context.
pub const CONTEXT_HEADER: &str = "miso-context";
/// Bytes of a signed context, at most; a longer one is refused unread.
pub const CONTEXT_BYTES: usize = 2_048;

/// For whom a service asks, vouched for with the deployment's key: what the panel, a handler or a
/// terminal sends along as `Miso-Context`. It is worth as much as the key and is made anew for every
/// request or for a minute, never handed to a browser.
///
/// Written as `base64url(JSON) "." base64url(HMAC-SHA256 of the first part)`, without padding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedContext {
    /// Who asks.
    pub user: UserId,
    /// The guild that the permissions are of; it opens no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild: Option<GuildId>,
    /// What they may do there.
    #[serde(default)]
    pub permissions: Permissions,
    /// `panel`, `command`, `import`, `api`: written into the audit.
    pub via: String,
    /// What they are called, for answers and audits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Unix seconds; from then on it is refused.
    pub expires_s: i64,
}

/// A signed context is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContextRefused {
    /// It is not written as one.
    #[error("the context cannot be read")]
    Malformed,
    /// Its signature is of another key, or of other words.
    #[error("the context's signature is wrong")]
    Forged,
    /// Its time is over.
    #[error("the context has expired")]
    Expired,
}

impl SignedContext {
    /// As it is sent.
    #[must_use]
    pub fn sign(&self, key: &[u8]) -> String {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default());
        // An HMAC takes a key of any length: `None` never comes.
        let tag = mac(&payload, key).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
        format!("{payload}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Reads what [`Self::sign`] made with the same key. `now_s` in Unix seconds. The signature is
    /// compared in constant time, and before anything is parsed.
    ///
    /// # Errors
    /// See [`ContextRefused`].
    pub fn verify(text: &str, key: &[u8], now_s: i64) -> Result<Self, ContextRefused> {
        if text.len() > CONTEXT_BYTES {
            return Err(ContextRefused::Malformed);
        }
        let (payload, tag) = text.split_once('.').ok_or(ContextRefused::Malformed)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| ContextRefused::Malformed)?;
        let mac = mac(payload, key).ok_or(ContextRefused::Forged)?;
        mac.verify_slice(&tag).map_err(|_| ContextRefused::Forged)?;
        let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| ContextRefused::Malformed)?;
        let context: Self = serde_json::from_slice(&json).map_err(|_| ContextRefused::Malformed)?;
        if now_s >= context.expires_s { Err(ContextRefused::Expired) } else { Ok(context) }
    }
}

fn mac(payload: &str, key: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(payload.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> SignedContext {
        SignedContext {
            user: UserId(42),
            guild: Some(GuildId(7)),
            permissions: Permissions::MANAGE_GUILD,
            via: "panel".to_owned(),
            name: Some("Ann \u{1F980}".to_owned()),
            expires_s: 100,
        }
    }

    #[test]
    fn a_context_is_read_with_its_key_until_it_expires() {
        let text = context().sign(b"key");
        assert_eq!(SignedContext::verify(&text, b"key", 99), Ok(context()));
        assert_eq!(SignedContext::verify(&text, b"key", 100), Err(ContextRefused::Expired));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "fits into a header");
    }

    #[test]
    fn another_key_other_words_and_anything_cut_are_refused() {
        let text = context().sign(b"key");
        assert_eq!(SignedContext::verify(&text, b"kex", 1), Err(ContextRefused::Forged));
        let (payload, tag) = text.split_once('.').expect("two parts");
        let other = SignedContext { user: UserId(43), ..context() }.sign(b"key");
        let (forged, _) = other.split_once('.').expect("two parts");
        assert_eq!(SignedContext::verify(&format!("{forged}.{tag}"), b"key", 1), Err(ContextRefused::Forged));
        assert_eq!(SignedContext::verify(&format!("{payload}."), b"key", 1), Err(ContextRefused::Forged));
        for cut in 0..text.len() {
            assert!(SignedContext::verify(&text[..cut], b"key", 1).is_err(), "{cut} bytes");
        }
        let long = format!("{}.{tag}", "a".repeat(CONTEXT_BYTES));
        for wrong in ["", ".", "a.b", "ä.ö", long.as_str()] {
            assert!(SignedContext::verify(wrong, b"key", 1).is_err());
        }
    }

    #[test]
    fn a_context_without_guild_has_no_permissions_anywhere() {
        let json = r#"{"user":"1","via":"api","expires_s":9}"#;
        let context: SignedContext = serde_json::from_str(json).expect("reads");
        assert_eq!((context.guild, context.permissions, context.name), (None, Permissions::NONE, None));
    }
}
