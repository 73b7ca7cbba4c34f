//! Dataset `facts`.

use miso_log::catalogue;
use miso_model::Fact;
use serde_json::Value;

use crate::dataset::About;
use crate::datasets::{Rows, Unreadable};
use crate::{Cell, Column, Kind, mask};

const COLUMNS: &[Column] = &[
    Column::new("time", Kind::Time, "when it was decided"),
    Column::new("aggregate", Kind::Text, "`guild/<id>` or `user/<id>`"),
    Column::new("version", Kind::Integer, "the aggregate's version after it, from 1 without gaps"),
    Column::new("kind", Kind::Text, "what happened, in the past tense"),
    Column::new("actor", Kind::Text, "who caused it"),
    Column::new("request_id", Kind::Text, "the request that caused it"),
    Column::new("status", Kind::Integer, "HTTP status of the answer"),
    Column::maybe("body", Kind::Text, "JSON: what changed; what people wrote is its length unless `--with-content`"),
    Column::new("partition", Kind::Integer, "partition of `bot.facts`"),
    Column::new("offset", Kind::Integer, "offset there"),
];

pub(crate) const ABOUT: About = About {
    name: "facts",
    doc: "Domain facts, the truth behind the database: a row for each.",
    topics: &[catalogue::BOT_FACTS],
    columns: COLUMNS,
    queries: [
        (
            "facts by kind",
            "select kind, count(*) as facts, count(distinct aggregate) as aggregates from {files} \
             group by kind order by facts desc, kind",
        ),
        (
            "who changed settings last",
            "select aggregate, max_by(actor, version) as changed_by, max(time) as changed from {files} \
             where kind = 'SettingsChanged' group by aggregate order by changed desc, aggregate limit 20",
        ),
        (
            "aggregates whose versions have a gap (there must be none)",
            "select aggregate, max(version) - min(version) + 1 - count(distinct version) as missing from {files} \
             group by aggregate having missing > 0",
        ),
    ],
};

pub(crate) fn rows(rows: &Rows<'_>, each: &mut dyn FnMut(&[Cell<'_>])) -> Result<(), Unreadable> {
    let Some(fact) = rows.decode::<Fact>()? else { return Ok(()) };
    let body = match serde_json::from_slice::<Value>(&fact.body) {
        Ok(mut body) => {
            if !rows.with_content {
                mask(&mut body);
            }
            Cell::owned(body.to_string())
        }
        Err(_) => Cell::Null,
    };
    let [partition, offset] = rows.place();
    each(&[
        Cell::Time(fact.at_ms),
        Cell::text(&fact.aggregate),
        Cell::Integer(fact.version),
        Cell::text(&fact.kind),
        Cell::text(&fact.actor),
        Cell::text(&fact.request_id),
        Cell::Integer(fact.status.into()),
        body,
        partition,
        offset,
    ]);
    Ok(())
}
