//! The datasets: what each is made of, its columns, and the queries one begins with.

use miso_log::{Record, Schemas, Topic, catalogue};

use crate::datasets::{Rows, Unreadable, actions, commands, facts, listens, members, messages, reactions, records};
use crate::{Cell, Column};

/// Rows that analysts ask for, made of one or more topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// Messages that were written, changed and deleted.
    Messages,
    /// Members that joined, changed and left.
    Members,
    /// Reactions that were added and removed.
    Reactions,
    /// Messages that were recognised as commands.
    Commands,
    /// What became of each outgoing request, step by step.
    Actions,
    /// Domain facts.
    Facts,
    /// What members listened to.
    Listens,
}

/// What stands in the dictionary about a dataset.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) topics: &'static [Topic],
    pub(crate) columns: &'static [Column],
    /// What it answers and the SQL for it; `{files}` stands for the place of the files.
    pub(crate) queries: [(&'static str, &'static str); 3],
}

impl Dataset {
    /// Every dataset.
    pub const ALL: [Self; 7] =
        [Self::Messages, Self::Members, Self::Reactions, Self::Commands, Self::Actions, Self::Facts, Self::Listens];

    pub(crate) fn about(self) -> &'static About {
        match self {
            Self::Messages => &messages::ABOUT,
            Self::Members => &members::ABOUT,
            Self::Reactions => &reactions::ABOUT,
            Self::Commands => &commands::ABOUT,
            Self::Actions => &actions::ABOUT,
            Self::Facts => &facts::ABOUT,
            Self::Listens => &listens::ABOUT,
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// The three queries of the dictionary with the place of the files put in: what each answers, and its SQL.
    #[must_use]
    pub fn queries(self, files: &str) -> Vec<(&'static str, String)> {
        self.about().queries.iter().map(|&(what, sql)| (what, sql.replace("{files}", files))).collect()
    }
}

/// What can be exported: a dataset, or a topic record by record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A dataset.
    Dataset(Dataset),
    /// A topic.
    Topic(Topic),
}

impl Source {
    /// The dataset or topic of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let dataset = Dataset::ALL.into_iter().find(|dataset| dataset.name() == name).map(Self::Dataset);
        dataset.or_else(|| catalogue::by_name(name).map(Self::Topic))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dataset(dataset) => dataset.name(),
            Self::Topic(topic) => topic.name,
        }
    }

    /// The topics it is read from, in this order.
    #[must_use]
    pub fn topics(self) -> Vec<Topic> {
        match self {
            Self::Dataset(dataset) => dataset.about().topics.to_vec(),
            Self::Topic(topic) => vec![topic],
        }
    }

    /// Its columns.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Dataset(dataset) => dataset.about().columns,
            Self::Topic(_) => records::COLUMNS,
        }
    }

    /// The rows of one record, given to `each` one by one; none when the dataset is not about it. What
    /// people wrote is masked to its length unless `with_content`.
    ///
    /// # Errors
    /// [`Unreadable`] when the record should have been read and cannot be.
    pub fn rows(
        self,
        topic: Topic,
        record: &Record,
        schemas: &Schemas,
        with_content: bool,
        each: &mut dyn FnMut(&[Cell<'_>]),
    ) -> Result<(), Unreadable> {
        let rows = Rows { topic, record, schemas, with_content };
        match self {
            Self::Topic(_) => records::rows(&rows, each),
            Self::Dataset(Dataset::Messages) => messages::rows(&rows, each),
            Self::Dataset(Dataset::Members) => members::rows(&rows, each),
            Self::Dataset(Dataset::Reactions) => reactions::rows(&rows, each),
            Self::Dataset(Dataset::Commands) => commands::rows(&rows, each),
            Self::Dataset(Dataset::Actions) => actions::rows(&rows, each),
            Self::Dataset(Dataset::Facts) => facts::rows(&rows, each),
            Self::Dataset(Dataset::Listens) => listens::rows(&rows, each),
        }
    }
}
