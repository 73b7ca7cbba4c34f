use miso_command_catalogue::Problem;
use miso_http::Refusal;

/// Why Last.fm gave no answer. What it said itself is remembered like an answer; the rest may pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// Error 6 of a user's method.
    #[error("no such user")]
    UserNotFound,
    /// Error 6 of another method, or a page that is not there.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The user listened to nothing in the period.
    #[error("nothing was listened to")]
    Nothing,
    /// Error 17: the user hides what they listen to.
    #[error("the user's listening is private")]
    Private,
    /// Error 29, or 429.
    #[error("Last.fm allows no more requests for now")]
    RateLimited,
    /// Errors 8, 11 and 16, a page instead of JSON, no connection.
    #[error("Last.fm is down: {0}")]
    Down(&'static str),
    /// No whole answer in time.
    #[error("Last.fm is slow")]
    Slow,
    /// Errors 10 and 26.
    #[error("Last.fm refuses the API key")]
    BadKey,
    /// JSON of another shape than known.
    #[error("Last.fm's answer to {0} has an unknown shape")]
    Shape(&'static str),
    /// Too many wait for the budget here.
    #[error("too much waits for Last.fm")]
    Busy,
}

impl Fault {
    /// Last.fm's own word about what was asked: good for as long as a negative answer is.
    pub(crate) fn is_word(&self) -> bool {
        match self {
            Self::UserNotFound | Self::NotFound(_) | Self::Nothing | Self::Private => true,
            Self::RateLimited | Self::Down(_) | Self::Slow | Self::BadKey | Self::Shape(_) | Self::Busy => false,
        }
    }

    /// What the caller is told, and what to do.
    pub(crate) fn problem(&self) -> Problem {
        let after = |mut problem: Problem, seconds: u32| {
            problem.members.retry_after = Some(seconds);
            problem
        };
        match self {
            Self::UserNotFound => {
                let detail = "Last.fm knows no user of that name. Check the spelling on last.fm.";
                Problem::new(404, "user-not-found", "No such user", detail)
            }
            Self::NotFound(what) => Problem::new(
                404,
                "not-found",
                "Not found",
                format!("Last.fm knows no such {what}. Check the spelling."),
            ),
            Self::Nothing => {
                let detail = "The user listened to nothing in that period, or to nothing of that colour.";
                Problem::new(404, "nothing-listened", "Nothing to show", detail)
            }
            Self::Private => Problem::new(
                403,
                "listening-private",
                "The user's listening is private",
                "They can change that on last.fm: Settings, Privacy, Hide recent listening information.",
            ),
            Self::RateLimited => {
                let detail = "Last.fm allows no more requests for now. Try again in a moment.";
                after(Problem::new(429, "rate-limited", "Too many requests", detail), 5)
            }
            Self::Down(_) | Self::Shape(_) => {
                let detail = "Last.fm has a problem of its own. Try again in a few minutes.";
                after(Problem::new(503, "upstream-down", "Last.fm is down", detail), 30)
            }
            Self::Slow => {
                let detail = "Last.fm did not answer in time. Try again in a moment.";
                after(Problem::new(504, "upstream-slow", "Last.fm is slow", detail), 10)
            }
            Self::BadKey => {
                let detail = "Last.fm refuses LASTFM_API_KEY: whoever runs this Miso has to set a key of last.fm/api.";
                Problem::new(500, "bad-key", "The API key is refused", detail)
            }
            Self::Busy => {
                let detail = "Too many questions wait for Last.fm. Try again in a moment.";
                after(Problem::new(429, "busy", "Too much at once", detail), 5)
            }
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self(fault.problem())
    }
}
