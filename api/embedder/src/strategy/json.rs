//! Reading JSON of which nothing is sure. Pure.

use serde_json::Value;

use super::{Verdict, success};
use crate::answer::Media;
use crate::fetch::Page;
use crate::moment;

/// Bytes of JSON that are read, at most: a value takes many times the bytes of its text.
const MAX_JSON: usize = 1 << 20;

/// The JSON of a page that was a success.
pub(super) fn of(page: &Page) -> Result<Value, Verdict> {
    success(page)?;
    body(page)
}

/// The JSON of a page, whatever its status.
pub(super) fn body(page: &Page) -> Result<Value, Verdict> {
    if page.body.len() > MAX_JSON {
        return Err(Verdict::Shape("json of this size"));
    }
    serde_json::from_slice(&page.body).map_err(|_| Verdict::Shape("json"))
}

/// Text that is not empty.
pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A count: a number, whole or not, or one in text.
pub(super) fn count(value: &Value) -> Option<u64> {
    let whole = || value.as_f64().filter(|number| (0.0..9e15).contains(number)).map(|number| number as u64);
    value.as_u64().or_else(whole).or_else(|| value.as_str()?.parse().ok())
}

/// Seconds, as milliseconds.
pub(super) fn seconds(value: &Value) -> Option<u64> {
    value.as_f64().filter(|seconds| (0.0..1e9).contains(seconds)).map(|seconds| (seconds * 1_000.0).round() as u64)
}

/// The elements of a list; none where it is no list.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A time, as text in any usual form or as Unix seconds.
pub(super) fn moment(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => moment::of_text(text).or_else(|| moment::of_unix(text.parse().ok()?)),
        _ => moment::of_unix(value.as_f64().map(|seconds| seconds as i64)?),
    }
}

/// An object with the size in `width` and `height`.
pub(super) fn sized(media: Media, of: &Value) -> Media {
    media.sized(count(&of["width"]), count(&of["height"]))
}
