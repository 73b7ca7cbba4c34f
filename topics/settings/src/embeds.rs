use miso_model::Permissions;

use crate::modules::{channels, needs, switch};
use crate::{Field, Module, Scope};

const fn provider(key: &'static str, title: &'static str, help: &'static str) -> Field {
    needs(switch(key, title, help), Permissions::EMBED_LINKS.and(Permissions::ATTACH_FILES))
}

/// Posts of links, shown by themselves. A provider's key is that of the command catalogue's `Provider`.
pub(crate) const MODULE: Module = Module {
    key: "embeds",
    scope: Scope::Guild,
    title: "Embeds",
    help: "Shows the posts that links in messages lead to.",
    fields: &[
        provider("x", "X", "Posts of x.com and twitter.com."),
        provider("bluesky", "Bluesky", "Posts of bsky.app."),
        provider("mastodon", "Mastodon", "Posts of any server of Mastodon's."),
        provider("reddit", "Reddit", "Posts of reddit.com."),
        provider("youtube", "YouTube", "Videos of youtube.com; Discord's own player stays."),
        provider("tiktok", "TikTok", "Videos of tiktok.com."),
        provider("instagram", "Instagram", "Posts of instagram.com."),
        provider("threads", "Threads", "Posts of threads.com."),
        provider("other", "Other sites", "Tumblr, Pixiv, Imgur, Twitch clips, Pinterest, Bilibili, Facebook."),
        switch("captions", "Captions", "With what the post says."),
        needs(
            switch("delete_original", "Delete the message", "The message with the link goes when its post is shown."),
            Permissions::MANAGE_MESSAGES,
        ),
        switch("spoilers", "Spoilers", "Hides pictures and videos until they are clicked."),
        channels("ignored_channels", "Ignored channels", "Links there, and in their threads, are left alone."),
    ],
};
