//! Charts: a grid of covers with their titles, drawn here. Pure but for the fonts, which are read once.

mod colour;
mod draw;
mod encode;
mod layout;
mod text;

use image::RgbImage;

pub(crate) use colour::Colour;
pub(crate) use draw::draw;
pub(crate) use encode::{Format, decode, encode};
pub(crate) use text::Fonts;

/// Columns and rows, at most.
pub(crate) const MAX_SIDE: u32 = 12;

/// How a chart looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) titles: bool,
    /// Room around every tile, its title below it.
    pub(crate) padded: bool,
    /// The titles in a column at the right.
    pub(crate) topster: bool,
}

impl Look {
    /// Pixels of a tile's side.
    pub(crate) fn side(self) -> u32 {
        draw::side(self)
    }

    /// How many tiles there are.
    pub(crate) fn tiles(self) -> usize {
        (self.width * self.height) as usize
    }
}

/// One tile.
#[derive(Debug, Clone)]
pub(crate) struct Tile {
    /// The lines of its title: the name, and whose it is.
    pub(crate) lines: Vec<String>,
    /// Without it a ground of the name's own colour.
    pub(crate) picture: Option<RgbImage>,
}

/// The tiles of a colour chart: those near the colour, the nearest first; of a rainbow all, by their hue.
pub(crate) fn coloured(tiles: Vec<Tile>, colour: Colour, count: usize) -> Vec<Tile> {
    let means = tiles.into_iter().filter_map(|tile| Some((colour::mean(tile.picture.as_ref()?), tile)));
    let mut ranked: Vec<(u32, Tile)> = match colour {
        Colour::Rainbow => means.take(count).map(|(mean, tile)| (colour::place_in_rainbow(mean), tile)).collect(),
        Colour::Near(wanted) => {
            let near = means.map(|(mean, tile)| (colour::distance(mean, wanted), tile));
            near.filter(|(distance, _)| *distance <= colour::NEAR).collect()
        }
    };
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.truncate(count);
    ranked.into_iter().map(|(_, tile)| tile).collect()
}
