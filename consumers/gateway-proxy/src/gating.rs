//! Fields that need the MESSAGE_CONTENT intent: emptied for clients without it, unless the bot is
//! mentioned, is the author, or the message is a direct one. Unknown fields pass through. Pure.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// Whether events of this type have such fields.
pub(crate) fn is_gated(event_type: &str) -> bool {
    matches!(event_type, "MESSAGE_CREATE" | "MESSAGE_UPDATE" | "AUTO_MODERATION_ACTION_EXECUTION")
}

/// The event's `d` as a client without MESSAGE_CONTENT gets it; `None`: as it is.
pub(crate) fn strip(event_type: &str, d: &[u8], own_user: u64, in_guild: bool) -> Option<Vec<u8>> {
    let object: Object<'_> = serde_json::from_slice(d).ok()?;
    let mut out = Vec::with_capacity(d.len());
    if event_type == "AUTO_MODERATION_ACTION_EXECUTION" {
        object.write(&mut out, |name, _, _| match name {
            "content" | "matched_content" => Field::Is("\"\""),
            _ => Field::Stays,
        });
        return Some(out);
    }
    if !in_guild {
        return None;
    }
    message(&object, own_user, 0, &mut out);
    Some(out)
}

/// Messages within messages are looked into so deep; below, they are left out.
const MAX_DEPTH: usize = 4;

fn message(object: &Object<'_>, own_user: u64, depth: usize, out: &mut Vec<u8>) {
    let open = object.is_open_to(own_user);
    object.write(out, |name, value, out| match name {
        "content" if !open => Field::Is("\"\""),
        "embeds" | "attachments" | "components" if !open => Field::Is("[]"),
        "poll" if !open => Field::Gone,
        "referenced_message" => nested(value, own_user, depth, out),
        "message_snapshots" if !open => Field::Is("[]"),
        _ => Field::Stays,
    });
}

fn nested(value: &RawValue, own_user: u64, depth: usize, out: &mut Vec<u8>) -> Field {
    match serde_json::from_str::<Object<'_>>(value.get()) {
        Ok(inner) if depth < MAX_DEPTH => {
            message(&inner, own_user, depth + 1, out);
            Field::Written
        }
        Ok(_) => Field::Is("null"),
        Err(_) => Field::Stays,
    }
}

enum Field {
    Stays,
    Is(&'static str),
    Gone,
    Written,
}

/// A JSON object, its fields in order and unread.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl Object<'_> {
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|&(_, value)| value)
    }

    /// The bot is its author or mentioned in it.
    fn is_open_to(&self, user: u64) -> bool {
        #[derive(Deserialize)]
        struct WithId<'a> {
            #[serde(borrow)]
            id: Cow<'a, str>,
        }
        let is_user = |with: &WithId<'_>| with.id.parse() == Ok(user);
        let author = self.get("author").and_then(|raw| serde_json::from_str::<WithId<'_>>(raw.get()).ok());
        let mentions = self.get("mentions").and_then(|raw| serde_json::from_str::<Vec<WithId<'_>>>(raw.get()).ok());
        author.as_ref().is_some_and(is_user) || mentions.is_some_and(|all| all.iter().any(is_user))
    }

    /// Writes it anew. `change` may itself write a field's value (and then says so).
    fn write(&self, out: &mut Vec<u8>, mut change: impl FnMut(&str, &RawValue, &mut Vec<u8>) -> Field) {
        out.push(b'{');
        let mut first = true;
        for (name, value) in &self.0 {
            let before = out.len();
            if !first {
                out.push(b',');
            }
            // A string's JSON cannot fail to be written to memory.
            let _ = serde_json::to_writer(&mut *out, name);
            out.push(b':');
            match change(name, value, out) {
                Field::Stays => out.extend_from_slice(value.get().as_bytes()),
                Field::Is(text) => out.extend_from_slice(text.as_bytes()),
                Field::Written => {}
                Field::Gone => {
                    out.truncate(before);
                    continue;
                }
            }
            first = false;
        }
        out.push(b'}');
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                #[derive(Deserialize)]
                struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
                let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(32).min(64));
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Object(fields))
            }
        }
        d.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stripped(d: &Value, in_guild: bool) -> Value {
        let bytes = d.to_string().into_bytes();
        strip("MESSAGE_CREATE", &bytes, 7, in_guild)
            .map_or_else(|| d.clone(), |out| serde_json::from_slice(&out).expect("JSON"))
    }

    fn sample(author: &str, mentions: &Value) -> Value {
        json!({
            "id": "1", "content": "secret", "embeds": [{}], "attachments": [{}], "components": [{}],
            "poll": {"question": {}}, "author": {"id": author}, "mentions": mentions, "new_field": {"kept": true},
        })
    }

    #[test]
    fn content_is_emptied_and_everything_else_stays() {
        let out = stripped(&sample("1", &json!([])), true);
        assert_eq!(
            out,
            json!({
                "id": "1", "content": "", "embeds": [], "attachments": [], "components": [],
                "author": {"id": "1"}, "mentions": [], "new_field": {"kept": true},
            })
        );
    }

    #[test]
    fn own_messages_mentions_and_direct_messages_are_open() {
        for d in [sample("7", &json!([])), sample("1", &json!([{"id": "3"}, {"id": "7"}]))] {
            assert_eq!(stripped(&d, true), d);
        }
        let direct = sample("1", &json!([]));
        assert_eq!(stripped(&direct, false), direct);
    }

    #[test]
    fn a_quoted_message_is_judged_by_itself() {
        let mut d = sample("7", &json!([]));
        d["referenced_message"] = sample("1", &json!([]));
        let out = stripped(&d, true);
        assert_eq!(out["content"], "secret");
        assert_eq!(out["referenced_message"]["content"], "");
        d["referenced_message"] = Value::Null;
        assert_eq!(stripped(&d, true)["referenced_message"], Value::Null);
    }

    #[test]
    fn a_partial_update_and_broken_json_are_no_panic() {
        assert_eq!(stripped(&json!({"id": "1"}), true), json!({"id": "1"}));
        assert!(strip("MESSAGE_CREATE", b"{\"content\":", 7, true).is_none());
    }
}
