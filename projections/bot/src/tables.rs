use crate::Statement;

/// Version of the tables below. Raise it with every change of them or of the projection: stores of
/// another version are built anew from the facts, beside the old tables, and swapped.
pub const SCHEMA_VERSION: i64 = 3;

/// What becomes of a column when its row is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merge {
    /// The new value.
    Replace,
    /// The sum.
    Add,
    /// The new value, unless it is null.
    Keep,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    kind: &'static str,
    pub(crate) merge: Merge,
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: "text not null", merge: Merge::Replace }
}

const fn maybe_text(name: &'static str) -> Column {
    Column { name, kind: "text", merge: Merge::Replace }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: "bigint not null", merge: Merge::Replace }
}

const fn maybe_number(name: &'static str) -> Column {
    Column { name, kind: "bigint", merge: Merge::Replace }
}

const fn sum(name: &'static str) -> Column {
    Column { name, kind: "bigint not null", merge: Merge::Add }
}

/// A declared table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
    /// So many columns, the first ones, are the primary key.
    pub(crate) key: usize,
    /// Columns of further indexes.
    indexes: &'static [&'static str],
}

/// What the next decision about an aggregate needs; `settings` is JSON by module.
pub(crate) const AGGREGATES: Table = Table {
    name: "aggregates",
    columns: &[text("aggregate"), number("version"), Column { name: "settings", kind: "text", merge: Merge::Keep }],
    key: 1,
    indexes: &[],
};
/// Every change of settings. `before_values` and `after_values` are JSON by field.
pub(crate) const AUDIT: Table = Table {
    name: "audit",
    columns: &[
        text("aggregate"),
        number("version"),
        text("module"),
        number("module_version"),
        number("at_ms"),
        text("actor"),
        text("via"),
        text("before_values"),
        text("after_values"),
        maybe_number("reverts"),
    ],
    key: 2,
    indexes: &["aggregate, module, module_version", "actor"],
};
/// Members' experience. A window is the five minutes in which its cap counts.
pub(crate) const ACTIVITY: Table = Table {
    name: "activity",
    columns: &[
        text("guild_id"),
        text("user_id"),
        number("xp"),
        number("level"),
        number("messages"),
        number("window_ms"),
        number("window_xp"),
    ],
    key: 2,
    indexes: &["guild_id, xp", "user_id"],
};
/// Members' messages by hour of the day.
pub(crate) const ACTIVITY_HOURS: Table = Table {
    name: "activity_hours",
    columns: &[text("guild_id"), text("user_id"), number("hour"), sum("messages")],
    key: 3,
    indexes: &[],
};
/// What happened in a guild, by day and hour.
pub(crate) const COUNTS: Table = Table {
    name: "counts",
    columns: &[
        text("guild_id"),
        text("day"),
        number("hour"),
        sum("messages"),
        sum("joins"),
        sum("leaves"),
        sum("commands"),
    ],
    key: 3,
    indexes: &[],
};
/// Starred messages, and where they stand on the starboard.
pub(crate) const STARRED: Table = Table {
    name: "starred",
    columns: &[
        text("guild_id"),
        text("message_id"),
        text("channel_id"),
        text("author_id"),
        number("stars"),
        maybe_text("post_id"),
        maybe_text("posted_channel_id"),
        maybe_number("posting_ms"),
    ],
    key: 2,
    indexes: &[],
};
/// Who starred what.
pub(crate) const STAR_GIVERS: Table = Table {
    name: "star_givers",
    columns: &[text("guild_id"), text("message_id"), text("user_id")],
    key: 3,
    indexes: &["user_id"],
};
/// Reminders that wait, and those that fired within a day.
pub(crate) const REMINDERS: Table = Table {
    name: "reminders",
    columns: &[
        text("user_id"),
        text("reminder_id"),
        text("body"),
        number("due_ms"),
        maybe_text("channel_id"),
        maybe_text("guild_id"),
        number("set_ms"),
        maybe_number("fired_ms"),
    ],
    key: 2,
    indexes: &[],
};
/// Who is linked with Last.fm. `hidden` and `indexed` are 0 or 1.
pub(crate) const LISTENERS: Table = Table {
    name: "listeners",
    columns: &[text("user_id"), text("lastfm_user"), number("hidden"), number("indexed")],
    key: 1,
    indexes: &[],
};
/// How much of a listener's past is known. `complete` is 0 or 1.
pub(crate) const LISTEN_PROGRESS: Table = Table {
    name: "listen_progress",
    columns: &[
        text("user_id"),
        number("newest_ms"),
        number("oldest_ms"),
        number("complete"),
        sum("listens"),
        number("seen_ms"),
    ],
    key: 1,
    indexes: &[],
};
/// The latest listens, by which one that was seen is known again. `artist` and the others are as Last.fm
/// writes them.
pub(crate) const LISTENS_RECENT: Table = Table {
    name: "listens_recent",
    columns: &[text("user_id"), number("at_ms"), text("artist"), text("track"), maybe_text("album")],
    key: 4,
    indexes: &[],
};
/// Plays of artists; keys are names in lower case.
pub(crate) const ARTIST_PLAYS: Table = Table {
    name: "artist_plays",
    columns: &[text("user_id"), text("artist_key"), text("artist"), sum("plays")],
    key: 2,
    indexes: &[],
};
/// Plays of albums.
pub(crate) const ALBUM_PLAYS: Table = Table {
    name: "album_plays",
    columns: &[text("user_id"), text("artist_key"), text("album_key"), text("artist"), text("album"), sum("plays")],
    key: 3,
    indexes: &[],
};
/// Plays of tracks.
pub(crate) const TRACK_PLAYS: Table = Table {
    name: "track_plays",
    columns: &[text("user_id"), text("artist_key"), text("track_key"), text("artist"), text("track"), sum("plays")],
    key: 3,
    indexes: &[],
};
/// Members of guilds who are linked and were seen there.
pub(crate) const GUILD_LISTENERS: Table = Table {
    name: "guild_listeners",
    columns: &[text("guild_id"), text("user_id"), number("since_ms")],
    key: 2,
    indexes: &["user_id"],
};
/// Who listens to an artist most.
pub(crate) const CROWNS: Table = Table {
    name: "crowns",
    columns: &[
        text("guild_id"),
        text("artist_key"),
        text("artist"),
        text("user_id"),
        number("plays"),
        number("since_ms"),
    ],
    key: 2,
    indexes: &["guild_id, user_id", "user_id"],
};
/// Answers to requests that changed something: a repeat gets the same. Grows as the facts do.
pub(crate) const EXECUTIONS: Table = Table {
    name: "executions",
    columns: &[
        text("aggregate"),
        text("request_id"),
        number("status"),
        text("answer"),
        number("partition"),
        number("next"),
        number("at_ms"),
    ],
    key: 2,
    indexes: &[],
};
/// How far `bot.facts` is projected, and by which version of the tables.
pub(crate) const POSITIONS: Table = Table {
    name: "positions",
    columns: &[number("partition"), number("next"), number("schema_version")],
    key: 1,
    indexes: &[],
};

