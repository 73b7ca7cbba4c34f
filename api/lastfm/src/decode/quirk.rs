//! The API is XML turned into JSON by rule: numbers are text or numbers, text with attributes is an object with
//! `#text`, a list of one is its element, an empty list is a blank text.

use serde_json::Value;

/// Part of the address of the star that stands where there is no picture.
const PLACEHOLDER: &str = "2a96cbd8b46e442fc41c2b86b821562f";

/// Text that is not blank: as it is, behind `#text`, or a thing's `name`.
pub(super) fn text(value: &Value) -> Option<String> {
    let found = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Object(fields) => return text(fields.get("#text").or_else(|| fields.get("name"))?),
        Value::Null | Value::Bool(_) | Value::Array(_) => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// A number, also as text, also with separators.
pub(super) fn number(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let text = text(value)?.replace(',', "");
    // What is beyond 2^64 or has a fraction is no count.
    text.parse().ok()
}

/// `1`, `"1"`, `"true"`.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match text(value).as_deref() {
        Some("1" | "true") => Some(true),
        Some("0" | "false") => Some(false),
        _ => value.as_bool(),
    }
}

/// The elements: of a list, or the one that is not in any.
pub(super) fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        Value::Object(_) => std::slice::from_ref(value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &[],
    }
}

/// The largest picture, if it is one.
pub(super) fn image(value: &Value) -> Option<String> {
    let found = list(value).iter().rev().find_map(text)?;
    (found.starts_with("http") && !is_placeholder(&found)).then_some(found)
}

/// Whether it is the star that stands where there is no picture.
pub(crate) fn is_placeholder(url: &str) -> bool {
    url.contains(PLACEHOLDER)
}

/// Names of tags: `"tags": ""` where there are none, lower case or not.
pub(super) fn tags(value: &Value) -> Vec<String> {
    list(&value["tag"]).iter().filter_map(text).collect()
}

/// A text about it, without the link that ends it and without markup.
pub(super) fn bio(value: &Value) -> Option<String> {
    let summary = text(&value["summary"])?;
    let plain = summary.split("<a href=").next().unwrap_or_default();
    let plain = crate::scrape::html::unescaped(plain).trim().to_owned();
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_hides_in_objects_and_blank_text_is_none() {
        assert_eq!(text(&json!({"#text": "Hello", "mbid": ""})).as_deref(), Some("Hello"));
        assert_eq!(text(&json!({"name": "Hello", "url": "…"})).as_deref(), Some("Hello"));
        assert_eq!(text(&json!({"#text": 5})).as_deref(), Some("5"));
        for blank in [json!(""), json!("  "), json!({"#text": ""}), json!({}), json!([]), json!(null)] {
            assert_eq!(text(&blank), None, "{blank}");
        }
    }

    #[test]
    fn numbers_come_as_text_and_with_separators() {
        for value in [json!("1234"), json!(1234), json!("1,234"), json!({"#text": "1234"})] {
            assert_eq!(number(&value), Some(1_234), "{value}");
        }
        for value in [json!(""), json!("many"), json!(-1), json!(null), json!("99999999999999999999999")] {
            assert_eq!(number(&value), None, "{value}");
        }
        assert_eq!((flag(&json!("1")), flag(&json!(true)), flag(&json!("x"))), (Some(true), Some(true), None));
    }

    #[test]
    fn a_list_of_one_is_its_element_and_an_empty_one_is_blank_text() {
        assert_eq!(list(&json!({"name": "a"})).len(), 1);
        assert_eq!(list(&json!([{"name": "a"}, {"name": "b"}])).len(), 2);
        assert!(list(&json!("\n")).is_empty() && list(&json!(null)).is_empty());
        assert_eq!(tags(&json!("")), Vec::<String>::new());
        assert_eq!(tags(&json!({"tag": {"name": "soup"}})), ["soup"]);
    }

    #[test]
    fn the_largest_picture_counts_and_the_star_is_none() {
        let sizes = |last: &str| json!([{"size": "small", "#text": "https://a/34s/x.png"}, {"size": "extralarge", "#text": last}]);
        assert_eq!(image(&sizes("https://a/300x300/x.png")).as_deref(), Some("https://a/300x300/x.png"));
        assert_eq!(image(&sizes("")).as_deref(), Some("https://a/34s/x.png"));
        assert_eq!(image(&sizes("https://a/2a96cbd8b46e442fc41c2b86b821562f.png")), None);
        assert_eq!(image(&json!("")), None);
    }

    #[test]
    fn a_bio_loses_its_link() {
        let wiki =
            json!({"summary": "Soup &amp; more. <a href=\"https://www.last.fm/music/x\">Read more on Last.fm</a>."});
        assert_eq!(bio(&wiki).as_deref(), Some("Soup & more."));
        assert_eq!(bio(&json!({"summary": " <a href=\"https://www.last.fm\">Read more</a>"})), None);
    }
}
