use crate::modules::{field, switch};
use crate::{Default, Kind, Module, Scope};

/// Key of a user's module of Last.fm; a guild's is `lastfm`.
pub const LASTFM_USER: &str = "lastfm-user";
/// Key of a guild's module of Last.fm.
pub const LASTFM_GUILD: &str = "lastfm";

/// Last.fm in a guild.
pub(crate) const GUILD: Module = Module {
    key: LASTFM_GUILD,
    scope: Scope::Guild,
    title: "Last.fm",
    help: "Who knows which artist, crowns, and votes on what is playing.",
    fields: &[
        field(
            "crowns",
            "Crowns",
            "Whoever listens to an artist most holds its crown, and it is told when one is taken.",
            Kind::Switch,
            Default::Bool(true),
        ),
        switch("voting", "Voting", "Two reactions under what somebody is listening to."),
        field("vote_up", "Vote for", "The reaction of who likes it.", Kind::Emoji, Default::Text("👍")),
        field("vote_down", "Vote against", "The reaction of who does not.", Kind::Emoji, Default::Text("👎")),
        field(
            "hidden_members",
            "Hidden members",
            "They are left out of whoknows, of crowns and of the server's lists.",
            Kind::Members { max: 100 },
            Default::Empty,
        ),
    ],
};

/// Last.fm of a user.
pub(crate) const USER: Module = Module {
    key: LASTFM_USER,
    scope: Scope::User,
    title: "Last.fm",
    help: "Your name there, and what servers see of what you listen to.",
    fields: &[
        field(
            "username",
            "Your name at Last.fm",
            "With it the bot shows what you listen to. Without it nothing is kept.",
            Kind::Text { max_chars: 15 },
            Default::Nothing,
        ),
        switch("hidden", "Hide me", "You are left out of whoknows, of crowns and of servers' lists."),
        field(
            "index",
            "Keep my plays",
            "How often you played what is kept, for whoknows. Off: what was kept is deleted.",
            Kind::Switch,
            Default::Bool(true),
        ),
    ],
};
