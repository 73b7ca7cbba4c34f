use image::{Rgb, RgbImage};
use xxhash_rust::xxh3::xxh3_64;

use super::layout::{Area, Layout, Titles, layout};
use super::text::{Fonts, Pen};
use super::{Look, Tile};

const GROUND: [u8; 3] = [24, 24, 27];
const NAME: [u8; 3] = [250, 250, 250];
const OTHER: [u8; 3] = [205, 205, 210];

/// The whole chart. Missing tiles stay dark.
pub(crate) fn draw(look: Look, tiles: &[Tile], fonts: &Fonts) -> RgbImage {
    let laid = layout(look);
    let mut canvas = RgbImage::from_pixel(laid.width, laid.height, Rgb(GROUND));
    let mut pen = Pen::new(fonts, laid.line);
    for (tile, area) in tiles.iter().zip(&laid.tiles) {
        match &tile.picture {
            Some(picture) => place(&mut canvas, picture, *area),
            None => fill(&mut canvas, *area, ground(tile)),
        }
        match laid.titles {
            Titles::Over => over(&mut canvas, &mut pen, &laid, *area, &tile.lines),
            Titles::Below => below(&mut canvas, &mut pen, &laid, *area, &tile.lines),
            Titles::None | Titles::Column => {}
        }
    }
    if let Some(column) = laid.column {
        in_column(&mut canvas, &mut pen, &laid, column, look, tiles);
    }
    canvas
}

/// The side of a tile, for whoever reads the pictures.
pub(super) fn side(look: Look) -> u32 {
    layout(look).tiles.first().map_or(1, |tile| tile.width)
}

fn place(canvas: &mut RgbImage, picture: &RgbImage, area: Area) {
    let (width, rows) = (canvas.width() as usize, picture.height().min(area.height) as usize);
    let length = picture.width().min(area.width) as usize * 3;
    let stride = picture.width() as usize * 3;
    for row in 0..rows {
        let from = &picture.as_raw()[row * stride..row * stride + length];
        let to = ((area.y as usize + row) * width + area.x as usize) * 3;
        let pixels: &mut [u8] = canvas;
        pixels[to..to + length].copy_from_slice(from);
    }
}

fn fill(canvas: &mut RgbImage, area: Area, colour: [u8; 3]) {
    let width = canvas.width() as usize;
    let pixels: &mut [u8] = canvas;
    for row in area.y as usize..(area.y + area.height) as usize {
        let from = (row * width + area.x as usize) * 3;
        for pixel in pixels[from..from + area.width as usize * 3].chunks_exact_mut(3) {
            pixel.copy_from_slice(&colour);
        }
    }
}

/// A colour of its own for what has no picture: the same every time, dark enough for its title.
fn ground(tile: &Tile) -> [u8; 3] {
    let hash = xxh3_64(tile.lines.join("\n").as_bytes()).to_le_bytes();
    [hash[0], hash[1], hash[2]].map(|value| 40 + value / 3)
}

/// The lines over the lower end, which is darkened.
fn over(canvas: &mut RgbImage, pen: &mut Pen<'_>, laid: &Layout, area: Area, lines: &[String]) {
    let margin = laid.line / 2;
    let height = laid.line * lines.len() as u32 + margin;
    let shade = (height + laid.line).min(area.height);
    let width = canvas.width() as usize;
    for row in 0..shade {
        // From clear to dark.
        let keep = 256 - 190 * (row + 1).min(height) / height.max(1);
        let from = ((area.y + area.height - shade + row) as usize * width + area.x as usize) * 3;
        let pixels: &mut [u8] = canvas;
        for value in &mut pixels[from..from + area.width as usize * 3] {
            *value = (u32::from(*value) * keep / 256) as u8;
        }
    }
    let mut y = area.y + area.height - height;
    for (at, line) in lines.iter().enumerate() {
        let line = pen.fitted(line, area.width - 2 * margin);
        pen.write(canvas, (area.x + margin, y), if at == 0 { NAME } else { OTHER }, &line);
        y += laid.line;
    }
}

fn below(canvas: &mut RgbImage, pen: &mut Pen<'_>, laid: &Layout, area: Area, lines: &[String]) {
    for (at, line) in lines.iter().take(2).enumerate() {
        let line = pen.fitted(line, area.width);
        let y = area.y + area.height + laid.line / 4 + at as u32 * laid.line;
        pen.write(canvas, (area.x, y), if at == 0 { NAME } else { OTHER }, &line);
    }
}

/// Row by row beside the tiles, one line each: the name, and whose it is.
fn in_column(canvas: &mut RgbImage, pen: &mut Pen<'_>, laid: &Layout, column: Area, look: Look, tiles: &[Tile]) {
    for (row, tiles) in tiles.chunks(look.width as usize).enumerate() {
        let top = column.y + row as u32 * column.height;
        for (at, tile) in tiles.iter().enumerate() {
            let line = pen.fitted(&tile.lines.join(" – "), column.width);
            pen.write(canvas, (column.x, top + at as u32 * laid.line), NAME, &line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(picture: Option<RgbImage>) -> Tile {
        Tile { lines: vec!["夜明けの街".to_owned(), "달빛소년".to_owned()], picture }
    }

    fn look(padded: bool, topster: bool, titles: bool) -> Look {
        Look { width: 2, height: 2, titles, padded, topster }
    }

    #[test]
    fn every_form_shows_its_pictures_and_a_chart_may_be_short_of_tiles() {
        for (padded, topster, titles) in
            [(false, false, true), (true, false, true), (false, true, true), (false, false, false)]
        {
            let look = look(padded, topster, titles);
            let red = RgbImage::from_pixel(side(look), side(look), Rgb([255, 0, 0]));
            let drawn = draw(look, &[tile(Some(red)), tile(None)], &Fonts::load(&[]));
            let laid = layout(look);
            let at = |tile: usize| drawn.get_pixel(laid.tiles[tile].x + 5, laid.tiles[tile].y + 5).0;
            assert_eq!(at(0), [255, 0, 0]);
            assert_eq!(at(3), GROUND, "no tile");
            assert_ne!(at(1), GROUND, "a ground of its own");
        }
    }

    #[test]
    fn titles_are_written_where_the_form_has_them() {
        let fonts = Fonts::load(&[]);
        let changed = |look: Look| {
            let (with, without) = (draw(look, &[tile(None)], &fonts), draw(look, &[], &fonts));
            let area = layout(look).tiles[0];
            let inside = |x: u32, y: u32| {
                (area.x..area.x + area.width).contains(&x) && (area.y..area.y + area.height).contains(&y)
            };
            with.enumerate_pixels().any(|(x, y, pixel)| !inside(x, y) && pixel != without.get_pixel(x, y))
        };
        assert!(changed(look(true, false, true)) && changed(look(false, true, true)));
        assert!(!changed(look(false, false, true)) && !changed(look(true, false, false)));
    }

    #[test]
    fn a_picture_of_another_size_does_not_leave_its_tile() {
        let look = look(false, false, false);
        let large = RgbImage::from_pixel(500, 500, Rgb([255, 0, 0]));
        let drawn = draw(look, &[tile(Some(large))], &Fonts::default());
        assert_eq!(drawn.get_pixel(301, 10).0, GROUND);
    }
}
