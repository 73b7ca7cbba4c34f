//! Posts of social sites, by link.

use futures_util::future::join_all;
use miso_command_catalogue::{Attachment, Colour, Document, FROM_EMBEDDER, Image, ImageRole, Link, Problem, Provider};

use super::Call;
use crate::embedder::{Author, Embedder, File, Media, Metrics, Poll, PollOption};

/// Files of one answer, at most; more are told of by number.
pub const MEDIA_FILES: usize = 4;
/// Bytes of a file, at most; a larger one is linked to.
pub const MEDIA_FILE_BYTES: u64 = 5_500_000;
/// Characters of a post that are shown, at most; of each post, where there are several.
const TEXT_CHARS: usize = 2_500;
const TEXT_CHARS_OF_MANY: usize = 400;
/// Of a quoted post, which has half as many at most.
const QUOTED_CHARS: usize = 500;
/// Of a name.
const NAME_CHARS: usize = 80;
/// Of what can be chosen in a poll; and how many of them are shown.
const OPTION_CHARS: usize = 80;
const OPTIONS: usize = 10;
/// Bytes of an address on a button, at most: Discord's bound.
const BUTTON_BYTES: usize = 512;

/// How a post is shown.
#[derive(Debug, Clone, Copy)]
struct How {
    caption: bool,
    spoiler: bool,
    text_chars: usize,
}

/// Answers a media command: what its links lead to.
pub(crate) async fn media(call: &Call<'_>) -> Result<Document, Problem> {
    let embedder = call.api.embedder.as_ref().ok_or_else(not_set_up)?;
    let links = call.args.links("links");
    if let Some(provider) = of_command(call.command.name) {
        for link in links {
            fits(provider, link)?;
        }
    }
    let how = How {
        caption: call.args.flag("caption"),
        spoiler: call.args.flag("spoiler"),
        text_chars: if links.len() > 1 { TEXT_CHARS_OF_MANY } else { TEXT_CHARS },
    };
    let found = look_up(embedder, links, &call.context.locale).await;
    let none = found.iter().all(Result::is_err);
    if none && (links.len() == 1 || call.args.flag("quiet")) {
        return Err(found.into_iter().find_map(Result::err).unwrap_or_else(not_set_up));
    }
    Ok(document(links, &found, how, call.args.flag("quiet")))
}

async fn look_up(embedder: &Embedder, links: &[String], lang: &str) -> Vec<Result<Media, Problem>> {
    let each = links.iter().map(|link| async move {
        let found = embedder.media(link, lang, MEDIA_FILE_BYTES).await;
        found.and_then(with_something)
    });
    join_all(each).await
}

/// Of some posts a site tells nothing but that they are there: that is not worth an answer.
fn with_something(media: Media) -> Result<Media, Problem> {
    let text = media.text.as_deref().is_some_and(|text| !text.trim().is_empty());
    if text || media.author.is_some() || !media.media.is_empty() {
        return Ok(media);
    }
    let detail = "The site shows this post only to its own visitors. Please open the link.";
    Err(Problem::new(403, "nothing_shown", "Nothing is shown", detail))
}

fn not_set_up() -> Problem {
    Problem::new(422, "not-set-up", "Not set up", "Links cannot be looked up here.")
}

/// The site of a command that takes the links of one site only.
fn of_command(name: &str) -> Option<Provider> {
    match name {
        "twitter" => Some(Provider::X),
        "embed" => None,
        other => Provider::of_key(other),
    }
}

/// Any host may be one of Mastodon's.
fn fits(provider: Provider, link: &str) -> Result<(), Problem> {
    let of = Provider::of(link).unwrap_or(Provider::Other);
    if of == provider || (provider, of) == (Provider::Mastodon, Provider::Other) {
        return Ok(());
    }
    let site = if of == Provider::Other { "another site".to_owned() } else { of.name().to_owned() };
    let name = provider.name();
    let detail = format!("This link leads to {site}, not to {name}. `embed` takes links of every site.");
    Err(Problem::new(422, "wrong-provider", "Another site", detail))
}

