use serde::{Deserialize, Serialize};

use crate::{Colour, Document};

/// An error answer (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:miso:problem:<slug>`; stable.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in a few words; stable.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong this time and what to do.
    pub detail: String,
    /// Finds this answer in the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The aggregate's version, where the caller expected another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

impl Problem {
    /// A problem of the kind `urn:miso:problem:<slug>`.
    #[must_use]
    pub fn new(status: u16, slug: &str, title: &str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:miso:problem:{slug}");
        Self { kind, title: title.to_owned(), status, detail: detail.into(), trace_id: None, version: None }
    }

    /// The last part of the kind.
    #[must_use]
    pub fn slug(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// How a person is told: a warning where they can mend it, an error with the trace id where not.
    #[must_use]
    pub fn document(&self) -> Document {
        if self.status < 500 {
            return Document::text(Colour::Warning, &*self.detail);
        }
        let document = Document::text(Colour::Error, &*self.detail);
        match &self.trace_id {
            Some(trace) => document.footer(format!("trace {trace}")),
            None => document,
        }
    }
}
