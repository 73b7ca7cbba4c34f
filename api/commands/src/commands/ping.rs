use miso_command_catalogue::{Colour, Context, Document};

/// Beyond so many milliseconds it is no latency: the clocks disagree, or the message had to wait.
const PLAUSIBLE_MS: i64 = 60_000;

/// Says that the bot is there, and how long it took the message to get here.
pub(crate) fn ping(context: &Context, now_ms: i64) -> Document {
    let took = context.said_ms.map(|said| (now_ms - said).max(0)).filter(|took| *took < PLAUSIBLE_MS);
    let text = match took {
        Some(took) => format!("Pong! Your message took {took} ms to get here."),
        None => "Pong!".to_owned(),
    };
    Document::text(Colour::Info, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_tells_the_time_it_took_where_that_is_plausible() {
        let said = |said_ms| {
            let json = serde_json::json!({"platform": "discord", "user": "1", "said_ms": said_ms});
            let context = serde_json::from_value(json).expect("context");
            ping(&context, 100_000).text.expect("text")
        };
        assert!(said(Some(99_958)).contains("42 ms"));
        assert!(said(Some(100_100)).contains(" 0 ms"));
        assert_eq!(said(Some(1_000)), "Pong!");
        assert_eq!(said(None), "Pong!");
    }
}