/// All posts in one document. Pure.
fn document(links: &[String], found: &[Result<Media, Problem>], how: How, quiet: bool) -> Document {
    let mut document = Document { colour: Colour::Info, ..Document::default() };
    let mut sections = Vec::new();
    let mut left_out = 0;
    for (link, found) in links.iter().zip(found) {
        match found {
            Ok(media) => {
                sections.push(section(media, how));
                left_out += files(&mut document, media, how.spoiler || media.sensitive);
                document.actions.extend(button(media, link));
            }
            Err(_) if quiet => {}
            Err(problem) => sections.push(format!("⚠ <{link}>: {}", problem.detail)),
        }
    }
    let shown: Vec<&Media> = found.iter().flatten().collect();
    document.text = Some(sections.join("\n\n")).filter(|text| !text.is_empty());
    let mut notes = Vec::new();
    if let [only] = shown.as_slice() {
        notes.extend(only.metrics.and_then(counts));
    }
    if left_out > 0 {
        notes.push(format!("{left_out} more at the site"));
    }
    document.footer = Some(notes.join(" · ")).filter(|footer| !footer.is_empty());
    if shown.is_empty() {
        document.colour = Colour::Warning;
    }
    only_picture(&mut document);
    document
}

/// Who, when, what, and whom they quote.
fn section(media: &Media, how: How) -> String {
    let mut lines = vec![by_line(media)];
    let text = media.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    // A post without files says nothing without its text.
    if let Some(text) = text.filter(|_| how.caption || media.media.is_empty()) {
        let text = escaped(&cut(text, how.text_chars));
        // What is not for everybody's eyes is not so in words either.
        lines.push(if how.spoiler || media.sensitive { format!("||{text}||") } else { text });
    }
    if let Some(poll) = &media.poll {
        lines.extend(options(poll));
    }
    // Where a video has no file of its own, its page is what the button opens.
    let elsewhere = media.media.iter().filter(|file| file.within(MEDIA_FILE_BYTES).is_none() && file.url != media.url);
    for file in elsewhere {
        lines.extend(too_large(file));
    }
    if let Some(quoted) = &media.quoted {
        let text = quoted
            .text
            .as_deref()
            .map(|text| escaped(&cut(text.trim(), QUOTED_CHARS.min(how.text_chars / 2))))
            .unwrap_or_default();
        let all = if text.is_empty() { by_line(quoted) } else { format!("{}\n{text}", by_line(quoted)) };
        let hidden = quoted.sensitive && !text.is_empty();
        let all = if hidden { format!("{}\n||{text}||", by_line(quoted)) } else { all };
        lines.push(all.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n"));
    }
    lines.join("\n")
}

fn by_line(media: &Media) -> String {
    let author = media.author.clone().unwrap_or_default();
    let Author { name, handle, url } = &author;
    let handle = handle.as_deref().map(|handle| handle.trim_start_matches('@')).filter(|handle| !handle.is_empty());
    let name = name.as_deref().filter(|name| !name.trim().is_empty()).or(handle);
    let site = Provider::of_key(&media.provider).filter(|provider| *provider != Provider::Other).map(Provider::name);
    let mut line = match (name, url.as_deref().filter(|url| is_address(url))) {
        (Some(name), Some(url)) => format!("**[{}](<{url}>)**", escaped(&cut(name, NAME_CHARS))),
        (Some(name), None) => format!("**{}**", escaped(&cut(name, NAME_CHARS))),
        (None, _) => format!("**{}**", site.unwrap_or("A post")),
    };
    if let Some(handle) = handle.filter(|handle| Some(*handle) != name) {
        line.push_str(&format!(" @{}", escaped(&cut(handle, NAME_CHARS))));
    }
    if let Some(day) = media.created_at.as_deref().and_then(|at| at.get(..10)) {
        line.push_str(&format!(" · {day}"));
    }
    line
}

fn options(poll: &Poll) -> Vec<String> {
    let votes = |votes: Option<u64>| votes.map(|votes| format!(" · {votes}")).unwrap_or_default();
    let option =
        |option: &PollOption| format!("📊 {}{}", escaped(&cut(option.label.trim(), OPTION_CHARS)), votes(option.votes));
    let mut lines: Vec<String> = poll.options.iter().take(OPTIONS).map(option).collect();
    if poll.closed && !lines.is_empty() {
        lines.push("The poll is over.".to_owned());
    }
    lines
}

fn counts(metrics: Metrics) -> Option<String> {
    let counts = [("❤", metrics.likes), ("🔁", metrics.reposts), ("💬", metrics.replies), ("👁", metrics.views)];
    let told: Vec<String> =
        counts.iter().filter_map(|(sign, count)| count.map(|count| format!("{sign} {count}"))).collect();
    (!told.is_empty()).then(|| told.join("  "))
}

/// Attaches a post's files, as many as there is room for; how many there was none for.
fn files(document: &mut Document, media: &Media, spoiler: bool) -> usize {
    let mut left_out = 0;
    for file in &media.media {
        let Some(path) = file.within(MEDIA_FILE_BYTES) else {
            if let Some(thumbnail) = file.thumbnail.as_deref().filter(|url| !spoiler && is_address(url)) {
                let image = Image { url: thumbnail.to_owned(), role: ImageRole::Main };
                if document.images.is_empty() {
                    document.images.push(image);
                }
            }
            continue;
        };
        let number = document.attachments.len() + 1;
        if number > MEDIA_FILES || !path.starts_with("/v1/") {
            left_out += 1;
            continue;
        }
        let site = Provider::of_key(&media.provider).unwrap_or(Provider::Other).key();
        let name = format!("{site}-{number}.{}", ending(file));
        document.attachments.push(Attachment { name, url: format!("{FROM_EMBEDDER}{path}"), spoiler });
    }
    left_out
}

/// A single picture stands inside the answer instead of beside it; a hidden one could not be hidden there.
fn only_picture(document: &mut Document) {
    if let [only] = document.attachments.as_slice()
        && document.images.is_empty()
        && !only.spoiler
        && [".jpg", ".png", ".gif", ".webp"].iter().any(|ending| only.name.ends_with(ending))
    {
        document.images.push(Image { url: format!("attachment://{}", only.name), role: ImageRole::Main });
    }
}

fn too_large(file: &File) -> Option<String> {
    let url = is_address(&file.url).then_some(&file.url)?;
    let kind = if file.kind.is_empty() { "file" } else { &file.kind };
    let size = file.bytes.map(|bytes| format!(" of {} MB", bytes.div_ceil(1_000_000))).unwrap_or_default();
    Some(format!("[{kind}{size}](<{url}>)"))
}

fn ending(file: &File) -> &'static str {
    match (file.mime.as_deref().unwrap_or_default(), file.kind.as_str()) {
        ("image/jpeg", _) => "jpg",
        ("image/png", _) => "png",
        ("image/gif", _) => "gif",
        ("image/webp", _) => "webp",
        ("video/webm", _) => "webm",
        ("video/quicktime", _) => "mov",
        ("audio/mpeg", _) => "mp3",
        ("audio/ogg", _) => "ogg",
        ("video/mp4", _) | (_, "video" | "gif") => "mp4",
        ("audio/mp4", _) | (_, "audio") => "m4a",
        (_, "image") => "jpg",
        _ => "bin",
    }
}

fn button(media: &Media, link: &str) -> Option<Link> {
    let url = if is_address(&media.url) { media.url.as_str() } else { link };
    if url.len() > BUTTON_BYTES {
        return None;
    }
    let label = match Provider::of_key(&media.provider).filter(|provider| *provider != Provider::Other) {
        Some(provider) => format!("Open on {}", provider.name()),
        None => "Open".to_owned(),
    };
    Some(Link { label, url: url.to_owned() })
}

/// An address that stands safely in Markdown.
fn is_address(url: &str) -> bool {
    let scheme = url.starts_with("https://") || url.starts_with("http://");
    scheme && !url.contains(|c: char| c.is_whitespace() || c.is_control() || "<>()\"\\|".contains(c))
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// Somebody else's words, without the power of Markdown; addresses stay what they are.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (index, line) in text.lines().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if line.starts_with(['#', '-', '>']) {
            out.push('\\');
        }
        for word in line.split_inclusive(' ') {
            if is_address(word.trim_end()) {
                out.push_str(word);
                continue;
            }
            for c in word.chars() {
                if "\\*_~`|[]<".contains(c) {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests;
