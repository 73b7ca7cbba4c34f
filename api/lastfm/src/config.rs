use std::path::PathBuf;
use std::time::Duration;

use crate::Clock;

/// Section of the configuration.
#[derive(Clone)]
pub struct LastfmConfig {
    /// `MISO_CLUSTER_KEY`: callers send it as `Authorization: Bearer <key>`. Empty: nobody is let in.
    pub cluster_key: String,
    /// `LASTFM_API_KEY`; without it Last.fm refuses every call, and callers are told `bad-key`.
    pub api_key: String,
    /// `MISO_LASTFM_API_URL`.
    pub api_url: String,
    /// `MISO_LASTFM_SITE_URL`: where the pages are that the API's gaps are filled from.
    pub site_url: String,
    /// `MISO_LASTFM_PER_SECOND`: requests a second to Last.fm's API and pages together, 1 to 100; the burst is
    /// [`BURST`](crate::BURST). Pictures are not counted: they come from a network for files.
    pub per_second: u32,
    /// Fonts of charts, the first that has a sign draws it; empty: the known places of the system.
    pub fonts: Vec<PathBuf>,
    /// How long one answer of Last.fm is waited for.
    pub patience: Duration,
    /// Ages and circuits go by it; tests move it on.
    pub clock: Clock,
}

impl Default for LastfmConfig {
    fn default() -> Self {
        Self {
            cluster_key: String::new(),
            api_key: String::new(),
            api_url: "https://ws.audioscrobbler.com/2.0/".to_owned(),
            site_url: "https://www.last.fm".to_owned(),
            per_second: 4,
            fonts: Vec::new(),
            patience: Duration::from_secs(6),
            clock: Clock::default(),
        }
    }
}

impl std::fmt::Debug for LastfmConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |secret: &str| if secret.is_empty() { "unset" } else { "set" };
        f.debug_struct("LastfmConfig")
            .field("cluster_key", &said(&self.cluster_key))
            .field("api_key", &said(&self.api_key))
            .field("api_url", &self.api_url)
            .field("site_url", &self.site_url)
            .field("per_second", &self.per_second)
            .field("fonts", &self.fonts)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let config = LastfmConfig { cluster_key: "abc".into(), api_key: "def".into(), ..LastfmConfig::default() };
        let shown = format!("{config:?}");
        assert!(!shown.contains("abc") && !shown.contains("def"), "{shown}");
    }
}
