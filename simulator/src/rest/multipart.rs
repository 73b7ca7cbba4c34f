//! `multipart/form-data`: the JSON part and the files.

use bytes::Bytes;
use memchr::memmem;

use crate::world::Upload;

/// Parts of one body; more are refused.
const MAX_PARTS: usize = 32;

/// A read form.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) payload_json: Option<Vec<u8>>,
    pub(crate) uploads: Vec<Upload>,
}

/// Reads a form; `None` when it is malformed.
pub(crate) fn read(content_type: &str, body: &[u8]) -> Option<Form> {
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    let delimiter = format!("--{boundary}");
    let starts: Vec<usize> = memmem::find_iter(body, delimiter.as_bytes()).take(MAX_PARTS + 2).collect();
    if starts.len() > MAX_PARTS + 1 || starts.len() < 2 {
        return None;
    }
    let mut form = Form::default();
    for pair in starts.windows(2) {
        let part = body.get(pair[0] + delimiter.len()..pair[1])?;
        let part = part.strip_prefix(b"\r\n")?;
        let part = part.strip_suffix(b"\r\n").unwrap_or(part);
        let split = memmem::find(part, b"\r\n\r\n")?;
        let (head, content) = (std::str::from_utf8(&part[..split]).ok()?, &part[split + 4..]);
        let name = parameter(head, "name")?;
        match parameter(head, "filename") {
            Some(file) => {
                form.uploads.push(Upload {
                    name: file.to_owned(),
                    content: Bytes::copy_from_slice(content),
                    kind: kind(head).to_owned(),
                });
            }
            None if name == "payload_json" => form.payload_json = Some(content.to_vec()),
            None => {}
        }
    }
    Some(form)
}

fn parameter<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';')
        .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        .map(|value| value.trim_matches('"'))
}

fn kind(head: &str) -> &str {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-type:"));
    line.and_then(|line| line.split_once(':')).map_or("application/octet-stream", |(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_files_are_found() {
        let body = b"--XX\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{\"content\":\"a\"}\r\n\
            --XX\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x00\r\n\x01\r\n--XX--\r\n";
        let form = read("multipart/form-data; boundary=XX", body).unwrap();
        assert_eq!(form.payload_json.as_deref(), Some(&b"{\"content\":\"a\"}"[..]));
        assert_eq!(
            (form.uploads[0].name.as_str(), form.uploads[0].content.len(), form.uploads[0].kind.as_str()),
            ("a.png", 4, "image/png")
        );
    }

    #[test]
    fn a_form_without_its_boundary_is_refused() {
        assert!(read("multipart/form-data", b"--XX").is_none());
        assert!(read("multipart/form-data; boundary=YY", b"--XX\r\n\r\n--XX--").is_none());
    }
}
