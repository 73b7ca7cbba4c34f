//! Files that were uploaded with messages, kept for a while so that they can be looked at.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes of all files that are kept; beyond it the oldest are forgotten, and their addresses answer 404.
pub(crate) const UPLOAD_BYTES: usize = 64 * 1024 * 1024;

/// An uploaded file.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) content: Bytes,
    /// Its MIME type, as the uploader said.
    pub(crate) kind: String,
}

/// The files, oldest first, by the path under the CDN's `/attachments`.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    kept: VecDeque<(String, Upload)>,
    bytes: usize,
}

impl Uploads {
    pub(super) fn keep(&mut self, path: String, upload: &Upload) {
        self.bytes += upload.content.len();
        self.kept.push_back((path, upload.clone()));
        while self.bytes > UPLOAD_BYTES
            && let Some((_, forgotten)) = self.kept.pop_front()
        {
            self.bytes -= forgotten.content.len();
        }
    }

    /// The file at `{channel}/{id}/{name}`.
    pub(crate) fn at(&self, path: &str) -> Option<&Upload> {
        self.kept.iter().rev().find(|(kept, _)| kept == path).map(|(_, upload)| upload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_files_are_forgotten_at_the_bound() {
        let mut uploads = Uploads::default();
        let upload =
            |bytes: usize| Upload { name: "a".into(), content: vec![0; bytes].into(), kind: "image/png".into() };
        uploads.keep("1/1/a".into(), &upload(UPLOAD_BYTES / 2));
        uploads.keep("1/2/a".into(), &upload(UPLOAD_BYTES / 2));
        assert!(uploads.at("1/1/a").is_some());
        uploads.keep("1/3/a".into(), &upload(1));
        assert!(uploads.at("1/1/a").is_none() && uploads.at("1/2/a").is_some() && uploads.at("1/3/a").is_some());
    }
}
