//! Percent-decoding of paths and queries.

/// Percent-decoding; what is malformed stays.
pub(crate) fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(hex.unwrap_or(bytes[at]));
        at += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The pairs of a query string, decoded.
pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(&value.replace('+', " "))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_escapes_stay_as_they_are() {
        assert_eq!(decode("%F0%9F%8D%9C a%3Ab 100% %zz"), "🍜 a:b 100% %zz");
        let pairs = parse_query("v=10&q=a+b%26c&&flag");
        let expected = [("v", "10"), ("q", "a b&c"), ("flag", "")];
        assert!(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(expected));
    }
}
