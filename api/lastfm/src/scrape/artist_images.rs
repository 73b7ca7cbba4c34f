use super::html::{all, first};
use super::selectors::{IMAGE, IMAGE_ITEM, IMAGES, NOTHING, TITLE};
use super::{Reading, ShapeError};

/// Pictures kept of one artist, the first ones.
const MAX_IMAGES: usize = 12;

/// `/music/{artist}/+images`: addresses of pictures of 300 × 300, the one that was voted up most first.
pub(crate) fn artist_images(html: &str) -> Result<Reading<Vec<String>>, ShapeError> {
    let Some(list) = first(html, IMAGES) else {
        // An artist without pictures has a page too.
        let empty = first(html, NOTHING).and_then(|_| first(html, TITLE));
        return empty.map(|_| Reading { data: Vec::new(), fields: 0, found: 0 }).ok_or(ShapeError("list of images"));
    };
    let mut reading = Reading { data: Vec::new(), fields: 0, found: 0 };
    for item in all(list.inner, IMAGE_ITEM).take(MAX_IMAGES) {
        reading.fields += 1;
        let source = first(item.inner, IMAGE).and_then(|image| image.attribute("src"));
        if let Some(source) = source.as_deref().and_then(in_size) {
            reading.found += 1;
            reading.data.push(source);
        }
    }
    if reading.data.is_empty() {
        return Err(ShapeError("image in its list"));
    }
    Ok(reading)
}

/// The same picture in 300 × 300.
pub(super) fn in_size(source: &str) -> Option<String> {
    if !source.starts_with("http") || crate::decode::is_placeholder(source) {
        return None;
    }
    let (before, rest) = source.split_once("/i/u/")?;
    let (_size, name) = rest.split_once('/')?;
    Some(format!("{before}/i/u/300x300/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_read_in_order_and_in_size() {
        let item = |name: &str| {
            format!(
                "<li class=\"image-list-item-wrapper\"><a class=\"image-list-item\" href=\"/music/x/+images/{name}\">\
                 <img src=\"https://lastfm.freetls.fastly.net/i/u/avatar170s/{name}\" alt=\"\" class=\"image-list-image\"></a></li>"
            )
        };
        let html = format!(
            "<ul class=\"image-list\">{}{}<li class=\"image-list-item-wrapper\"></li></ul>",
            item("a"),
            item("b")
        );
        let read = artist_images(&html).expect("pictures");
        assert_eq!(read.data[0], "https://lastfm.freetls.fastly.net/i/u/300x300/a");
        assert_eq!((read.data.len(), read.fields, read.found), (2, 3, 2));
    }

    #[test]
    fn an_artist_without_pictures_is_no_broken_page() {
        let empty = "<h1 class=\"header-new-title\">x</h1><p class=\"no-data-message\">No photos yet.</p>";
        assert_eq!(artist_images(empty).expect("none").data, Vec::<String>::new());
        assert_eq!(artist_images("<h1 class=\"header-new-title\">x</h1>"), Err(ShapeError("list of images")));
        assert_eq!(artist_images("<ul class=\"image-list\"></ul>"), Err(ShapeError("image in its list")));
    }
}
