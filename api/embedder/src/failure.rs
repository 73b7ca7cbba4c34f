//! What goes wrong, in the service's own words, and how the caller is told.

use miso_command_catalogue::Problem;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No URL that this service looks up.
    Unsupported(&'static str),
    /// The URL leads where nobody outside is let.
    Blocked(&'static str),
    /// The provider itself says that there is nothing (any more).
    Gone,
    /// The provider itself says that only some may see it.
    Private,
    /// The provider shows it only to those who are logged in.
    LoginRequired,
    /// The provider shows it only to those who proved their age.
    AgeRestricted,
    /// More bytes than the caller takes.
    TooLarge {
        /// What was allowed.
        max_bytes: u64,
    },
    /// Too much is under way.
    Busy,
    /// No strategy got an answer that makes sense: what was tried, as in `meta.tried`.
    Broken(Vec<String>),
    /// Time ran out: what was tried, as in `meta.tried`.
    Slow(Vec<String>),
}

impl Failure {
    /// The last part of the problem's kind; stable.
    pub(crate) fn slug(&self) -> &'static str {
        match self {
            Self::Unsupported(_) => "unsupported_url",
            Self::Blocked(_) => "blocked_address",
            Self::Gone => "gone",
            Self::Private => "private",
            Self::LoginRequired => "login_required",
            Self::AgeRestricted => "age_restricted",
            Self::TooLarge { .. } => "too_large",
            Self::Busy => "busy",
            Self::Broken(_) => "provider_broken",
            Self::Slow(_) => "provider_slow",
        }
    }

    /// How the caller is told.
    pub(crate) fn problem(&self) -> Problem {
        let (status, title, detail) = match self {
            Self::Unsupported(reason) => (415, "Not a link to look up", (*reason).to_owned()),
            Self::Blocked(reason) => (422, "An address that is not open to the public", (*reason).to_owned()),
            Self::Gone => (404, "Gone", "The site says that this does not exist (any more).".to_owned()),
            Self::Private => (403, "Private", "The site shows this only to those its author chose.".to_owned()),
            Self::LoginRequired => (403, "Login required", "The site shows this only to those who log in.".to_owned()),
            Self::AgeRestricted => {
                (403, "Age restricted", "The site shows this only to adults who are logged in.".to_owned())
            }
            Self::TooLarge { max_bytes } => (
                413,
                "Too large",
                format!("It has more than {max_bytes} bytes: ask for more, or open the link itself."),
            ),
            Self::Busy => {
                (429, "Too much at once", "Too many links are being looked up. Try again shortly.".to_owned())
            }
            Self::Broken(tried) => (
                502,
                "The site does not answer as expected",
                told("Try again in a minute, or open the link itself.", tried),
            ),
            Self::Slow(tried) => {
                (504, "The site is too slow", told("Try again in a minute, or open the link itself.", tried))
            }
        };
        let mut problem = Problem::new(status, self.slug(), title, detail);
        problem.members.retry_after = match self {
            Self::Busy => Some(1),
            Self::Broken(_) | Self::Slow(_) => Some(30),
            _ => None,
        };
        problem
    }
}

fn told(advice: &str, tried: &[String]) -> String {
    if tried.is_empty() { advice.to_owned() } else { format!("{advice} Tried: {}.", tried.join(", ")) }
}
