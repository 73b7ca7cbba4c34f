//! A message with files, as `multipart/form-data`. Pure.

use bytes::Bytes;
use serde_json::{Value, json};

/// A file of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name: letters, digits, `.`, `-` and `_`.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) mime: String,
    /// All of it.
    pub(crate) bytes: Bytes,
}

/// A boundary that derives from what it keeps apart, so that a repeat is the same body; and that stands in
/// none of the files.
pub(crate) fn boundary(body: &Value, files: &[File]) -> String {
    let mut salt = 0_u64;
    loop {
        let mut hash = xxhash_rust::xxh3::Xxh3::with_seed(salt);
        hash.update(body.to_string().as_bytes());
        files.iter().for_each(|file| hash.update(&file.bytes));
        let boundary = format!("miso-{:032x}", hash.digest128());
        let is_there = |file: &File| memchr::memmem::find(&file.bytes, boundary.as_bytes()).is_some();
        if !files.iter().any(is_there) {
            return boundary;
        }
        salt += 1;
    }
}

/// The form: `payload_json` first, then `files[n]`.
pub(crate) fn form(body: &Value, files: &[File], boundary: &str) -> Bytes {
    let mut body = body.clone();
    let list = files.iter().enumerate().map(|(id, file)| json!({"id": id, "filename": file.name}));
    body["attachments"] = list.collect();
    let size: usize = files.iter().map(|file| file.bytes.len() + 256).sum();
    let mut form = Vec::with_capacity(size + 4_096);
    let mut part = |head: &str, content: &[u8]| {
        form.extend_from_slice(format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    };
    part("name=\"payload_json\"\r\nContent-Type: application/json", body.to_string().as_bytes());
    for (id, file) in files.iter().enumerate() {
        let (name, mime) = (&file.name, &file.mime);
        part(&format!("name=\"files[{id}]\"; filename=\"{name}\"\r\nContent-Type: {mime}"), &file.bytes);
    }
    form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    form.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &'static [u8]) -> File {
        File { name: "chart.png".to_owned(), mime: "image/png".to_owned(), bytes: Bytes::from_static(bytes) }
    }

    #[test]
    fn a_form_is_what_discords_reference_says() {
        let form = form(&json!({"content": "hi"}), &[file(b"\x89PNG\r\n")], "XX");
        let expected = b"--XX\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n\
            {\"attachments\":[{\"filename\":\"chart.png\",\"id\":0}],\"content\":\"hi\"}\r\n\
            --XX\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"chart.png\"\r\nContent-Type: image/png\r\n\r\n\
            \x89PNG\r\n\r\n--XX--\r\n";
        assert_eq!(&form[..], &expected[..]);
    }

    #[test]
    fn a_boundary_is_the_same_for_a_repeat_and_stands_in_no_file() {
        let body = json!({"content": "hi"});
        let first = boundary(&body, &[file(b"a")]);
        assert_eq!(first, boundary(&body, &[file(b"a")]));
        assert_ne!(first, boundary(&body, &[file(b"b")]));
        assert!(first.len() <= 70, "as RFC 2046 allows");
    }
}
