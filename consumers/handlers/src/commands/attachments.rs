//! Files that go along with an answer, fetched from the services that hold them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use miso_command_catalogue::{Attachment, Document, FROM_EMBEDDER, FROM_LASTFM};

use super::CommandsHandlerConfig;
use crate::HandlersError;
use crate::form::File;

/// Files of one answer, at most; what is beyond is left out.
pub const MAX_ATTACHMENTS: usize = 4;
/// Bytes of one file, at most; a larger one is left out, and the answer says so.
pub const MAX_ATTACHMENT_BYTES: usize = 5_500_000;
/// Bytes of all files of one answer: with its text it must fit into an action. What is beyond is left out,
/// and the answer says so.
pub const MESSAGE_ATTACHMENT_BYTES: usize = 15 * 1_024 * 1_024;
/// Bytes of all files that one batch of answers holds in memory; what is beyond is left out, and the
/// answer says so.
pub const ATTACHMENT_BATCH_BYTES: usize = 64 * 1_024 * 1_024;
/// One file is waited for so long; then the answer goes without it, and says so.
pub const ATTACHMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a batch of answers may still hold.
#[derive(Debug)]
pub(crate) struct Allowance(AtomicUsize);

impl Default for Allowance {
    fn default() -> Self {
        Self(AtomicUsize::new(ATTACHMENT_BATCH_BYTES))
    }
}

impl Allowance {
    fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes)).is_ok()
    }
}

/// Asks the services that hold files.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    http: reqwest::Client,
    lastfm: Option<String>,
    embedder: Option<String>,
    key: Option<String>,
}

impl Files {
    pub(crate) fn new(config: &CommandsHandlerConfig) -> Result<Self, HandlersError> {
        let http = reqwest::Client::builder()
            .timeout(ATTACHMENT_TIMEOUT)
            .connect_timeout(Duration::from_secs(2))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| HandlersError::Client(error.to_string()))?;
        let base = |url: &Option<String>| url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let (lastfm, embedder) = (base(&config.lastfm_url), base(&config.embedder_url));
        Ok(Self { http, lastfm, embedder, key: config.cluster_key.clone() })
    }

    /// Fetches a document's files. What cannot be had is left out of it, with the images that show it, and
    /// its small print says so.
    pub(crate) async fn of(&self, document: &mut Document, allowance: &Allowance) -> Vec<File> {
        let attachments = std::mem::take(&mut document.attachments);
        let fetched =
            join_all(attachments.iter().take(MAX_ATTACHMENTS).map(|attachment| self.fetch(attachment, allowance)))
                .await;
        let mut files = Vec::new();
        let mut held = 0;
        for (index, attachment) in attachments.iter().enumerate() {
            let found = match fetched.get(index) {
                Some(Ok(file)) => Ok(file),
                Some(Err(why)) => Err(*why),
                None => Err("too_many"),
            };
            let fits = found.and_then(|file| {
                let size = file.bytes.len();
                let fits = held + size <= MESSAGE_ATTACHMENT_BYTES;
                if fits { Ok(file) } else { Err("too_large") }
            });
            let sent = fits.as_ref().ok().map(|file| file.name.clone());
            match fits {
                Ok(file) => {
                    held += file.bytes.len();
                    metrics::counter!("miso_handlers_attachments_total", "result" => "sent").increment(1);
                    files.push(file.clone());
                }
                Err(why) => {
                    metrics::counter!("miso_handlers_attachments_total", "result" => why).increment(1);
                    tracing::warn!(why, "a file of an answer cannot be had");
                }
            }
            show(document, &attachment.name, sent.as_deref());
        }
        if files.len() < attachments.len() {
            note(document, "The picture could not be had in time; please try again.");
        }
        files
    }

    async fn fetch(&self, attachment: &Attachment, allowance: &Allowance) -> Result<File, &'static str> {
        let (base, path) = match (attachment.url.strip_prefix(FROM_LASTFM), attachment.url.strip_prefix(FROM_EMBEDDER))
        {
            (Some(path), _) => (self.lastfm.as_ref(), path),
            (None, Some(path)) => (self.embedder.as_ref(), path),
            (None, None) => return Err("unknown_address"),
        };
        let base = base.ok_or("not_set_up")?;
        if !path.starts_with("/v1/") {
            return Err("unknown_address");
        }
        let mut request = self.http.get(format!("{base}{path}"));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let mut response = request.send().await.map_err(|_| "unreachable")?;
        if response.status() != reqwest::StatusCode::OK {
            return Err("refused");
        }
        let kind = response.headers().get(reqwest::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let mime = kind.filter(|kind| is_mime(kind)).unwrap_or("application/octet-stream").to_owned();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| "broke_off")? {
            if bytes.len() + chunk.len() > MAX_ATTACHMENT_BYTES || !allowance.take(chunk.len()) {
                return Err("too_large");
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(File { name: attachment.sent_name(), mime, bytes: Bytes::from(bytes) })
    }
}

