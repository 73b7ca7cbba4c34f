//! What a file is, by its first bytes: what a site says of it is not believed. Pure.

/// Bytes that are enough to tell.
pub(crate) const ENOUGH: usize = 16;

/// The type of a picture, video or sound that is passed on; `None`: it is nothing of that.
pub(crate) fn mime(start: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, magic: &[u8]| start.get(offset..offset + magic.len()) == Some(magic);
    let brand = || start.get(8..12).unwrap_or_default();
    Some(match () {
        () if at(0, &[0xff, 0xd8, 0xff]) => "image/jpeg",
        () if at(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => "image/gif",
        () if at(0, b"RIFF") && at(8, b"WEBP") => "image/webp",
        () if at(4, b"ftyp") && (brand() == b"avif" || brand() == b"avis") => "image/avif",
        () if at(4, b"ftyp") && brand() == b"qt  " => "video/quicktime",
        () if at(4, b"ftyp") && brand().starts_with(b"M4A") => "audio/mp4",
        () if at(4, b"ftyp") => "video/mp4",
        () if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) => "video/webm",
        () if at(0, b"OggS") => "audio/ogg",
        () if at(0, b"ID3") => "audio/mpeg",
        () => return None,
    })
}

/// The ending that goes with a type.
pub(crate) fn ending(mime: &str) -> &'static str {
    match mime {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/avif" => "avif",
        "video/quicktime" => "mov",
        "video/webm" => "webm",
        "audio/mp4" => "m4a",
        "audio/ogg" => "ogg",
        "audio/mpeg" => "mp3",
        _ => "mp4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_and_videos_are_told_from_what_only_says_so() {
        assert_eq!(mime(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some("image/jpeg"));
        assert_eq!(mime(b"\0\0\0\x18ftypisom"), Some("video/mp4"));
        assert_eq!(mime(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        for other in [&b"<html>"[..], b"<svg xmlns", b"#EXTM3U", b"%PDF-1.7", b"", b"\xff\xd8", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(mime(other), None, "{other:?}");
        }
    }
}
