use image::RgbImage;

/// How far from the colour asked for a tile may be, by [`distance`].
pub(super) const NEAR: u32 = 150 * 150;

/// Names that people use for colours.
const NAMES: [(&str, [u8; 3]); 13] = [
    ("red", [200, 40, 40]),
    ("orange", [225, 130, 40]),
    ("yellow", [225, 205, 60]),
    ("green", [60, 150, 70]),
    ("teal", [40, 140, 140]),
    ("blue", [50, 90, 190]),
    ("purple", [125, 60, 165]),
    ("pink", [225, 125, 170]),
    ("brown", [120, 80, 50]),
    ("black", [20, 20, 20]),
    ("gray", [128, 128, 128]),
    ("grey", [128, 128, 128]),
    ("white", [240, 240, 240]),
];

/// What a colour chart is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// All tiles, by their hue.
    Rainbow,
    /// Tiles near this.
    Near([u8; 3]),
}

impl Colour {
    /// `rainbow`, a name, or `RRGGBB` with or without `#`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        if text == "rainbow" {
            return Some(Self::Rainbow);
        }
        if let Some((_, colour)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Some(Self::Near(*colour));
        }
        let hex = text.strip_prefix('#').unwrap_or(&text);
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6 && !hex.starts_with('+'))?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self::Near([red, green, blue]))
    }
}

/// The mean of a picture: of every eighth pixel, which is enough.
pub(super) fn mean(picture: &RgbImage) -> [u8; 3] {
    let mut sums = [0_u64; 3];
    let mut count = 0_u64;
    for pixel in picture.as_raw().chunks_exact(3).step_by(8) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(*value);
        }
        count += 1;
    }
    sums.map(|sum| u8::try_from(sum.checked_div(count).unwrap_or(0)).unwrap_or(u8::MAX))
}

/// The square of how different two colours look: weighted by how well eyes tell red, green and blue apart.
pub(super) fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let [red, green, blue] = [0, 1, 2].map(|at| u32::from(one[at].abs_diff(other[at])).pow(2));
    (2 * red + 4 * green + 3 * blue) / 3
}

/// Greys first by their lightness, then colours by their hue.
pub(super) fn place_in_rainbow(colour: [u8; 3]) -> u32 {
    let [red, green, blue] = colour.map(i32::from);
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let chroma = most - least;
    if chroma < 24 {
        return u32::try_from(most).unwrap_or(0);
    }
    let hue = if most == red {
        (green - blue) * 60 / chroma
    } else if most == green {
        120 + (blue - red) * 60 / chroma
    } else {
        240 + (red - green) * 60 / chroma
    };
    1_000 + u32::try_from(hue.rem_euclid(360)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_by_name_and_number() {
        assert_eq!(Colour::read("#FF8000"), Some(Colour::Near([255, 128, 0])));
        assert_eq!(Colour::read("ff8000"), Some(Colour::Near([255, 128, 0])));
        assert_eq!(Colour::read(" Rainbow"), Some(Colour::Rainbow));
        assert!(matches!(Colour::read("teal"), Some(Colour::Near(_))));
        for text in ["", "#", "fff", "ff80000", "+f8000", "mauve-ish"] {
            assert_eq!(Colour::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_rainbow_goes_from_grey_through_red_to_purple() {
        let order = [[128, 128, 128], [200, 40, 40], [225, 205, 60], [60, 150, 70], [50, 90, 190], [125, 60, 165]];
        let places = order.map(place_in_rainbow);
        assert!(places.is_sorted(), "{places:?}");
    }

    #[test]
    fn the_mean_is_of_the_whole_picture() {
        let picture =
            RgbImage::from_fn(64, 64, |_, y| if y < 32 { image::Rgb([0, 0, 0]) } else { image::Rgb([200, 100, 50]) });
        assert_eq!(mean(&picture), [100, 50, 25]);
        assert!(distance([0, 0, 0], [0, 100, 0]) > distance([0, 0, 0], [100, 0, 0]));
    }
}
