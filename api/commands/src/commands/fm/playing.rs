//! `fm nowplaying` and `fm youtube`.

use miso_command_catalogue::{Colour, Document, Image, ImageRole, Link, Problem};

use super::super::{Answered, Call};
use super::lastfm;
use super::named::{query, track};
use super::shown::{aged, ago, length, plain, plays};
use super::whose::whose;
use super::words::of_list;
use crate::lastfm::{Answer, Lane, Now, Track};

/// Tags that are shown, at most.
const TAGS: usize = 5;

pub(super) async fn now(call: &Call<'_>) -> Result<Answered, Problem> {
    let linked = whose(call, of_list(query(call)).target).await?;
    let path = ["users", &*linked.name, "now"];
    let now: Answer<Now> = lastfm(call)?.get(Lane::Interactive, &path, &[("details", "1")]).await?;
    Ok(aged(document(&now.data, linked.shown()), &now.meta).into())
}

fn document(now: &Now, name: &str) -> Document {
    let Some(track) = &now.track else {
        return Document::text(Colour::Lastfm, format!("{} has not listened to anything yet.", plain(name)));
    };
    let mut lines = Vec::new();
    if let Some(album) = track.album.as_ref().filter(|album| !album.name.is_empty()) {
        let year = album.release_date.as_deref().and_then(|date| date.get(..4));
        let year = year.map(|year| format!(" ({year})")).unwrap_or_default();
        lines.push(format!("**{}**{year}", plain(&album.name)));
    }
    let mut footer = Vec::new();
    if now.now_playing {
        footer.push(format!("{name} is listening"));
    } else {
        footer.push(format!("{name} listened"));
        lines.extend(now.played_at.map(ago));
    }
    footer.extend(now.user_plays.map(plays));
    if track.loved == Some(true) {
        footer.push("❤".to_owned());
    }
    let tags: Vec<&str> = now.tags.iter().take(TAGS).map(String::as_str).collect();
    if !tags.is_empty() {
        footer.push(tags.join(", "));
    }
    let mut document = Document::text(Colour::Lastfm, lines.join("\n")).titled(title(track)).footer(footer.join(" · "));
    if let Some(image) = track.image() {
        document.images.push(Image { url: image.to_owned(), role: ImageRole::Thumbnail });
    }
    document
}

/// `artist — track [m:ss]`.
fn title(track: &Track) -> String {
    let length = track.duration_ms.filter(|ms| *ms > 0).map(|ms| format!(" [{}]", length(ms))).unwrap_or_default();
    format!("{} — {}{length}", track.artist.name, track.name)
}

pub(super) async fn youtube(call: &Call<'_>) -> Result<Answered, Problem> {
    let (_, title, artist) = track(call).await?;
    let search = format!("{artist} {title}");
    let url = reqwest::Url::parse_with_params("https://www.youtube.com/results", [("search_query", search)]);
    let document = Document::text(Colour::Lastfm, format!("**{}** by **{}**", plain(&title), plain(&artist)));
    Ok(match url {
        Ok(url) => {
            let link = Link { label: "Look on YouTube".to_owned(), url: url.into() };
            Document { actions: vec![link], ..document }.into()
        }
        Err(_) => document.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playing() -> Now {
        serde_json::from_str(
            r#"{"track":{"name":"Vivid","artist":{"name":"HEEJIN"},"album":{"name":"HeeJin","image":"https://x/a.png","release_date":"2016-10-05"},
                "duration_ms":201000,"loved":true,"url":null},"now_playing":true,"played_at":null,"user_plays":31,"tags":["k-pop","pop"],"total":9}"#,
        )
        .expect("reads")
    }

    #[test]
    fn what_is_playing_looks_as_people_are_used_to() {
        let document = document(&playing(), "ann");
        assert_eq!(document.title.as_deref(), Some("HEEJIN — Vivid [3:21]"));
        assert_eq!(document.text.as_deref(), Some("**HeeJin** (2016)"));
        assert_eq!(document.footer.as_deref(), Some("ann is listening · 31 plays · ❤ · k-pop, pop"));
        assert_eq!((document.images[0].url.as_str(), document.colour), ("https://x/a.png", Colour::Lastfm));
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let track = Track { name: "t".to_owned(), ..Track::default() };
        let now = Now { track: Some(track), played_at: Some(5_000), ..Now::default() };
        let shown = document(&now, "ann");
        assert_eq!((shown.title.as_deref(), shown.text.as_deref()), (Some(" — t"), Some("<t:5:R>")));
        assert_eq!(shown.footer.as_deref(), Some("ann listened"));
        assert!(document(&Now::default(), "ann").text.is_some_and(|text| text.contains("not listened")));
    }
}
