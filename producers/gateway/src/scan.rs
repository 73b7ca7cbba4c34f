//! What the gateway must know of a frame, found in one pass and without building anything: `op`,
//! `s`, `t`, where `d` lies, and the fields of `d` that decide its partition. Pure.
//!
//! Only top-level fields of `d` count (and `author.id`, `user.id`): a `message_reference.guild_id`
//! or text that looks like JSON must not send an event to another guild's partition. Held to
//! serde_json by a property test.

use memchr::memchr2;

/// The outer fields of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Opcode.
    pub op: u8,
    /// Sequence; dispatches have one.
    pub s: Option<i64>,
    /// Event type; dispatches have one.
    pub t: Option<&'a str>,
    /// The payload as it came, `null` when there is none.
    pub d: &'a str,
    /// What the payload says about its place.
    pub routing: Routing,
}

/// Top-level fields of `d` from which an event's partition follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Routing {
    /// `d.id`.
    pub id: Option<u64>,
    /// `d.guild_id`.
    pub guild_id: Option<u64>,
    /// `d.channel_id`.
    pub channel_id: Option<u64>,
    /// `d.user_id`, else `d.author.id`, else `d.user.id`.
    pub user_id: Option<u64>,
}

/// Scans a frame. `None` when it is no JSON object with an `op`; JSON that is broken deeper inside
/// may pass, its bytes are carried as they are.
#[must_use]
pub fn scan(frame: &str) -> Option<Frame<'_>> {
    let mut cursor = Cursor { text: frame, at: 0 };
    let mut op = None;
    let mut found = Frame { op: 0, s: None, t: None, d: "null", routing: Routing::default() };
    cursor.object(|cursor, key| {
        match key {
            "op" => op = cursor.value()?.parse().ok(),
            "s" => found.s = cursor.value()?.parse().ok(),
            "t" => found.t = unquoted(cursor.value()?),
            "d" => {
                cursor.space();
                let from = cursor.at;
                found.routing = if cursor.peek() == Some(b'{') { cursor.routing()? } else { cursor.no_routing()? };
                found.d = &cursor.text[from..cursor.at];
            }
            _ => drop(cursor.value()?),
        }
        Some(())
    })?;
    cursor.space();
    if cursor.at != frame.len() {
        return None;
    }
    Some(Frame { op: op?, ..found })
}

/// The opcode alone, without looking at `d` where Discord's order of fields (`t`, `s`, `op`, `d`)
/// allows it.
#[must_use]
pub fn opcode(frame: &str) -> Option<u8> {
    let mut cursor = Cursor { text: frame, at: 0 };
    let mut op = None;
    // Leaving the object early is the point: the result of the walk does not matter.
    let _ = cursor.object(|cursor, key| {
        let value = cursor.value()?;
        if key == "op" {
            op = value.parse().ok();
            return None;
        }
        Some(())
    });
    op
}

