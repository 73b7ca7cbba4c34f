//! IDENTIFY, checked: what a client must say, and the close code when it does not.

use serde_json::Value;

use crate::intents;

/// An IDENTIFY that passed every check.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identify {
    pub(super) shard: u64,
    pub(super) shards: u64,
    pub(super) intents: u64,
    pub(super) large_threshold: usize,
}

pub(super) fn token_fits(given: &Value, token: &str) -> bool {
    given.as_str().is_some_and(|given| given.strip_prefix("Bot ").unwrap_or(given) == token)
}

impl Identify {
    pub(super) fn read(data: &Value, token: &str, flags: u64) -> Result<Self, (u16, &'static str)> {
        if !data.is_object() {
            return Err((4002, "Error while decoding payload."));
        }
        if !token_fits(&data["token"], token) {
            return Err((4004, "Authentication failed."));
        }
        let (shard, shards) = match &data["shard"] {
            Value::Null => (0, 1),
            shard => match (shard[0].as_u64(), shard[1].as_u64()) {
                (Some(shard), Some(shards)) if shard < shards => (shard, shards),
                _ => return Err((4010, "Invalid shard.")),
            },
        };
        let intents = data["intents"]
            .as_u64()
            .filter(|intents| intents::are_known(*intents))
            .ok_or((4013, "Invalid intent(s)."))?;
        if !intents::are_allowed(intents, flags) {
            return Err((4014, "Disallowed intent(s)."));
        }
        let large_threshold = data["large_threshold"].as_u64().unwrap_or(50).clamp(50, 250);
        Ok(Self { shard, shards, intents, large_threshold: usize::try_from(large_threshold).unwrap_or(50) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn identify_is_refused_with_the_documented_codes() {
        let read = |data: Value| Identify::read(&data, "t", 0).map_err(|(code, _)| code);
        assert_eq!(read(json!([])), Err(4002));
        assert_eq!(read(json!({"token": "x", "intents": 1})), Err(4004));
        assert_eq!(read(json!({"token": "Bot t", "intents": 1, "shard": [2, 2]})), Err(4010));
        assert_eq!(read(json!({"token": "t"})), Err(4013));
        assert_eq!(read(json!({"token": "t", "intents": 1_u64 << 30})), Err(4013));
        assert_eq!(read(json!({"token": "t", "intents": 1 << 15})), Err(4014));
        let fine = Identify { shard: 1, shards: 4, intents: 513, large_threshold: 250 };
        assert_eq!(read(json!({"token": "t", "intents": 513, "shard": [1, 4], "large_threshold": 900})), Ok(fine));
    }
}