/// Leaves a document's files where they are, and says why they are not there.
pub(crate) fn without(document: &mut Document, why: &str) {
    let attachments = std::mem::take(&mut document.attachments);
    for attachment in &attachments {
        show(document, &attachment.name, None);
    }
    if !attachments.is_empty() {
        note(document, why);
    }
}

/// Images of a file get the name under which it is sent; without it they go.
fn show(document: &mut Document, name: &str, sent: Option<&str>) {
    let address = format!("attachment://{name}");
    match sent {
        Some(sent) => {
            for image in document.images.iter_mut().filter(|image| image.url == address) {
                image.url = format!("attachment://{sent}");
            }
        }
        None => document.images.retain(|image| image.url != address),
    }
}

fn note(document: &mut Document, text: &str) {
    document.footer = Some(match document.footer.take() {
        Some(footer) => format!("{footer} · {text}"),
        None => text.to_owned(),
    });
}

/// What may stand in a part's head.
fn is_mime(kind: &str) -> bool {
    kind.len() <= 100
        && kind.contains('/')
        && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"/+-.;= ".contains(&b))
}

#[cfg(test)]
mod tests {
    use miso_command_catalogue::{Colour, ImageRole};

    use super::*;

    fn chart() -> Document {
        Document::text(Colour::Lastfm, "Your week")
            .attachment("chart.png", "lastfm:/v1/charts?user=ann")
            .image(ImageRole::Main, "attachment://chart.png")
    }

    fn files(lastfm: Option<&str>) -> Files {
        let mut config = CommandsHandlerConfig::new("http://127.0.0.1:1", None);
        config.lastfm_url = lastfm.map(str::to_owned);
        Files::new(&config).expect("a client")
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_had_leaves_the_text_and_says_so() {
        for from in [None, Some("http://127.0.0.1:1")] {
            let mut document = chart().footer("7 days");
            let sent = files(from).of(&mut document, &Allowance::default()).await;
            assert!(sent.is_empty() && document.images.is_empty() && document.attachments.is_empty());
            assert_eq!(document.text.as_deref(), Some("Your week"));
            let footer = document.footer.expect("told");
            assert!(footer.starts_with("7 days · ") && footer.contains("could not be had"), "{footer}");
        }
    }

    #[test]
    fn a_batch_holds_no_more_than_its_allowance() {
        let allowance = Allowance::default();
        assert!(allowance.take(ATTACHMENT_BATCH_BYTES - 10) && allowance.take(10) && !allowance.take(1));
    }

    #[test]
    fn a_type_that_could_break_a_part_is_not_repeated() {
        assert!(is_mime("image/png") && is_mime("text/plain; charset=utf-8"));
        assert!(!is_mime("image/png\r\nX: y") && !is_mime("png"));
    }

    #[test]
    fn a_picture_that_may_not_be_sent_takes_its_image_along() {
        let mut document = chart();
        without(&mut document, "I need Attach Files here.");
        assert!(document.images.is_empty() && document.footer.as_deref() == Some("I need Attach Files here."));
    }
}
