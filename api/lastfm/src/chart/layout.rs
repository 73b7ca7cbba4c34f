//! Where things go on a chart. Pure.

use super::Look;

/// Pixels of a tile's side, at most: what Last.fm's pictures have.
const TILE: u32 = 300;
/// Pixels of the grid's longer side, at most: tiles are smaller where there are many.
const GRID: u32 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Where the titles go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Titles {
    None,
    /// Over the lower end of the tile.
    Over,
    /// In a band below it.
    Below,
    /// In a column at the right.
    Column,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) tiles: Vec<Area>,
    pub(super) titles: Titles,
    /// The height of a line of a title.
    pub(super) line: u32,
    /// Where the titles of the column begin, row by row.
    pub(super) column: Option<Area>,
}

pub(super) fn layout(look: Look) -> Layout {
    let tile = (GRID / look.width.max(look.height).max(1)).min(TILE);
    let titles = match look {
        Look { titles: false, .. } => Titles::None,
        Look { topster: true, .. } => Titles::Column,
        Look { padded: true, .. } => Titles::Below,
        Look { .. } => Titles::Over,
    };
    let line = (tile / 11).clamp(13, 24);
    let gap = if look.padded || look.topster { tile / 12 } else { 0 };
    let band = if titles == Titles::Below { 2 * line + line / 2 } else { 0 };
    let (step_x, step_y) = (tile + gap, tile + gap + band);
    let tiles = (0..look.height).flat_map(|row| {
        (0..look.width).map(move |column| Area {
            x: gap + column * step_x,
            y: gap + row * step_y,
            width: tile,
            height: tile,
        })
    });
    let (width, height) = (gap + look.width * step_x, gap + look.height * step_y);
    // A row of titles as high as a row of tiles: as many lines as fit.
    let column =
        (titles == Titles::Column).then(|| Area { x: width, y: gap, width: (line * 17).max(tile), height: step_y });
    Layout {
        width: width + column.map_or(0, |column| column.width + gap),
        height,
        tiles: tiles.collect(),
        titles,
        line: if titles == Titles::Column { line.min(tile / look.width.max(1)).max(9) } else { line },
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(width: u32, height: u32) -> Look {
        Look { width, height, titles: true, padded: false, topster: false }
    }

    #[test]
    fn all_sizes_and_forms_lay_their_tiles_inside_and_beside_each_other() {
        for width in 1..=12 {
            for height in 1..=12 {
                for (padded, topster, titles) in
                    [(false, false, true), (true, false, true), (false, true, true), (true, true, false)]
                {
                    let laid = layout(Look { padded, topster, titles, ..look(width, height) });
                    assert_eq!(laid.tiles.len(), (width * height) as usize);
                    assert!(laid.width <= 3_200 && laid.height <= 3_200, "{}×{}", laid.width, laid.height);
                    for (at, tile) in laid.tiles.iter().enumerate() {
                        assert!(tile.x + tile.width <= laid.width && tile.y + tile.height <= laid.height);
                        let beside = laid.tiles.get(at + 1).filter(|next| next.y == tile.y);
                        assert!(beside.is_none_or(|next| next.x >= tile.x + tile.width));
                    }
                }
            }
        }
    }

    #[test]
    fn a_plain_chart_is_its_tiles_and_a_topster_has_a_column() {
        assert_eq!((layout(look(3, 3)).width, layout(look(3, 3)).height), (900, 900));
        assert_eq!(layout(look(10, 10)).width, 2_000);
        let topster = layout(Look { topster: true, ..look(5, 5) });
        assert!(topster.column.is_some_and(|column| column.x + column.width <= topster.width));
        assert_eq!(layout(Look { titles: false, topster: true, ..look(5, 5) }).column, None);
    }
}
