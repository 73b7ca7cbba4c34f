//! A credential looks like a Discord token, because libraries take tokens apart:
//! `base64(bot id).base64(group).secret`. Pure.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use miso_model::{HashedSecret, Payload};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Longer credentials are not looked at, bytes.
pub(crate) const MAX_CREDENTIAL_BYTES: usize = 512;
/// Random bytes of a new secret.
const SECRET_BYTES: usize = 24;
const SALT_BYTES: usize = 16;

const PADDED_OR_NOT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a client gave, taken apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a> {
    /// All of it, without `Bot ` in front.
    pub whole: &'a str,
    /// The group's name in base64 and the secret, where it is in three parts.
    pub parts: Option<(&'a str, &'a str)>,
}

impl std::fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential")
    }
}

impl<'a> Credential<'a> {
    /// Takes it apart. `None` when it is empty or too long to be one.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let whole = text.trim();
        let whole = whole.strip_prefix("Bot ").unwrap_or(whole).trim_start();
        if whole.is_empty() || whole.len() > MAX_CREDENTIAL_BYTES {
            return None;
        }
        let mut parts = whole.splitn(3, '.');
        let parts = match (parts.next(), parts.next(), parts.next()) {
            (Some(_), Some(group), Some(secret)) if !secret.is_empty() => Some((group, secret)),
            _ => None,
        };
        Some(Self { whole, parts })
    }

    /// The group's name, where the middle part is one.
    #[must_use]
    pub fn group(&self) -> Option<String> {
        let (group, _) = self.parts?;
        String::from_utf8(PADDED_OR_NOT.decode(group).ok()?).ok()
    }
}

/// The credential of a group as a handler is configured with it. The first part is not checked.
#[must_use]
pub fn credential(bot_id: u64, group: &str, secret: &str) -> String {
    let first = BASE64_URL_SAFE_NO_PAD.encode(bot_id.to_string());
    format!("{first}.{}.{secret}", BASE64_URL_SAFE_NO_PAD.encode(group))
}

/// A new secret: random, of URL-safe letters.
pub(crate) fn new_secret(random: &mut impl rand::RngCore) -> String {
    let mut bytes = [0; SECRET_BYTES];
    random.fill_bytes(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// What is kept of a secret.
pub(crate) fn hashed(secret: &str, created_ms: i64, random: &mut impl rand::RngCore) -> HashedSecret {
    let mut salt = [0; SALT_BYTES];
    random.fill_bytes(&mut salt);
    let sha256 = digest(&salt, secret);
    HashedSecret { salt: Payload::from(salt.to_vec()), sha256: Payload::from(sha256.to_vec()), created_ms }
}

/// Whether `secret` is one of those, in time that does not tell how much of it was right.
pub(crate) fn is_one_of(secrets: &[HashedSecret], secret: &str) -> bool {
    let mut found = subtle::Choice::from(0);
    for kept in secrets {
        found |= digest(&kept.salt, secret)[..].ct_eq(&kept.sha256);
    }
    found.into()
}

fn digest(salt: &[u8], secret: &str) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(salt);
    sha.update(secret.as_bytes());
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_credential_names_its_group_with_or_without_bot_in_front() {
        let text = credential(175_928_847_299_117_063, "music", "s3cret-with.a.dot");
        for given in [text.clone(), format!("Bot {text}"), format!(" {text}\n")] {
            let credential = Credential::parse(&given).expect("a credential");
            assert_eq!(credential.group().as_deref(), Some("music"));
            assert_eq!(credential.parts.expect("three parts").1, "s3cret-with.a.dot");
        }
        // Padded base64, as some tools write it.
        assert_eq!(Credential::parse("MQ==.bXVzaWM=.x").and_then(|c| c.group()).as_deref(), Some("music"));
    }

    #[test]
    fn only_the_right_secret_is_accepted() {
        let mut random = StdRng::seed_from_u64(1);
        let secret = new_secret(&mut random);
        let kept = [hashed("older", 0, &mut random), hashed(&secret, 0, &mut random)];
        assert!(is_one_of(&kept, &secret));
        assert!(is_one_of(&kept, "older"));
        assert!(!is_one_of(&kept, &secret[1..]));
        assert!(!is_one_of(&kept, ""));
        assert!(!is_one_of(&[], &secret));
    }

    #[test]
    fn what_is_no_credential_is_none() {
        assert!(Credential::parse("").is_none());
        assert!(Credential::parse("  ").is_none());
        assert!(Credential::parse(&"x".repeat(MAX_CREDENTIAL_BYTES + 1)).is_none());
        assert!(Credential::parse("a.b").expect("bare").parts.is_none());
        assert!(Credential::parse("a.%%%.c").expect("odd").group().is_none());
    }
}
