//! Text on charts: signs from the first font that has them. Nothing is shaped: scripts whose letters join
//! (Arabic, Devanagari) show their letters alone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ab_glyph::{Font, FontVec, GlyphId, PxScale, ScaleFont};
use image::RgbImage;

/// Bytes of a font, at most; a larger file is passed over.
const MAX_FONT_BYTES: u64 = 64 * 1_024 * 1_024;
/// Fonts that are loaded, at most: Latin, Chinese, Japanese and Korean take one or two.
const MAX_FONTS: usize = 4;
/// Where systems keep fonts, the preferred ones first: the first two have all of Chinese, Japanese and Korean.
const PLACES: [&str; 10] = [
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
];

/// The fonts of charts. Without any, charts have no titles.
#[derive(Debug, Default)]
pub(crate) struct Fonts {
    fonts: Vec<FontVec>,
    names: Vec<String>,
}

impl Fonts {
    /// Those of the paths that can be read; without paths, of the system's known places.
    pub(crate) fn load(paths: &[PathBuf]) -> Self {
        let mut fonts = Self::default();
        let known = PLACES.iter().map(PathBuf::from);
        let paths: Vec<PathBuf> = if paths.is_empty() { known.collect() } else { paths.to_vec() };
        for path in paths {
            if fonts.fonts.len() == MAX_FONTS {
                break;
            }
            if let Some(font) = load(&path) {
                fonts.fonts.push(font);
                fonts.names.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
            }
        }
        if fonts.fonts.is_empty() {
            tracing::warn!("no font was found: charts have no titles; install fonts-wqy-microhei");
        }
        fonts
    }

    /// File names, in the order of preference.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The font that has the sign, else the first.
    fn of(&self, sign: char) -> Option<(usize, GlyphId)> {
        let found = self.fonts.iter().enumerate().find_map(|(at, font)| {
            let glyph = font.glyph_id(sign);
            (glyph.0 != 0).then_some((at, glyph))
        });
        found.or_else(|| Some((0, self.fonts.first()?.glyph_id(sign))))
    }

    /// Whether there is a picture of the sign.
    #[cfg(test)]
    pub(crate) fn has(&self, sign: char) -> bool {
        self.of(sign).is_some_and(|(_, glyph)| glyph.0 != 0)
    }
}

fn load(path: &Path) -> Option<FontVec> {
    let length = std::fs::metadata(path).ok()?.len();
    if length > MAX_FONT_BYTES {
        tracing::warn!(path = %path.display(), length, "a font is too large");
        return None;
    }
    // The first of a collection.
    FontVec::try_from_vec_and_index(std::fs::read(path).ok()?, 0).ok()
}

/// The shape of a sign: how much of each pixel it covers.
struct Shape {
    left: i32,
    top: i32,
    width: u32,
    cover: Vec<u8>,
}

/// Writes lines in one size; shapes are made once.
pub(super) struct Pen<'a> {
    fonts: &'a Fonts,
    size: u32,
    shapes: HashMap<(usize, GlyphId), Option<Shape>>,
}

impl<'a> Pen<'a> {
    /// Lines of so many pixels.
    pub(super) fn new(fonts: &'a Fonts, size: u32) -> Self {
        Self { fonts, size, shapes: HashMap::new() }
    }

    fn advance(&self, font: usize, glyph: GlyphId) -> f32 {
        self.fonts.fonts[font].as_scaled(PxScale::from(self.size as f32)).h_advance(glyph)
    }

    /// The line, cut to fit the width.
    pub(super) fn fitted(&self, text: &str, width: u32) -> String {
        let measure = |text: &str| -> f32 {
            text.chars().filter_map(|sign| self.fonts.of(sign)).map(|(font, glyph)| self.advance(font, glyph)).sum()
        };
        let text: String = text.chars().filter(|sign| !sign.is_control()).collect();
        if measure(&text) <= width as f32 {
            return text;
        }
        let room = width as f32 - measure("…");
        let mut taken = 0.0;
        let fits = text.chars().take_while(|sign| {
            taken += self.fonts.of(*sign).map_or(0.0, |(font, glyph)| self.advance(font, glyph));
            taken <= room
        });
        let fits: String = fits.collect();
        format!("{}…", fits.trim_end())
    }

