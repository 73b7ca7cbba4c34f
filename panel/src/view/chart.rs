//! Charts as inline SVG, each with a title and its table.

use maud::{Markup, html};

/// Width and height of a chart's drawing, in its own units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 120.0;

fn share(value: i64, most: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of a chart, far below 2^52")]
    let (value, most) = (value.max(0) as f64, most.max(1) as f64);
    value / most
}

fn at(index: usize, count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a few dozen bars")]
    let (index, count) = (index as f64, count.max(1) as f64);
    WIDTH * index / count
}

/// One bar per label.
pub(crate) fn bars(id: &str, title: &str, class: &str, points: &[(String, i64)]) -> Markup {
    let most = points.iter().map(|(_, value)| *value).max().unwrap_or(0);
    let sum: i64 = points.iter().map(|(_, value)| *value).sum();
    let width = (at(1, points.len()) - 3.0).max(1.0);
    html! {
        figure.chart {
            figcaption { span #(id) { (title) } strong { (grouped(sum)) } }
            svg.(class) viewBox="0 0 640 120" preserveAspectRatio="none" role="img" aria-labelledby=(id) {
                @for (index, (label, value)) in points.iter().enumerate() {
                    @let height = (HEIGHT * share(*value, most)).max(1.0);
                    rect x=(format!("{:.1}", at(index, points.len()))) y=(format!("{:.1}", HEIGHT - height))
                        width=(format!("{width:.1}")) height=(format!("{height:.1}")) rx="1.5" {
                        title { (label) ": " (value) }
                    }
                }
            }
            (table(title, points))
        }
    }
}

/// One cell per hour of the day.
pub(crate) fn heatmap(id: &str, title: &str, hours: &[i64]) -> Markup {
    let most = hours.iter().copied().max().unwrap_or(0);
    let points: Vec<(String, i64)> =
        hours.iter().enumerate().map(|(hour, value)| (format!("{hour:02}:00"), *value)).collect();
    html! {
        figure.chart.hours {
            figcaption { span #(id) { (title) } small { "UTC" } }
            svg viewBox="0 0 640 56" role="img" aria-labelledby=(id) {
                @for (index, (label, value)) in points.iter().enumerate() {
                    rect x=(format!("{:.1}", at(index, 24))) y="0" width="23" height="32" rx="4"
                        fill-opacity=(format!("{:.2}", 0.08 + 0.92 * share(*value, most))) {
                        title { (label) ": " (value) }
                    }
                    @if index % 6 == 0 { text x=(format!("{:.1}", at(index, 24))) y="50" { (label) } }
                }
            }
            (table(title, &points))
        }
    }
}

/// A line without axes, beside a number.
pub(crate) fn sparkline(title: &str, values: &[i64]) -> Markup {
    let most = values.iter().copied().max().unwrap_or(0);
    let last = values.len().saturating_sub(1);
    let points: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(index, value)| format!("{:.1},{:.1}", at(index, last) / 5.0, 26.0 - 24.0 * share(*value, most)))
        .collect();
    html! {
        svg.spark viewBox="0 0 128 28" role="img" aria-label=(title) {
            polyline points=(points.join(" ")) fill="none" {}
        }
    }
}

fn table(title: &str, points: &[(String, i64)]) -> Markup {
    html! {
        details {
            summary { "As a table" }
            table {
                caption.hidden { (title) }
                tbody { @for (label, value) in points { tr { th scope="row" { (label) } td { (value) } } } }
            }
        }
    }
}

/// `12 345`.
pub(crate) fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if value < 0 { format!("−{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_a_title_and_its_table_and_stands_nothing_at_all() {
        let html = bars("c", "Messages", "accent", &[("2026-11-23".to_owned(), 3), ("2026-11-24".to_owned(), 0)])
            .into_string();
        assert!(html.contains("aria-labelledby=\"c\"") && html.contains("<th scope=\"row\">2026-11-23</th><td>3</td>"));
        for html in [bars("c", "M", "a", &[]), heatmap("h", "H", &[]), sparkline("s", &[]), sparkline("s", &[0, 0])] {
            assert!(!html.into_string().contains("NaN"));
        }
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
