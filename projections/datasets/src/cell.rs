//! A dataset's columns and the values in them.

use std::borrow::Cow;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A snowflake: a string in JSON and CSV, int64 in Parquet.
    Id,
    /// A whole number, 64 bits.
    Integer,
    /// A time: RFC 3339 in JSON and CSV, a UTC timestamp of milliseconds in Parquet.
    Time,
    /// Yes or no.
    Flag,
    /// Text.
    Text,
}

impl Kind {
    /// As the data dictionary calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Integer => "integer",
            Self::Time => "time",
            Self::Flag => "flag",
            Self::Text => "text",
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in every format.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row may leave it empty.
    pub nullable: bool,
    /// What it means, for the data dictionary.
    pub doc: &'static str,
}

impl Column {
    /// A column that every row fills.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, nullable: false, doc }
    }

    /// A column that a row may leave empty.
    #[must_use]
    pub const fn maybe(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, kind, nullable: true, doc }
    }
}

/// A value. Borrows from the record it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// Of [`Kind::Id`].
    Id(u64),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Time`], Unix milliseconds.
    Time(i64),
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Text`].
    Text(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    /// Text that is borrowed.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Text that was made.
    #[must_use]
    pub fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    /// An id, where there is one.
    #[must_use]
    pub fn id(id: Option<u64>) -> Self {
        id.map_or(Self::Null, Self::Id)
    }

    /// A number, where there is one.
    #[must_use]
    pub fn integer(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Integer)
    }

    /// A length or a count.
    #[must_use]
    pub fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}
