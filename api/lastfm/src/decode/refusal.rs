//! Errors of the API: `{"error": 6, "message": "…"}`, often with 200.

use serde_json::Value;

use super::quirk::{number, text};
use crate::fault::Fault;

/// The refusal in an answer to `method`, if it is one.
pub(crate) fn refusal(method: &str, answer: &Value) -> Option<Fault> {
    let code = number(&answer["error"])?;
    let message = text(&answer["message"]).unwrap_or_default().to_lowercase();
    Some(match code {
        6 | 7 => missing(method, &message),
        8 | 11 | 16 => Fault::Down("an error of its own"),
        10 | 26 => Fault::BadKey,
        17 => Fault::Private,
        29 => Fault::RateLimited,
        code => {
            tracing::warn!(method, code, "Last.fm answered an error that is not known here");
            Fault::Down("an unknown error")
        }
    })
}

fn missing(method: &str, message: &str) -> Fault {
    let kind = method.split('.').next().unwrap_or_default();
    if kind == "user" || message.contains("user") {
        return Fault::UserNotFound;
    }
    Fault::NotFound(match kind {
        "artist" => "artist",
        "album" => "album",
        "track" => "track",
        _ => "thing",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_known_code_is_told_apart() {
        let of = |method: &str, code: u64| refusal(method, &json!({"error": code, "message": "…"}));
        assert_eq!(of("user.getInfo", 6), Some(Fault::UserNotFound));
        assert_eq!(of("album.getInfo", 6), Some(Fault::NotFound("album")));
        let unknown = json!({"error": "6", "message": "User not found"});
        assert_eq!(refusal("track.getInfo", &unknown), Some(Fault::UserNotFound), "as text, too");
        assert_eq!(of("user.getRecentTracks", 17), Some(Fault::Private));
        assert_eq!(of("user.getInfo", 29), Some(Fault::RateLimited));
        for code in [10, 26] {
            assert_eq!(of("user.getInfo", code), Some(Fault::BadKey));
        }
        for code in [8, 11, 16, 99] {
            assert!(matches!(of("user.getInfo", code), Some(Fault::Down(_))), "{code}");
        }
        assert_eq!(refusal("user.getInfo", &json!({"user": {}})), None);
    }
}
