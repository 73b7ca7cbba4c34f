use super::{STATE, argument, command, optional, setting};
use crate::links::MAX_LINKS;
use crate::{Argument, Command, Cooldown, Group, How, Kind, Permissions, Runs};

/// Each use fetches posts and files elsewhere.
const COOLDOWN: Cooldown = Cooldown { uses: 5, per_ms: 30_000 };
/// To show pictures and videos as files.
const FILES: Permissions = Permissions::EMBED_LINKS.and(Permissions::ATTACH_FILES);

const ARGUMENTS: &[Argument] = &[
    argument("links", "One link or several.", Kind::Links { max: MAX_LINKS }),
    optional("caption", "With what the post says.", Kind::Flag { letter: 'c' }),
    optional("delete", "Deletes your message.", Kind::Flag { letter: 'd' }),
    optional("spoiler", "Hides pictures and videos until they are clicked.", Kind::Flag { letter: 's' }),
    optional("quiet", "Says nothing of links that cannot be shown.", Kind::Flag { letter: 'q' }),
];

const fn media(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    examples: &'static [&'static str],
) -> Command {
    Command {
        aliases,
        arguments: ARGUMENTS,
        bot_permissions: FILES,
        cooldown: Some(COOLDOWN),
        examples,
        ..command(name, Group::Media, help, Runs::Reads)
    }
}

const fn toggle(
    name: &'static str,
    help: &'static str,
    field: &'static str,
    examples: &'static [&'static str],
) -> Command {
    setting(name, help, "embeds", How::Toggle(field), &[STATE], examples)
}

const CHANNEL: Argument = argument("value", "The channel.", Kind::Channel { or_off: false });

pub(super) const COMMANDS: &[Command] = &[
    media(
        "embed",
        &[],
        "Shows the posts that links lead to, of any site.",
        &["embed https://x.com/ann/status/1900000000000000001 -c", "embed https://blog.example.org/soup"],
    ),
    media(
        "instagram",
        &["ig", "insta"],
        "Shows a post of Instagram.",
        &["instagram https://www.instagram.com/p/Cmiso01/"],
    ),
    media("tiktok", &[], "Shows a video of TikTok.", &["tiktok https://www.tiktok.com/@ann/video/7300000000000000002"]),
    media("twitter", &["x"], "Shows a post of X.", &["twitter https://x.com/ann/status/1900000000000000001 -c"]),
    media("reddit", &[], "Shows a post of Reddit.", &["reddit https://www.reddit.com/r/soup/comments/miso1/a_bowl/"]),
    media(
        "bluesky",
        &["bsky"],
        "Shows a post of Bluesky.",
        &["bluesky https://bsky.app/profile/ann.bsky.social/post/3kmiso1"],
    ),
    media("threads", &[], "Shows a post of Threads.", &["threads https://www.threads.com/@ann/post/Cmiso01"]),
    media("youtube", &["yt"], "Shows a video of YouTube.", &["youtube https://www.youtube.com/watch?v=misovideo02"]),
    media(
        "mastodon",
        &[],
        "Shows a post of Mastodon, of any server.",
        &["mastodon https://mastodon.social/@ann/115000000000000001"],
    ),
    toggle("autoembedder x", "Shows posts of X by itself, or not.", "x", &["autoembedder x on"]),
    toggle(
        "autoembedder bluesky",
        "Shows posts of Bluesky by itself, or not.",
        "bluesky",
        &["autoembedder bluesky on"],
    ),
    toggle(
        "autoembedder mastodon",
        "Shows posts of Mastodon by itself, or not.",
        "mastodon",
        &["autoembedder mastodon on"],
    ),
    toggle("autoembedder reddit", "Shows posts of Reddit by itself, or not.", "reddit", &["autoembedder reddit on"]),
    toggle(
        "autoembedder youtube",
        "Shows videos of YouTube by itself, or not.",
        "youtube",
        &["autoembedder youtube off"],
    ),
    toggle("autoembedder tiktok", "Shows videos of TikTok by itself, or not.", "tiktok", &["autoembedder tiktok on"]),
    toggle(
        "autoembedder instagram",
        "Shows posts of Instagram by itself, or not.",
        "instagram",
        &["autoembedder instagram on"],
    ),
    toggle(
        "autoembedder threads",
        "Shows posts of Threads by itself, or not.",
        "threads",
        &["autoembedder threads on"],
    ),
    toggle("autoembedder other", "Shows posts of other sites by itself, or not.", "other", &["autoembedder other off"]),
    toggle("autoembedder captions", "With what posts say, or without.", "captions", &["autoembedder captions on"]),
    toggle(
        "autoembedder deletes",
        "Deletes messages whose links it shows, or not.",
        "delete_original",
        &["autoembedder deletes off"],
    ),
    toggle("autoembedder spoilers", "Hides pictures and videos, or not.", "spoilers", &["autoembedder spoilers off"]),
    setting(
        "autoembedder ignore",
        "Links in this channel are left alone.",
        "embeds",
        How::Add("ignored_channels"),
        &[CHANNEL],
        &["autoembedder ignore #channel"],
    ),
    setting(
        "autoembedder unignore",
        "Links in this channel are shown again.",
        "embeds",
        How::Remove("ignored_channels"),
        &[CHANNEL],
        &["autoembedder unignore #channel"],
    ),
    Command {
        runs: Runs::Reads,
        ..setting(
            "autoembedder current",
            "Shows how links are treated.",
            "embeds",
            How::Show(&[]),
            &[],
            &["autoembedder current"],
        )
    },
];
