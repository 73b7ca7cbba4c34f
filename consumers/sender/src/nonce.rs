//! Nonces of create-message: ours where the client gave none. Pure.
//!
//! Uniqueness is per author, so enforcing a client's `"1"` would swallow messages: a client's nonce
//! is never touched and never enforced by us.

use bytes::Bytes;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Base62 of an action id, 22 characters (Discord takes 25).
#[must_use]
pub fn nonce_of(action_id: &[u8]) -> String {
    let mut rest = action_id.iter().take(16).fold(0_u128, |all, &byte| all << 8 | u128::from(byte));
    let mut text = [b'0'; 22];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[usize::try_from(rest % 62).unwrap_or_default()];
        rest /= 62;
    }
    text.iter().map(|&byte| char::from(byte)).collect()
}

/// Whose nonce a create-message carries, and so how it may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonce {
    /// None: ours is put in, enforced.
    Ours,
    /// The client's own, enforced by it.
    ClientEnforced,
    /// The client's own, not enforced; or a body in which none can be put.
    Unenforced,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    nonce: Option<&'a RawValue>,
    #[serde(default)]
    enforce_nonce: Option<bool>,
}

/// Finds out from a create-message's body.
#[must_use]
pub fn nonce_in(content_type: &str, body: &[u8]) -> Nonce {
    let Some(json) = json_part(content_type, body) else { return Nonce::Unenforced };
    let Ok(fields) = serde_json::from_slice::<Fields<'_>>(&body[json.0..json.1]) else { return Nonce::Unenforced };
    match (fields.nonce.is_some_and(|nonce| nonce.get() != "null"), fields.enforce_nonce) {
        (false, _) => Nonce::Ours,
        (true, Some(true)) => Nonce::ClientEnforced,
        (true, _) => Nonce::Unenforced,
    }
}

/// The client's nonce as text, for the search of its message.
#[must_use]
pub fn client_nonce(content_type: &str, body: &[u8]) -> Option<String> {
    let json = json_part(content_type, body)?;
    let fields = serde_json::from_slice::<Fields<'_>>(&body[json.0..json.1]).ok()?;
    Some(fields.nonce?.get().trim_matches('"').to_owned())
}

/// The body with our nonce, enforced. Only for a body in which [`nonce_in`] found [`Nonce::Ours`];
/// the same input gives the same bytes.
#[must_use]
pub fn with_nonce(content_type: &str, body: &Bytes, nonce: &str) -> Bytes {
    let Some((from, to)) = json_part(content_type, body) else { return body.clone() };
    let json = &body[from..to];
    let Some(brace) = json.iter().rposition(|&byte| byte == b'}') else { return body.clone() };
    let empty = json[..brace].iter().rev().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let comma = if empty { "" } else { "," };
    // At the end: of repeated keys the last counts, and the client may have written `"nonce": null`.
    let ours = format!("{comma}\"nonce\":\"{nonce}\",\"enforce_nonce\":true");
    let at = from + brace;
    let mut out = Vec::with_capacity(body.len() + ours.len());
    out.extend_from_slice(&body[..at]);
    out.extend_from_slice(ours.as_bytes());
    out.extend_from_slice(&body[at..]);
    out.into()
}

/// Where the JSON object of a body stands: all of it, or the part `payload_json` of a form.
#[must_use]
pub fn json_part(content_type: &str, body: &[u8]) -> Option<(usize, usize)> {
    if !content_type.starts_with("multipart/form-data") {
        return (body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')).then_some((0, body.len()));
    }
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    if boundary.is_empty() {
        return None;
    }
    let delimiter = format!("--{boundary}");
    let mut starts = memmem::find_iter(body, delimiter.as_bytes());
    let mut from = starts.next()? + delimiter.len();
    for next in starts {
        let part = &body[from..next];
        let head = memmem::find(part, b"\r\n\r\n")?;
        if memmem::find(&part[..head], b"name=\"payload_json\"").is_some() {
            let begin = from + head + 4;
            let end = next - usize::from(part.ends_with(b"\r\n")) * 2;
            return (body.get(begin..end)?.first() == Some(&b'{')).then_some((begin, end));
        }
        from = next + delimiter.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JSON: &str = "application/json";

    #[test]
    fn a_nonce_is_22_characters_and_tells_ids_apart() {
        assert_eq!(nonce_of(&[0; 16]), "0".repeat(22));
        assert_eq!(nonce_of(&[255; 16]), "7n42DGM5Tflk9n8mt7Fhc7");
        assert_ne!(nonce_of(&[1; 16]), nonce_of(&[2; 16]));
    }

    #[test]
    fn whose_nonce_it_is() {
        assert_eq!(nonce_in(JSON, br#"{"content":"a"}"#), Nonce::Ours);
        assert_eq!(nonce_in(JSON, br#"{"content":"a","nonce":null}"#), Nonce::Ours);
        assert_eq!(nonce_in(JSON, br#"{"nonce":"1","content":"\"nonce\""}"#), Nonce::Unenforced);
        assert_eq!(nonce_in(JSON, br#"{"nonce":18446744073709551615,"enforce_nonce":true}"#), Nonce::ClientEnforced);
        assert_eq!(nonce_in(JSON, b"[]"), Nonce::Unenforced);
        assert_eq!(nonce_in(JSON, b""), Nonce::Unenforced);
        assert_eq!(client_nonce(JSON, br#"{"nonce":184}"#).as_deref(), Some("184"));
    }

    #[test]
    fn ours_is_put_into_json_and_into_forms() {
        let put = |body: &'static str| with_nonce(JSON, &Bytes::from_static(body.as_bytes()), "N");
        assert_eq!(put("{}"), r#"{"nonce":"N","enforce_nonce":true}"#);
        assert_eq!(put("{\"a\":{}} \n"), "{\"a\":{},\"nonce\":\"N\",\"enforce_nonce\":true} \n");
        let kind = "multipart/form-data; boundary=XX";
        let form = "--XX\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a\"\r\n\r\n{\0}\r\n\
            --XX\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{\"content\":\"a\"}\r\n--XX--\r\n";
        assert_eq!(nonce_in(kind, form.as_bytes()), Nonce::Ours);
        let sent = with_nonce(kind, &Bytes::from(form), "N");
        let expected = form.replace("\"a\"}\r\n", "\"a\",\"nonce\":\"N\",\"enforce_nonce\":true}\r\n");
        assert_eq!(sent, expected.as_bytes());
        assert_eq!(nonce_in(kind, sent.as_ref()), Nonce::ClientEnforced);
        assert_eq!(nonce_in("multipart/form-data", form.as_bytes()), Nonce::Unenforced);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(any::<u8>(), 0..200), form: bool) {
            let kind = if form { "multipart/form-data; boundary=a" } else { JSON };
            let _ = nonce_in(kind, &body);
            let _ = with_nonce(kind, &Bytes::from(body), "N");
        }
    }
}
