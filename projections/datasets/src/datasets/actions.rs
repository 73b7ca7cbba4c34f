//! Dataset `actions`.

use miso_log::catalogue;
use miso_model::{Action, Intent, LogRecord as _, Outcome, Returned};

use crate::dataset::About;
use crate::datasets::{Rows, Unreadable};
use crate::{Cell, Column, Kind};

const COLUMNS: &[Column] = &[
    Column::new("time", Kind::Time, "when the step happened"),
    Column::new("step", Kind::Text, "`asked`, `sent`, `returned` (without effect, waits again) or `answered`"),
    Column::new("action_id", Kind::Text, "the action, hexadecimal: the same in all of its steps"),
    Column::maybe("group", Kind::Text, "asked: the handler group that asked"),
    Column::maybe("method", Kind::Text, "asked: the HTTP method"),
    Column::maybe("route", Kind::Text, "asked: the route's template"),
    Column::maybe("body_bytes", Kind::Integer, "asked: bytes of the body"),
    Column::maybe("cause", Kind::Text, "asked: the event or fact it follows from, where a native handler asked"),
    Column::maybe("attempt", Kind::Integer, "sent, returned: the attempt, from 1"),
    Column::maybe("status", Kind::Integer, "returned, answered: the HTTP status; 0 when nothing was sent"),
    Column::maybe("outcome", Kind::Text, "answered: `done`, `refused`, `expired` or `unknown`"),
    Column::maybe("reason", Kind::Text, "answered: why, where Miso itself decided"),
    Column::new("topic", Kind::Text, "topic of the step's record"),
    Column::new("partition", Kind::Integer, "partition there"),
    Column::new("offset", Kind::Integer, "offset there"),
];

pub(crate) const ABOUT: About = About {
    name: "actions",
    doc: "Outgoing requests to Discord's REST API, step by step: a row when one is asked for, each time it leaves, and \
          when its outcome is known. `action_id` joins them.",
    topics: &[catalogue::REST_ACTIONS, catalogue::REST_INTERACTIONS, catalogue::REST_LEDGER],
    columns: COLUMNS,
    queries: [
        (
            "how long actions take, by route",
            "select a.route, count(*) as actions, \
             median(date_diff('millisecond', cast(a.time as timestamp), cast(o.time as timestamp))) as median_ms \
             from {files} a join {files} o on o.action_id = a.action_id and o.step = 'answered' \
             where a.step = 'asked' group by a.route order by actions desc, a.route",
        ),
        (
            "outcomes by status",
            "select outcome, status, count(*) as actions from {files} where step = 'answered' \
             group by outcome, status order by actions desc, outcome, status",
        ),
        (
            "actions that were asked for and have no outcome yet",
            "select a.action_id, a.method, a.route, a.time from {files} a anti join \
             (select action_id from {files} where step = 'answered') o on o.action_id = a.action_id \
             where a.step = 'asked' order by a.time, a.action_id limit 50",
        ),
    ],
};

/// What the steps have in common; what only some have is filled in.
#[derive(Default)]
struct Filled<'a> {
    group: Option<&'a str>,
    method: Option<&'a str>,
    route: Option<&'a str>,
    body: Option<usize>,
    cause: Option<&'a str>,
    attempt: Option<i32>,
    status: Option<i32>,
    outcome: Option<&'a str>,
    reason: Option<&'a str>,
}

pub(crate) fn rows(rows: &Rows<'_>, each: &mut dyn FnMut(&[Cell<'_>])) -> Result<(), Unreadable> {
    let Some(value) = rows.value() else { return Ok(()) };
    let name = rows.schemas.name_of(value);
    let mut row = |at_ms: i64, step: &'static str, id: &[u8], filled: &Filled<'_>| {
        let text = |text: Option<&'_ str>| text.map_or(Cell::Null, |text| Cell::owned(text.to_owned()));
        let [partition, offset] = rows.place();
        each(&[
            Cell::Time(at_ms),
            Cell::text(step),
            Cell::owned(id.iter().map(|byte| format!("{byte:02x}")).collect()),
            text(filled.group),
            text(filled.method),
            text(filled.route),
            filled.body.map_or(Cell::Null, Cell::count),
            text(filled.cause),
            Cell::integer(filled.attempt.map(i64::from)),
            Cell::integer(filled.status.map(i64::from)),
            text(filled.outcome),
            text(filled.reason),
            Cell::text(rows.topic.name),
            partition,
            offset,
        ]);
    };
    let name = name.as_deref();
    if name == Some(Action::codec().name) {
        let action: Action = rows.schemas.decode(value)?;
        let filled = Filled {
            group: Some(&action.group),
            method: Some(&action.method),
            route: Some(&action.template),
            body: Some(action.body.len()),
            cause: action.cause.as_deref(),
            ..Filled::default()
        };
        row(action.accepted_ms, "asked", &action.action_id, &filled);
    } else if name == Some(Intent::codec().name) {
        let intent: Intent = rows.schemas.decode(value)?;
        let filled = Filled { attempt: Some(intent.attempt), ..Filled::default() };
        row(intent.at_ms, "sent", &intent.action_id, &filled);
    } else if name == Some(Returned::codec().name) {
        let returned: Returned = rows.schemas.decode(value)?;
        let filled = Filled { attempt: Some(returned.attempt), status: Some(returned.status), ..Filled::default() };
        row(returned.at_ms, "returned", &returned.action_id, &filled);
    } else if name == Some(Outcome::codec().name) {
        let outcome: Outcome = rows.schemas.decode(value)?;
        let filled = Filled {
            status: Some(outcome.status),
            outcome: Some(outcome.kind.as_str()),
            reason: outcome.reason.as_deref(),
            ..Filled::default()
        };
        row(outcome.received_ms, "answered", &outcome.action_id, &filled);
    } else if name.is_none() {
        rows.decode::<Action>()?;
    }
    Ok(())
}