pub(crate) const ALL: [&Table; 18] = [
    &AGGREGATES,
    &AUDIT,
    &ACTIVITY,
    &ACTIVITY_HOURS,
    &COUNTS,
    &STARRED,
    &STAR_GIVERS,
    &REMINDERS,
    &LISTENERS,
    &LISTEN_PROGRESS,
    &LISTENS_RECENT,
    &ARTIST_PLAYS,
    &ALBUM_PLAYS,
    &TRACK_PLAYS,
    &GUILD_LISTENERS,
    &CROWNS,
    &EXECUTIONS,
    &POSITIONS,
];
/// Tables of earlier versions: removed when newer ones take their place.
const FORMER: [&str; 1] = ["guild_settings"];

/// A set of tables: the live one, or one that is being built beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    prefix: String,
}

impl Tables {
    /// The tables that are read.
    #[must_use]
    pub fn live() -> Self {
        Self { prefix: String::new() }
    }

    /// Tables that are being built; `build` is a number nobody else has.
    #[must_use]
    pub fn beside(build: u32) -> Self {
        Self { prefix: format!("build_{build}_") }
    }

    /// A table's name in this set.
    #[must_use]
    pub fn name(&self, table: &str) -> String {
        format!("{}{table}", self.prefix)
    }

    /// Each table's name and the query of all its rows by key: to compare what two builds hold.
    #[must_use]
    pub fn contents(&self) -> Vec<(&'static str, String)> {
        let query = |table: &Table| {
            let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            let key = names[..table.key].join(", ");
            format!("select {} from {} order by {key}", names.join(", "), self.name(table.name))
        };
        ALL.iter().map(|table| (table.name, query(table))).collect()
    }

    /// Creates them, empty, with a position of 0 for each of `partitions`.
    pub(crate) fn create(&self, partitions: i32) -> Vec<Statement> {
        let mut statements = Vec::new();
        for table in ALL {
            // Names of keys and indexes carry the build: they stay when the table is renamed.
            let name = self.name(table.name);
            let columns: Vec<String> =
                table.columns.iter().map(|column| format!("{} {}", column.name, column.kind)).collect();
            let key: Vec<&str> = table.columns[..table.key].iter().map(|column| column.name).collect();
            let (columns, key) = (columns.join(", "), key.join(", "));
            let sql = format!("create table {name} ({columns}, constraint {name}_key primary key ({key}))");
            statements.push(Statement::new(sql, vec![]));
            for (number, index) in table.indexes.iter().enumerate() {
                statements.push(Statement::new(format!("create index {name}_by_{number} on {name} ({index})"), vec![]));
            }
        }
        statements.extend((0..partitions).map(|partition| {
            let sql =
                format!("insert into {} (partition, next, schema_version) values ($1, 0, $2)", self.name("positions"));
            Statement::new(sql, vec![partition.into(), SCHEMA_VERSION.into()])
        }));
        statements
    }

    /// Removes them where they are.
    pub(crate) fn drop(&self) -> Vec<Statement> {
        let names = ALL.iter().map(|table| table.name).chain(FORMER);
        names.map(|table| Statement::new(format!("drop table if exists {}", self.name(table)), vec![])).collect()
    }

    /// Puts these tables in the place of the live ones, unless the store has another version than
    /// `from` by now.
    pub(crate) fn swap(&self, from: i64) -> Vec<Statement> {
        let mut statements = vec![
            Statement::new(
                "update store_meta set value = $1 where name = 'schema_version' and value = $2",
                vec![SCHEMA_VERSION.to_string().into(), from.to_string().into()],
            )
            .expecting(1),
        ];
        statements.extend(Self::live().drop());
        let renamed = |table: &&Table| {
            Statement::new(format!("alter table {} rename to {}", self.name(table.name), table.name), vec![])
        };
        statements.extend(ALL.iter().map(renamed));
        statements
    }
}