    /// Writes a line whose upper left corner is there; what is outside of the picture is left out.
    pub(super) fn write(&mut self, picture: &mut RgbImage, (x, y): (u32, u32), colour: [u8; 3], text: &str) {
        let size = self.size;
        let mut at = x as f32;
        for (font, glyph) in text.chars().filter_map(|sign| self.fonts.of(sign)) {
            let face = &self.fonts.fonts[font];
            let ascent = face.as_scaled(PxScale::from(size as f32)).ascent();
            let shape = self.shapes.entry((font, glyph)).or_insert_with(|| shape(face, glyph, size));
            if let Some(shape) = shape {
                blend(picture, shape, (at.round() as i32, y as i32 + ascent.round() as i32), colour);
            }
            at += self.advance(font, glyph);
        }
    }
}

fn shape(font: &FontVec, glyph: GlyphId, size: u32) -> Option<Shape> {
    let outline = font.outline_glyph(glyph.with_scale(size as f32))?;
    let bounds = outline.px_bounds();
    let (width, height) = (bounds.width().ceil() as u32, bounds.height().ceil() as u32);
    let mut cover = vec![0; (width * height) as usize];
    outline.draw(|x, y, share| {
        if let Some(pixel) = cover.get_mut((y * width + x) as usize) {
            *pixel = (share * 255.0) as u8;
        }
    });
    Some(Shape { left: bounds.min.x as i32, top: bounds.min.y as i32, width, cover })
}

fn blend(picture: &mut RgbImage, shape: &Shape, (x, y): (i32, i32), colour: [u8; 3]) {
    if shape.width == 0 {
        return;
    }
    let (width, height) = (picture.width() as i32, picture.height() as i32);
    for (row, line) in shape.cover.chunks_exact(shape.width as usize).enumerate() {
        let to_y = y + shape.top + row as i32;
        if !(0..height).contains(&to_y) {
            continue;
        }
        for (column, share) in line.iter().enumerate().filter(|(_, share)| **share > 0) {
            let to_x = x + shape.left + column as i32;
            if (0..width).contains(&to_x) {
                let pixel = picture.get_pixel_mut(to_x as u32, to_y as u32);
                for (below, above) in pixel.0.iter_mut().zip(colour) {
                    let share = u32::from(*share);
                    *below = ((u32::from(*below) * (255 - share) + u32::from(above) * share) / 255) as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(picture: &RgbImage) -> usize {
        picture.pixels().filter(|pixel| pixel.0[0] > 128).count()
    }

    #[test]
    fn korean_japanese_and_chinese_have_signs_of_their_own() {
        let fonts = Fonts::load(&[]);
        for sign in "달빛소년 夜明けの街 カタカナ 月光乐队 ABC éß".chars().filter(|sign| *sign != ' ')
        {
            assert!(fonts.has(sign), "no font has {sign}: scripts/prerequisites.sh fonts");
        }
        let mut picture = RgbImage::new(200, 30);
        Pen::new(&fonts, 22).write(&mut picture, (0, 0), [255; 3], "달빛소년");
        assert!(ink(&picture) > 150, "{}", ink(&picture));
    }

    #[test]
    fn a_line_is_cut_to_its_width_and_stays_inside_the_picture() {
        let fonts = Fonts::load(&[]);
        let pen = Pen::new(&fonts, 20);
        assert_eq!(pen.fitted("ab\ncd", 400), "abcd");
        let cut = pen.fitted(&"wide ".repeat(50), 100);
        assert!(cut.ends_with('…') && cut.len() < 40, "{cut}");
        let mut picture = RgbImage::new(40, 30);
        Pen::new(&fonts, 20).write(&mut picture, (30, 15), [255; 3], "WWWW");
        assert!(ink(&picture) > 0, "what fits is there, the rest is left out");
    }

    #[test]
    fn without_fonts_nothing_is_written() {
        let fonts = Fonts::load(&["/nowhere.ttf".into()]);
        assert!(fonts.names().is_empty());
        let mut picture = RgbImage::new(10, 10);
        Pen::new(&fonts, 10).write(&mut picture, (0, 0), [255; 3], "W");
        assert_eq!(ink(&picture), 0);
    }
}
