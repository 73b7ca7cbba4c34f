use super::{STATE, argument, command, optional, setting};
use crate::{Argument, Command, Cooldown, Group, How, Kind, Permissions, Place, Runs};

const GROUP: Group = Group::Lastfm;
/// Characters of what is asked for: an artist's and a title's name.
const QUERY: Kind = Kind::Text { max_chars: 300, rest: true };

const WHOSE: Argument = optional("query", "A member, whose it is; without one, yours.", QUERY);
const LIST: Argument = optional("query", "A time frame such as week, month or year, and a member.", QUERY);
const NAMED: Argument =
    optional("query", "A name, or `title | artist`; `np` or nothing: what you are listening to.", QUERY);

/// Charts are drawn: some work.
const DRAWN: Option<Cooldown> = Some(Cooldown { uses: 3, per_ms: 20_000 });

const fn fm(
    name: &'static str,
    aliases: &'static [&'static str],
    help: &'static str,
    arguments: &'static [Argument],
    examples: &'static [&'static str],
) -> Command {
    Command { aliases, arguments, examples, ..command(name, GROUP, help, Runs::Reads) }
}

pub(super) const COMMANDS: &[Command] = &[
    Command {
        runs: Runs::Changes,
        ..fm(
            "fm set",
            &["link", "login"],
            "Tells the bot your name at Last.fm.",
            &[argument("name", "Your name there.", Kind::Text { max_chars: 64, rest: false })],
            &["fm set ann"],
        )
    },
    fm("fm profile", &["p"], "Shows a profile.", &[WHOSE], &["fm profile", "fm profile @member"]),
    fm(
        "fm nowplaying",
        &["np", "no"],
        "Shows what somebody is listening to.",
        &[WHOSE],
        &["fm nowplaying", "fm np @member"],
    ),
    fm("fm recent", &["re"], "Lists the latest tracks.", &[WHOSE], &["fm recent"]),
    fm(
        "fm topartists",
        &["ta"],
        "Lists the artists played most.",
        &[LIST],
        &["fm topartists", "fm topartists month", "fm ta 7day @member"],
    ),
    fm("fm topalbums", &["talb"], "Lists the albums played most.", &[LIST], &["fm topalbums year"]),
    fm("fm toptracks", &["tt"], "Lists the tracks played most.", &[LIST], &["fm toptracks 3month"]),
    fm("fm artist", &["a"], "Shows an artist, and how often you played it.", &[NAMED], &["fm artist np"]),
    fm("fm album", &[], "Shows an album, and how often you played it.", &[NAMED], &["fm album np"]),
    fm("fm cover", &[], "Shows the cover of an album.", &[NAMED], &["fm cover"]),
    fm(
        "fm milestone",
        &[],
        "Shows the track that was your n-th.",
        &[
            argument("n", "Which.", Kind::Integer { min: 1, max: 100_000_000 }),
            optional("query", "A member, whose it is.", QUERY),
        ],
        &["fm milestone 100"],
    ),
    Command {
        cooldown: DRAWN,
        ..fm(
            "fm chart",
            &["collage"],
            "Draws the covers of what was played most.",
            &[optional(
                "query",
                "A time frame, a size up to 12x12, album|artist|recent, notitle|padded|topster, a member.",
                QUERY,
            )],
            &["fm chart", "fm chart month 4x4 artist"],
        )
    },
    Command {
        cooldown: DRAWN,
        ..fm(
            "fm colorchart",
            &["colourchart"],
            "Draws covers by colour.",
            &[optional("query", "A colour such as #ff8800, or rainbow; a size; a member.", QUERY)],
            &["fm colorchart rainbow"],
        )
    },
    fm("fm youtube", &["yt"], "Looks for what you are listening to at YouTube.", &[NAMED], &["fm youtube"]),
    Command {
        place: Place::Guild,
        ..fm(
            "fm server",
            &["s"],
            "What the members of this server listen to.",
            &[argument(
                "what",
                "nowplaying, recent, topartists, topalbums or toptracks.",
                Kind::Choice {
                    options: &[
                        "nowplaying",
                        "np",
                        "recent",
                        "re",
                        "topartists",
                        "ta",
                        "topalbums",
                        "talb",
                        "toptracks",
                        "tt",
                    ],
                },
            )],
            &["fm server nowplaying", "fm server topartists", "fm s re"],
        )
    },
    Command {
        group: GROUP,
        ..setting(
            "fm voting",
            "Turns the two reactions under `fm nowplaying` on or off.",
            "lastfm",
            How::Toggle("voting"),
            &[STATE],
            &["fm voting on"],
        )
    },
    Command {
        permissions: Permissions::MANAGE_GUILD,
        place: Place::Guild,
        runs: Runs::Changes,
        ..fm(
            "fm blacklist",
            &["bl"],
            "Lists whom this server's lists leave out, or adds a member, or takes them off again.",
            &[optional("member", "Who is to be left out, or not any more.", Kind::User)],
            &["fm blacklist", "fm blacklist @member"],
        )
    },
    Command {
        place: Place::Guild,
        runs: Runs::Changes,
        ..fm(
            "whoknows",
            &["wk", "whomstknows"],
            "Lists who in this server listens to an artist most.",
            &[NAMED],
            &["whoknows", "wk np"],
        )
    },
    Command {
        place: Place::Guild,
        ..fm(
            "whoknowstrack",
            &["wkt"],
            "Lists who in this server played a track most.",
            &[NAMED],
            &["whoknowstrack np"],
        )
    },
    Command {
        place: Place::Guild,
        ..fm(
            "whoknowsalbum",
            &["wka"],
            "Lists who in this server played an album most.",
            &[NAMED],
            &["whoknowsalbum np"],
        )
    },
    Command {
        place: Place::Guild,
        ..fm("crowns", &[], "Lists the artists of whom somebody here is the greatest listener.", &[WHOSE], &["crowns"])
    },
    Command {
        runs: Runs::Changes,
        ..fm("fm unset", &["unlink"], "Makes the bot forget your name at Last.fm, and your plays.", &[], &["fm unset"])
    },
];
