//! Contrast of every pair of colours that pages use, computed from the tokens (WCAG 2.2).

use std::collections::BTreeMap;

/// AA for text, and for edges of controls and signs.
const TEXT: f64 = 4.5;
const SIGN: f64 = 3.0;

/// Luminance of `oklch(L% C H)`.
fn luminance(colour: &str) -> f64 {
    let inside = colour.trim().strip_prefix("oklch(").and_then(|rest| rest.strip_suffix(')')).expect(colour);
    let parts: Vec<f64> =
        inside.split_whitespace().map(|part| part.trim_end_matches('%').parse().expect(colour)).collect();
    let (l, c, h) = (parts[0] / 100.0, parts[1], parts[2].to_radians());
    let (a, b) = (c * h.cos(), c * h.sin());
    let cube = |x: f64| x * x * x;
    let long = cube(l + 0.396_337_777_4 * a + 0.215_803_757_3 * b);
    let middle = cube(l - 0.105_561_345_8 * a - 0.063_854_172_8 * b);
    let short = cube(l - 0.089_484_177_5 * a - 1.291_485_548 * b);
    // Outside sRGB the screen clips.
    let red = (4.076_741_662_1 * long - 3.307_711_591_3 * middle + 0.230_969_929_2 * short).clamp(0.0, 1.0);
    let green = (-1.268_438_004_6 * long + 2.609_757_401_1 * middle - 0.341_319_396_5 * short).clamp(0.0, 1.0);
    let blue = (-0.004_196_086_3 * long - 0.703_418_614_7 * middle + 1.707_614_701 * short).clamp(0.0, 1.0);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: &str, other: &str) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Light and dark, by name.
fn tokens() -> BTreeMap<String, [String; 2]> {
    let css = include_str!("../../assets/tokens.css");
    let lines = css.lines().filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": "));
    let tokens = lines.filter_map(|(name, value)| {
        let (light, dark) = value.strip_prefix("light-dark(")?.strip_suffix(')')?.split_once("), ")?;
        Some((name.to_owned(), [format!("{light})"), dark.to_owned()]))
    });
    tokens.collect()
}

#[test]
fn contrast_is_computed_as_wcag_does() {
    assert!((contrast("oklch(100% 0 0)", "oklch(0% 0 0)") - 21.0).abs() < 0.01);
    // #767676 on white is the classic 4.54.
    assert!((contrast("oklch(56.63% 0 0)", "oklch(100% 0 0)") - 4.54).abs() < 0.05);
}

#[test]
fn every_pair_that_is_used_can_be_read() {
    let tokens = tokens();
    let surfaces = ["bg", "surface", "raised"];
    let mut pairs: Vec<(String, String, f64)> = Vec::new();
    let mut pair = |front: &str, back: &str, least| pairs.push((front.to_owned(), back.to_owned(), least));
    for back in surfaces {
        for front in ["text", "muted", "accent", "accent-strong"] {
            pair(front, back, TEXT);
        }
        for state in ["ok", "warn", "danger", "info"] {
            pair(&format!("{state}-text"), back, TEXT);
        }
    }
    for back in ["bg", "surface"] {
        for state in ["ok", "danger", "info", "accent", "control-line"] {
            pair(state, back, SIGN);
        }
    }
    for state in ["ok", "warn", "danger", "info"] {
        pair(&format!("{state}-text"), &format!("{state}-bg"), TEXT);
    }
    pair("accent", "accent-bg", TEXT);
    pair("text", "accent-bg", TEXT);
    pair("muted", "accent-bg", TEXT);
    pair("on-accent", "accent", TEXT);
    pair("on-accent", "accent-strong", TEXT);
    pair("on-danger", "danger-text", TEXT);
    let mut low = Vec::new();
    for (front, back, least) in &pairs {
        for (theme, index) in [("light", 0), ("dark", 1)] {
            let of = |name: &str| tokens.get(name).unwrap_or_else(|| panic!("no token {name}"))[index].clone();
            let ratio = contrast(&of(front), &of(back));
            if ratio < *least {
                low.push(format!("{theme}: {front} on {back} is {ratio:.2}, {least} at least"));
            }
        }
    }
    assert!(low.is_empty(), "{}", low.join("\n"));
    assert!(pairs.len() > 40);
}

#[test]
fn colours_are_tokens_only() {
    for (file, css) in [
        ("base.css", include_str!("../../assets/base.css")),
        ("parts.css", include_str!("../../assets/parts.css")),
        ("pages.css", include_str!("../../assets/pages.css")),
    ] {
        // White on a saturated mid tone (pictures, the switch's knob) is the exception, in parts.css.
        let own = css.matches("oklch(").count();
        assert!(own == 0 || file == "parts.css" || css.matches("color-mix(in oklch").count() >= own.min(1), "{file}");
        assert!(!css.contains("rgb(") && !css.contains("#fff"), "{file}");
    }
}
