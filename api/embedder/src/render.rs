//! What is known becomes an answer: its age, and files of the size that the caller takes. Pure.

use crate::answer::{Answer, Media, Meta, Post};
use crate::cache::Known;
use crate::chain::Found;
use crate::moment;
use crate::providers::Providers;
use crate::sign::{GOOD_S, Grant, Signer};

/// Makes answers.
#[derive(Debug)]
pub(crate) struct Renderer {
    pub(crate) signer: Signer,
    /// What some providers' files are asked for with.
    referers: Vec<(String, String)>,
}

impl Renderer {
    pub(crate) fn new(signer: Signer, providers: &Providers) -> Self {
        let referer = |name: &String| Some((name.clone(), providers.referer(name)?.to_owned()));
        Self { signer, referers: providers.all.iter().filter_map(|provider| referer(&provider.name)).collect() }
    }

    pub(crate) fn answer(&self, found: &Found, known: &Known, max_bytes: u64, now_ms: i64) -> Answer {
        let mut post = found.post.clone();
        let referer =
            self.referers.iter().find(|(name, _)| *name == post.provider).map(|(_, referer)| referer.as_str());
        let signing = Signing { signer: &self.signer, referer, max_bytes, now_s: now_ms / 1_000 };
        signing.post(&mut post);
        let mut degraded = found.degraded.clone();
        if known.is_late {
            degraded.push("freshness".to_owned());
        }
        let age_s = u64::try_from(known.age_ms / 1_000).unwrap_or(0);
        Answer { post, meta: Meta { strategy: found.strategy.clone(), tried: found.tried.clone(), age_s, degraded } }
    }
}

struct Signing<'a> {
    signer: &'a Signer,
    referer: Option<&'a str>,
    max_bytes: u64,
    now_s: i64,
}

impl Signing<'_> {
    fn post(&self, post: &mut Post) {
        post.media.iter_mut().for_each(|media| self.media(media));
        for nested in [&mut post.quoted, &mut post.parent].into_iter().flatten() {
            self.post(nested);
        }
    }

    fn media(&self, media: &mut Media) {
        if media.is_page {
            return;
        }
        let ends_s = media.expires_at.as_deref().and_then(moment::to_unix).unwrap_or(i64::MAX);
        let expires_s = ends_s.min(self.now_s + GOOD_S);
        let duration_ms = media.duration_ms;
        for variant in &mut media.variants {
            variant.file = Some(self.file(&variant.url, expires_s));
        }
        let fits = |bytes: Option<u64>| bytes.is_none_or(|bytes| bytes <= self.max_bytes);
        let estimate = |bytes: Option<u64>, bitrate: Option<u64>| {
            bytes.or_else(|| Some(bitrate?.saturating_mul(duration_ms?) / 8_000))
        };
        if media.variants.is_empty() {
            media.file = fits(media.bytes).then(|| self.file(&media.url, expires_s));
            return;
        }
        // The best that the caller takes; where no size is known, the file's own bound decides.
        let chosen = media.variants.iter().find(|variant| fits(estimate(variant.bytes, variant.bitrate)));
        media.file = chosen.and_then(|variant| variant.file.clone());
        if let Some(chosen) = chosen {
            media.bytes = chosen.bytes;
        }
    }

    fn file(&self, url: &str, expires_s: i64) -> String {
        let referer = self.referer.map(str::to_owned);
        let grant = Grant { url: url.to_owned(), max_bytes: self.max_bytes, expires_s, referer };
        format!("/v1/file/{}", self.signer.sign(&grant))
    }
}

/// Until when a site serves an address that carries its own signature: RFC 3339.
pub(crate) fn signed_until(url: &str) -> Option<String> {
    let query = url.split_once('?')?.1;
    let seconds = form_urlencoded::parse(query.as_bytes()).find_map(|(name, value)| match &*name {
        "x-expires" | "expires" | "Expires" => value.parse().ok(),
        // Meta's, in hexadecimal.
        "oe" => i64::from_str_radix(&value, 16).ok(),
        _ => None,
    })?;
    // Anything else is no time of these years.
    (1_500_000_000..5_000_000_000).contains(&seconds).then(|| moment::of_unix(seconds))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Variant;

    fn file_of(media: &mut Media, max_bytes: u64) -> Option<String> {
        let signer = Signer::new("key").expect("a signer");
        Signing { signer: &signer, referer: None, max_bytes, now_s: 0 }.media(media);
        let token = media.file.as_ref()?.strip_prefix("/v1/file/")?.to_owned();
        Some(signer.verify(&token, 0).expect("good").url)
    }

    #[test]
    fn the_best_variant_that_fits_is_the_file() {
        let variant = |url: &str, bytes, bitrate| Variant { url: url.into(), bytes, bitrate, file: None };
        let variants =
            vec![variant("a", Some(900), None), variant("b", None, Some(4_000)), variant("c", Some(100), None)];
        let media = Media { duration_ms: Some(1_000), ..Media::video(variants).expect("sizes") };
        assert_eq!(file_of(&mut media.clone(), 1_000).as_deref(), Some("a"));
        assert_eq!(file_of(&mut media.clone(), 500).as_deref(), Some("b"), "4,000 bits a second for one second");
        assert_eq!(file_of(&mut media.clone(), 499).as_deref(), Some("c"));
        let mut large = media;
        assert_eq!(file_of(&mut large, 99), None);
        assert!(large.variants.iter().all(|variant| variant.file.is_some()));
    }

    #[test]
    fn the_end_of_a_signed_address_is_read() {
        assert_eq!(signed_until("https://a.example/b?x-expires=1539202764").as_deref(), Some("2018-10-10T20:19:24Z"));
        assert_eq!(signed_until("https://a.example/b?a=1&oe=5BBE5ECC").as_deref(), Some("2018-10-10T20:19:24Z"));
        assert_eq!(signed_until("https://a.example/b?oe=zz&expires=5"), None);
    }
}