/// The text of a string without escapes; anything else is `None`.
fn unquoted(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

/// A snowflake, as a string or a number.
fn snowflake(value: &str) -> Option<u64> {
    let digits = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    if digits.starts_with('+') { None } else { digits.parse().ok() }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// Walks an object: `entry` gets each key with the cursor before its value, which it consumes.
    /// A key that is written with escapes is given as it means, not as it is written.
    fn object(&mut self, mut entry: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Some(());
        }
        loop {
            self.space();
            let quoted = self.string()?;
            let key = &quoted[1..quoted.len() - 1];
            self.take(b':')?;
            if key.contains('\\') {
                let key: String = serde_json::from_str(quoted).ok()?;
                entry(self, &key)?;
            } else {
                entry(self, key)?;
            }
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn routing(&mut self) -> Option<Routing> {
        let mut routing = Routing::default();
        let (mut user_id, mut author, mut user) = (None, None, None);
        self.object(|cursor, key| {
            match key {
                "id" => routing.id = snowflake(cursor.value()?),
                "guild_id" => routing.guild_id = snowflake(cursor.value()?),
                "channel_id" => routing.channel_id = snowflake(cursor.value()?),
                "user_id" => user_id = snowflake(cursor.value()?),
                "author" => author = cursor.id_inside()?,
                "user" => user = cursor.id_inside()?,
                _ => drop(cursor.value()?),
            }
            Some(())
        })?;
        routing.user_id = user_id.or(author).or(user);
        Some(routing)
    }

    fn no_routing(&mut self) -> Option<Routing> {
        self.value().map(|_| Routing::default())
    }

    /// `id` of the object that follows; none of anything else.
    fn id_inside(&mut self) -> Option<Option<u64>> {
        self.space();
        if self.peek() != Some(b'{') {
            return self.value().map(|_| None);
        }
        let mut id = None;
        self.object(|cursor, key| {
            let value = cursor.value()?;
            if key == "id" {
                id = snowflake(value);
            }
            Some(())
        })?;
        Some(id)
    }

    /// Steps over a value and gives its text.
    fn value(&mut self) -> Option<&'a str> {
        self.space();
        let from = self.at;
        match self.peek()? {
            b'"' => drop(self.string()?),
            b'{' | b'[' => self.nested()?,
            _ => {
                let rest = &self.text.as_bytes()[from..];
                let len =
                    rest.iter().position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
                self.at += len.unwrap_or(rest.len());
                if self.at == from {
                    return None;
                }
            }
        }
        Some(&self.text[from..self.at])
    }

    /// Steps over a string and gives it with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let from = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let found = memchr2(b'"', b'\\', rest)?;
            self.at += found + 1;
            if rest[found] == b'"' {
                return self.text.get(from..self.at);
            }
            self.at += 1;
        }
    }

    /// Steps over an object or an array, by its depth.
    fn nested(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        loop {
            match *bytes.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Some(());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    #[test]
    fn a_guild_inside_another_object_is_not_the_events_guild() {
        let frame = r#"{"t":"MESSAGE_CREATE","s":7,"op":0,"d":{"message_reference":{"guild_id":"1","channel_id":"2"},"guild_id":"3","channel_id":"4","id":"5"}}"#;
        let found = scan(frame).expect("a frame");
        assert_eq!(found.routing, Routing { id: Some(5), guild_id: Some(3), channel_id: Some(4), user_id: None });
        let direct =
            r#"{"t":"MESSAGE_CREATE","s":7,"op":0,"d":{"channel_id":"4","message_reference":{"guild_id":"1"}}}"#;
        assert_eq!(scan(direct).expect("a frame").routing.guild_id, None);
    }

    #[test]
    fn text_that_looks_like_json_is_text() {
        let content = r#"","guild_id":"9"},"op":9,"x":{"author":{"id":"8"},"\"#;
        let frame =
            json!({"t": "MESSAGE_CREATE", "s": 1, "op": 0, "d": {"content": content, "guild_id": "3"}}).to_string();
        let found = scan(&frame).expect("a frame");
        assert_eq!((found.op, found.routing.guild_id, found.routing.user_id), (0, Some(3), None));
    }

    #[test]
    fn the_author_of_a_quoted_message_is_not_the_author() {
        let frame = r#"{"op":0,"d":{"referenced_message":{"author":{"id":"1"}},"author":{"avatar_decoration":{"id":"2"},"id":"3"},"user":{"id":"4"}},"s":1,"t":"X"}"#;
        assert_eq!(scan(frame).expect("a frame").routing.user_id, Some(3));
        let reaction = r#"{"op":0,"d":{"user_id":"5","member":{"user":{"id":"6"}},"message_author_id":"7"}}"#;
        assert_eq!(scan(reaction).expect("a frame").routing.user_id, Some(5));
    }

    #[test]
    fn fields_may_come_in_any_order_with_space_and_escapes() {
        let frame = " { \"d\" : { \"guild\\u005fid\" : \"3\" } , \"op\" : 0 ,\n\"s\": null, \"t\":\"A\" } ";
        let found = scan(frame).expect("a frame");
        assert_eq!((found.routing.guild_id, found.op, found.s, found.t), (Some(3), 0, None, Some("A")));
        assert_eq!(found.d, r#"{ "guild\u005fid" : "3" }"#);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for text in [
            "",
            "null",
            "[]",
            "{",
            "{}",
            r#"{"op":"x"}"#,
            r#"{"op":1"#,
            r#"{"op":1}x"#,
            r#"{"op":1,"d":{"a":"#,
            r#"{"op":1,"d":]}"#,
        ] {
            assert_eq!(scan(text), None, "{text}");
        }
        let hello = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;
        assert_eq!((opcode(hello), scan(hello).expect("a frame").t), (Some(10), None));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(|id| Value::from(id.to_string())),
            "[a-z{}\\[\\]\",:\\\\ é\u{1F600}\n]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::sample::select(vec![
                "id",
                "guild_id",
                "channel_id",
                "user_id",
                "author",
                "user",
                "op",
                "s",
                "t",
                "d"
            ])
            .prop_map(str::to_owned),
            "[a-z{\":\\\\]{0,4}",
        ]
    }

    fn expected(d: &Value) -> Routing {
        let id = |value: Option<&Value>| match value {
            Some(Value::String(text)) if !text.starts_with('+') => text.parse().ok(),
            Some(Value::Number(number)) => number.as_u64(),
            _ => None,
        };
        Routing {
            id: id(d.get("id")),
            guild_id: id(d.get("guild_id")),
            channel_id: id(d.get("channel_id")),
            user_id: id(d.get("user_id"))
                .or_else(|| id(d.get("author").and_then(|author| author.get("id"))))
                .or_else(|| id(d.get("user").and_then(|user| user.get("id")))),
        }
    }

    proptest! {
        #[test]
        fn the_scanner_agrees_with_serde_json(
            op in any::<u8>(), s in any::<Option<i64>>(), t in proptest::option::of("[A-Z_]{1,12}"),
            d in value(), others in proptest::collection::btree_map("x[a-z\"\\\\]{0,5}", value(), 0..3), pretty in any::<bool>(),
        ) {
            let mut fields: Map<String, Value> = others.into_iter().collect();
            fields.insert("op".into(), op.into());
            fields.insert("s".into(), s.into());
            fields.insert("t".into(), t.clone().into());
            fields.insert("d".into(), d.clone());
            let fields = Value::Object(fields);
            let text = if pretty { serde_json::to_string_pretty(&fields).expect("text") } else { fields.to_string() };
            let found = scan(&text).expect("a frame");
            prop_assert_eq!((found.op, found.s, found.t), (op, s, t.as_deref()));
            prop_assert_eq!(serde_json::from_str::<Value>(found.d).expect("d"), d.clone());
            prop_assert_eq!(found.routing, expected(&d));
            prop_assert_eq!(opcode(&text), Some(op));
        }

        #[test]
        fn noise_never_panics(noise in "[{}\\[\\]\",:\\\\a-z0-9 é]{0,64}") {
            let _ = scan(&noise);
            let _ = opcode(&noise);
            let _ = scan(&format!("{{\"op\":0,\"d\":{noise}}}"));
        }
    }
}
