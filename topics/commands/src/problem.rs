use serde::{Deserialize, Serialize};

use miso_settings::FieldError;

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
    /// What only some kinds have.
    #[serde(flatten)]
    pub members: Box<ProblemMembers>,
}

/// Members of a [`Problem`] that only some kinds have (RFC 9457: extension members).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProblemMembers {
    /// The version of now, where the caller expected another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<i64>,
    /// Who made it, such as `user/1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When; Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
    /// Those of the caller's fields that were changed since the version they expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Every value that does not fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Seconds after which it may be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem of the kind `urn:miso:problem:<slug>`.
    #[must_use]
    pub fn new(status: u16, slug: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:miso:problem:{slug}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            trace_id: None,
            members: Box::default(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_beside_the_others_and_are_left_out_where_there_are_none() {
        let mut problem = Problem::new(409, "version-conflict", "Changed by somebody else", "Read again.");
        assert_eq!(serde_json::to_value(&problem).expect("writes").as_object().map(serde_json::Map::len), Some(4));
        problem.members.current = Some(3);
        problem.members.fields = vec!["prefix".to_owned()];
        let json = serde_json::to_value(&problem).expect("writes");
        assert_eq!((json["current"].as_i64(), json["fields"][0].as_str()), (Some(3), Some("prefix")));
        assert_eq!(serde_json::from_value::<Problem>(json).expect("reads"), problem);
    }
}
