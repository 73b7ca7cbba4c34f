//! Pictures in and out.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as Filter, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageReader, RgbImage};

/// Pixels of a side of a picture that is read, at most: a small file may claim to be a large picture.
const MAX_SIDE: u32 = 2_048;
/// JPEG's measure of how little is lost, of 100.
const QUALITY: u8 = 88;

/// What a chart is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Format {
    #[default]
    Jpeg,
    Png,
    Webp,
}

impl Format {
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "jpeg" | "jpg" => Self::Jpeg,
            "png" => Self::Png,
            "webp" => Self::Webp,
            _ => return None,
        })
    }

    pub(crate) fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
        }
    }
}

/// Reads a JPEG, PNG or WebP and makes a square of it: its middle, in the size of a tile.
pub(crate) fn decode(bytes: &[u8], side: u32) -> Option<RgbImage> {
    let (width, height) = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?.into_dimensions().ok()?;
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return None;
    }
    let picture = image::load_from_memory(bytes).ok()?;
    let least = width.min(height);
    let square = if width == height {
        picture
    } else {
        picture.crop_imm((width - least) / 2, (height - least) / 2, least, least)
    };
    Some(if least == side { square } else { square.resize_exact(side, side, FilterType::Triangle) }.into_rgb8())
}

/// Writes a picture; `None` when the encoder refuses it, which none of a chart's size does.
pub(crate) fn encode(picture: RgbImage, format: Format) -> Option<Vec<u8>> {
    let (width, height) = picture.dimensions();
    let mut bytes = Vec::new();
    let rgb = ExtendedColorType::Rgb8;
    match format {
        Format::Jpeg => {
            JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&DynamicImage::ImageRgb8(picture)).ok()?;
        }
        Format::Png => {
            let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, Filter::Adaptive);
            encoder.write_image(picture.as_raw(), width, height, rgb).ok()?;
        }
        Format::Webp => {
            WebPEncoder::new_lossless(&mut bytes).encode(picture.as_raw(), width, height, rgb).ok()?;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_in_every_format() {
        for (name, format) in [("jpeg", Format::Jpeg), ("png", Format::Png), ("webp", Format::Webp)] {
            let picture = RgbImage::from_pixel(60, 40, image::Rgb([200, 100, 50]));
            let read = decode(&encode(picture, format).expect("written"), 20).expect("read");
            assert_eq!(read.dimensions(), (20, 20), "the middle, in size");
            let pixel = read.get_pixel(10, 10).0;
            assert!(pixel.iter().zip([200, 100, 50]).all(|(one, other)| one.abs_diff(other) < 6), "{pixel:?}");
            assert_eq!(Format::read(name), Some(format));
        }
    }

    #[test]
    fn what_is_no_picture_or_claims_to_be_a_large_one_is_not_read() {
        let mut large = encode(RgbImage::new(1, 1), Format::Png).expect("written");
        // The header's width: 100,000 pixels, in a file of 70 bytes.
        large[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
        for bytes in [&b""[..], b"<html>", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", &large] {
            assert!(decode(bytes, 20).is_none());
        }
    }
}
