//! Dataset `commands`.

use miso_command_catalogue::{CATALOGUE, Found};
use miso_log::catalogue;
use miso_model::BotCommand;

use crate::dataset::About;
use crate::datasets::{Rows, Unreadable};
use crate::{Cell, Column, Kind};

const COLUMNS: &[Column] = &[
    Column::new("time", Kind::Time, "when the message was recognised"),
    Column::new("event_id", Kind::Text, "the event's id, `session/sequence`"),
    Column::maybe("guild_id", Kind::Id, "the guild; empty in a direct message"),
    Column::new("channel_id", Kind::Id, "where it was said"),
    Column::new("user_id", Kind::Id, "by whom"),
    Column::new("message_id", Kind::Id, "the message"),
    Column::new("prefix", Kind::Text, "the prefix that was used"),
    Column::maybe("command", Kind::Text, "the command's name in this version; empty where there is none"),
    Column::new("line", Kind::Text, "what was said after the prefix; its length unless `--with-content`"),
    Column::new("partition", Kind::Integer, "partition of `bot.commands`"),
    Column::new("offset", Kind::Integer, "offset there"),
];

pub(crate) const ABOUT: About = About {
    name: "commands",
    doc: "Messages that the message handler recognised as commands: a row for each.",
    topics: &[catalogue::BOT_COMMANDS],
    columns: COLUMNS,
    queries: [
        (
            "the commands used most",
            "select command, count(*) as times, count(distinct user_id) as people from {files} \
             group by command order by times desc, command limit 20",
        ),
        (
            "commands by guild and day",
            "select guild_id, cast(cast(time as timestamp) as date) as on_day, count(*) as times from {files} \
             group by guild_id, on_day order by on_day, times desc, guild_id",
        ),
        (
            "who used most different commands",
            "select user_id, count(distinct command) as different, count(*) as times from {files} \
             group by user_id order by different desc, times desc, user_id limit 10",
        ),
    ],
};

pub(crate) fn rows(rows: &Rows<'_>, each: &mut dyn FnMut(&[Cell<'_>])) -> Result<(), Unreadable> {
    let Some(command) = rows.decode::<BotCommand>()? else { return Ok(()) };
    let name = match CATALOGUE.find(&command.line) {
        Found::Command { command, .. } => Cell::text(command.name),
        Found::Unknown { .. } => Cell::Null,
    };
    let [partition, offset] = rows.place();
    each(&[
        Cell::Time(command.at_ms),
        Cell::text(&command.event_id),
        Cell::id(command.guild_id.map(|id| id.0)),
        Cell::Id(command.channel_id.0),
        Cell::Id(command.user_id.0),
        Cell::Id(command.message_id.0),
        Cell::text(&command.prefix),
        name,
        rows.content(&command.line),
        partition,
        offset,
    ]);
    Ok(())
}
