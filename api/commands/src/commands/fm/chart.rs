//! Charts, drawn by the middleware.

use miso_command_catalogue::{Colour, Document, FROM_LASTFM, ImageRole, Problem};

use super::super::{Answered, Call, code};
use super::lastfm;
use super::named::query;
use super::whose::whose;
use super::words::{Period, Words, of_list};

/// Columns and rows, at most: the middleware's bound.
const MAX_SIDE: u32 = 12;

/// A chart in the middleware's words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chart {
    kind: &'static str,
    period: Period,
    size: (u32, u32),
    titles: bool,
    padded: bool,
    topster: bool,
    colour: Option<String>,
}

pub(super) async fn chart(call: &Call<'_>) -> Result<Answered, Problem> {
    let words = of_list(query(call));
    drawn(call, &words, &read(&words, false)?).await
}

pub(super) async fn colours(call: &Call<'_>) -> Result<Answered, Problem> {
    let words = of_list(query(call));
    drawn(call, &words, &read(&words, true)?).await
}

/// Reads what kind of a chart is wanted. Pure.
fn read(words: &Words, coloured: bool) -> Result<Chart, Problem> {
    let wrong = |detail: String| Problem::new(422, "invalid-chart", "The chart does not fit", detail);
    let size = words.size.unwrap_or((3, 3));
    if ![size.0, size.1].iter().all(|side| (1..=MAX_SIDE).contains(side)) {
        return Err(wrong(format!("A chart has 1 to {MAX_SIDE} columns and rows, such as 5x5.")));
    }
    let period = words.period.unwrap_or(if coloured { Period::All } else { Period::Week });
    let mut chart =
        Chart { kind: "albums", period, size, titles: !coloured, padded: false, topster: false, colour: None };
    for word in &words.rest {
        match word.to_lowercase().as_str() {
            "album" | "albums" => chart.kind = "albums",
            "artist" | "artists" => chart.kind = "artists",
            "recent" | "recents" if !coloured => chart.kind = "recent",
            "notitle" | "notitles" => chart.titles = false,
            "padded" => chart.padded = true,
            "topster" => chart.topster = true,
            colour if coloured && chart.colour.is_none() => {
                chart.colour = Some(colour.trim_start_matches('#').to_owned());
            }
            _ => {
                let detail = format!(
                    "I do not know {} here. A chart takes a time frame, a size such as 5x5, album, artist or recent, \
                     and notitle, padded or topster.",
                    code(word)
                );
                return Err(wrong(detail));
            }
        }
    }
    if coloured && chart.colour.is_none() {
        chart.colour = Some("rainbow".to_owned());
    }
    Ok(chart)
}

async fn drawn(call: &Call<'_>, words: &Words, chart: &Chart) -> Result<Answered, Problem> {
    lastfm(call)?;
    let linked = whose(call, words.target).await?;
    let (width, height) = chart.size;
    let about = match chart.kind {
        "recent" => "latest albums".to_owned(),
        kind => format!("top {kind}, {}", chart.period.shown()),
    };
    let document = Document { colour: Colour::Lastfm, ..Document::default() }
        .titled(format!("{}: {about}", linked.shown()))
        .footer(format!("{width}x{height}"))
        .attachment("chart.jpg", address(&linked.name, chart))
        .image(ImageRole::Main, "attachment://chart.jpg");
    Ok(document.into())
}

/// Where the middleware draws it.
fn address(user: &str, chart: &Chart) -> String {
    let flag = |on: bool| if on { "1" } else { "0" };
    let size = format!("{}x{}", chart.size.0, chart.size.1);
    let mut query = vec![
        ("user", user),
        ("kind", chart.kind),
        ("size", &size),
        ("titles", flag(chart.titles)),
        ("padded", flag(chart.padded)),
        ("topster", flag(chart.topster)),
        ("format", "jpeg"),
    ];
    if chart.kind != "recent" {
        query.push(("period", chart.period.code()));
    }
    query.extend(chart.colour.as_deref().map(|colour| ("color", colour)));
    let url = reqwest::Url::parse_with_params("http://lastfm/v1/charts", query);
    let query = url.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default();
    format!("{FROM_LASTFM}/v1/charts?{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_read_from_words_in_any_order() {
        let chart = read(&of_list("month 4x5 artist notitle padded"), false).expect("reads");
        assert_eq!(
            address("a b", &chart),
            "lastfm:/v1/charts?user=a+b&kind=artists&size=4x5&titles=0&padded=1&topster=0&format=jpeg&period=1m"
        );
        let plain = read(&of_list(""), false).expect("reads");
        assert_eq!((plain.kind, plain.size, plain.period), ("albums", (3, 3), Period::Week));
        let colour = read(&of_list("#ff8800 5x5"), true).expect("reads");
        assert!(address("ann", &colour).ends_with("period=all&color=ff8800"));
        assert_eq!(read(&of_list(""), true).expect("reads").colour.as_deref(), Some("rainbow"));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for text in ["13x3", "0x3", "banana"] {
            let problem = read(&of_list(text), false).expect_err(text);
            assert!(problem.detail.contains("5x5"), "{}", problem.detail);
        }
    }
}
