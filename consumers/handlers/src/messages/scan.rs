//! Telling messages that cannot be commands from those that may be, without parsing them: nearly
//! all are none, and tens of thousands come a second.

use std::sync::LazyLock;

use memchr::memmem::Finder;

static CONTENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"content\""));

/// Whether some `content` in a MESSAGE_CREATE's JSON begins with the prefix or with a mention.
/// `false` is certain; `true` may be wrong (a quoted message's content), the parser then decides.
#[must_use]
pub fn may_be_command(d: &[u8], prefix: &[u8]) -> bool {
    CONTENT.find_iter(d).any(|at| {
        let Some(value) = string_after(&d[at + 9..]) else { return false };
        value.starts_with(b"<@") || begins_with(value, prefix)
    })
}

/// What follows `: "`, with white space anywhere.
fn string_after(rest: &[u8]) -> Option<&[u8]> {
    rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")
}

/// Compares up to the first escape, behind which anything may stand.
fn begins_with(value: &[u8], prefix: &[u8]) -> bool {
    for (index, wanted) in prefix.iter().enumerate() {
        match value.get(index) {
            Some(b'\\') => return true,
            Some(byte) if byte == wanted => {}
            Some(_) | None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::messages::message::Message;
    use crate::messages::recognise::recognise;

    fn message(content: &str, quoted: &str) -> String {
        serde_json::json!({
            "id": "1", "channel_id": "2", "type": 0, "author": {"id": "3", "username": content},
            "referenced_message": {"id": "4", "content": quoted}, "content": content,
        })
        .to_string()
    }

    #[test]
    fn plain_messages_are_passed_by() {
        for content in ["hello", "", "a > b", "say \"content\": \">x\""] {
            assert!(!may_be_command(message(content, "hi").as_bytes(), b">"), "{content}");
        }
        assert!(may_be_command(br#"{"content" : ">ping"}"#, b">"));
        assert!(may_be_command(message("hello", ">quoted").as_bytes(), b">"), "the parser decides");
    }

    proptest! {
        #[test]
        fn no_command_is_missed(
            prefix in "[>!\"\\\\/é🦀 a]{1,3}", line in "[a-z]{1,5}.{0,9}", quoted in ".{0,9}", ascii in any::<bool>(),
        ) {
            let content = format!("{prefix}{line}");
            let mut json = message(&content, &quoted);
            if ascii {
                json = escaped(&json);
            }
            let read = Message::read(json.as_bytes()).expect("reads");
            prop_assert_eq!(&*read.content, content.as_str());
            if recognise(&read.content, &prefix, None).is_some() {
                prop_assert!(may_be_command(json.as_bytes(), prefix.as_bytes()));
            }
        }
    }

    /// JSON with every character beyond ASCII escaped, as some writers do.
    fn escaped(json: &str) -> String {
        let mut out = String::new();
        for c in json.chars() {
            if c.is_ascii() {
                out.push(c);
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
        out
    }
}
