//! Every endpoint, once: the router and the OpenAPI document come from this table.

use std::sync::Arc;

use axum::routing::{MethodRouter, delete, get, post, put};

use super::{activity, audit, commands, openapi, personal, reminders, samples, settings, stars, transfer};
use crate::api::Api;

/// For whom an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Services, with or without a user's context; with one, only of that guild or user.
    Service,
    /// A user with Manage Server in the guild.
    Manager,
    /// The user of the address.
    Own,
}

/// A declared endpoint.
pub(super) struct Endpoint {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) group: &'static str,
    pub(super) summary: &'static str,
    pub(super) who: Who,
    /// Name and meaning.
    pub(super) query: &'static [(&'static str, &'static str)],
    /// Example of a body, JSON.
    pub(super) body: Option<&'static str>,
    /// Example of an answer, JSON.
    pub(super) answer: &'static str,
    /// Statuses besides 200, 401, 429 and 503.
    pub(super) refusals: &'static [u16],
    /// Whether it takes `If-Match` and answers a version.
    pub(super) versioned: bool,
    pub(super) handler: fn() -> MethodRouter<Arc<Api>>,
}

impl Endpoint {
    /// Whether it changes something: it takes an `Idempotency-Key`.
    pub(super) fn changes(&self) -> bool {
        self.method != "get"
    }
}

const READ: Endpoint = Endpoint {
    method: "get",
    path: "",
    group: "",
    summary: "",
    who: Who::Service,
    query: &[],
    body: None,
    answer: "{}",
    refusals: &[],
    versioned: false,
    handler: || get(openapi::document),
};

const MODULE: &str = r#"{"version":3,"by":"user/1","at_ms":1764000000000,"values":{"enabled":true},"set":["enabled"]}"#;
const CHANGED: &str = r#"{"module":"greeting","version":4,"position":"3:120","applied_at":1764000000000,"values":{"enabled":true},"set":["enabled"]}"#;
const VALUES: &str = r#"{"values":{"enabled":true,"channel":null}}"#;
const REMINDER: &str = r#"{"id":"k3p9x","due_ms":1764000000000}"#;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        path: "/v1/openapi.json",
        group: "meta",
        summary: "This document.",
        answer: r#"{"openapi":"3.1.0"}"#,
        ..READ
    },
    Endpoint {
        path: "/v1/commands",
        group: "commands",
        summary: "The catalogue of commands, with a JSON Schema of each one's arguments.",
        answer: r#"{"commands":[{"name":"rng","help":"Draws a random number."}]}"#,
        handler: || get(commands::list),
        ..READ
    },
    Endpoint {
        path: "/v1/commands/{name}",
        group: "commands",
        summary: "One command of the catalogue.",
        answer: r#"{"name":"rng","help":"Draws a random number."}"#,
        refusals: &[404],
        handler: || get(commands::describe),
        ..READ
    },
    Endpoint {
        method: "post",
        path: "/v1/commands/{name}",
        group: "commands",
        summary: "Runs a command for the user of the context; answers a document that clients format.",
        body: Some(r#"{"args":{"range":{"from":1,"to":6}},"context":{"platform":"terminal","user":"42"}}"#),
        answer: r#"{"text":"Random range `1-6`\n> **4**","fields":[],"rows":[],"images":[],"colour":"info","actions":[]}"#,
        refusals: &[400, 403, 404, 409, 413, 422],
        handler: || post(commands::run),
        ..READ
    },
    Endpoint {
        path: "/v1/settings/modules",
        group: "settings",
        summary: "Every module of settings: its fields with kind, bounds, default, and what the bot needs.",
        answer: r#"{"modules":[{"key":"greeting","scope":"guild","title":"Greeting","help":"Welcomes who joins.","fields":[]}]}"#,
        handler: || get(settings::modules),
        ..READ
    },
    Endpoint {
        path: "/v1/guilds/{guild}/settings",
        group: "settings",
        summary: "All settings of a guild, with defaults.",
        answer: r#"{"guild_id":"7","modules":{"greeting":{"version":3,"by":"user/1","at_ms":1764000000000,"values":{"enabled":true},"set":["enabled"]}}}"#,
        refusals: &[400, 403, 404],
        handler: || get(settings::of_guild),
        ..READ
    },
    Endpoint {
        path: "/v1/guilds/{guild}/settings/{module}",
        group: "settings",
        summary: "A module's settings in a guild; its version is the ETag.",
        answer: MODULE,
        refusals: &[400, 403, 404],
        versioned: true,
        handler: || get(settings::guild_module),
        ..READ
    },
    Endpoint {
        method: "put",
        path: "/v1/guilds/{guild}/settings/{module}",
        group: "settings",
        summary: "Changes fields of a module in a guild; null takes one back to its default.",
        who: Who::Manager,
        body: Some(VALUES),
        answer: CHANGED,
        refusals: &[400, 403, 404, 409, 413, 422],
        versioned: true,
        handler: || put(settings::change_guild),
        ..READ
    },
    Endpoint {
        path: "/v1/guilds/{guild}/audit",
        group: "settings",
        summary: "Changes of a guild's settings, the newest first.",
        query: &[
            ("module", "Only of this module."),
            ("before", "Only before the change of this version: the `next` of the page before."),
            ("limit", "Entries of the page: 25, and 100 at most."),
        ],
        answer: r#"{"entries":[{"version":9,"module":"greeting","module_version":3,"at_ms":1764000000000,"by":"user/1","via":"panel","before":{"enabled":null},"after":{"enabled":true},"reverts":null}],"next":8}"#,
        refusals: &[400, 403, 404],
        handler: || get(audit::list),
        ..READ
    },
    Endpoint {
        method: "post",
        path: "/v1/guilds/{guild}/audit/{version}/revert",
        group: "settings",
        summary: "Gives the fields of a change the values that they had before it.",
        who: Who::Manager,
        answer: CHANGED,
        refusals: &[400, 403, 404, 409, 413, 422],
        versioned: true,
        handler: || post(audit::revert),
        ..READ
    },
    Endpoint {
        path: "/v1/guilds/{guild}/settings-file",
        group: "settings",
        summary: "What is set in a guild, to be carried elsewhere.",
        answer: r#"{"guild_id":"7","exported_at":1764000000000,"modules":{"greeting":{"enabled":true}}}"#,
        refusals: &[400, 403, 404],
        handler: || get(transfer::export),
        ..READ
    },
    Endpoint {
        method: "post",
        path: "/v1/guilds/{guild}/settings-file",
        group: "settings",
        summary: "Makes each module of a file as it is there; with `dry_run` or an error it only says what would change.",
        who: Who::Manager,
        body: Some(r#"{"modules":{"greeting":{"enabled":true}},"dry_run":true}"#),
        answer: r#"{"applied":false,"changes":[{"module":"greeting","field":"enabled","before":null,"after":true}],"errors":[{"module":"logs","pointer":"/bans","code":"wrong_type","message":"Bans must be an id."}]}"#,
        refusals: &[400, 403, 404, 409, 413],
        handler: || post(transfer::import),
        ..READ
    },
    Endpoint {
        method: "post",
        path: "/v1/guilds/{guild}/samples",
        group: "settings",
        summary: "Has sent what a module would send, marked as a test: to the channel that is set, or to who asks. Six a minute.",
        who: Who::Manager,
        body: Some(r#"{"what":"greeting","direct":false}"#),
        answer: r#"{"what":"greeting","channel":"5"}"#,
        refusals: &[400, 403, 404, 413, 422],
        handler: || post(samples::ask),
        ..READ
    },
    Endpoint {
        path: "/v1/guilds/{guild}/leaderboards/xp",
        group: "activity",
        summary: "The members of a guild by experience.",
        query: &[("offset", "Rows to leave out."), ("limit", "Rows of the page: 10, and 100 at most.")],
        answer: r#"{"total":12,"rows":[{"rank":1,"user":"42","xp":900,"level":5,"messages":120}]}"#,
        refusals: &[400, 403, 404],
        handler: || get(activity::leaderboard),
        ..READ
    },
    Endpoint {
        path: "/v1/guilds/{guild}/members/{user}/activity",
        group: "activity",
        summary: "A member's experience, and their messages by hour of the day (UTC).",
        answer: r#"{"rank":1,"total":12,"xp":900,"level":5,"level_xp":612,"next_level_xp":956,"messages":120,"hours":[0]}"#,
        refusals: &[400, 403, 404],
        handler: || get(activity::member),
        ..READ
    },
    Endpoint {
        path: "/v1/guilds/{guild}/stats",
        group: "activity",
        summary: "What happened in a guild on each of the last days (UTC), and its messages by hour of the day.",
        query: &[("days", "How many: 30, and 366 at most.")],
        answer: r#"{"days":[{"day":"2026-11-24","messages":10,"joins":1,"leaves":0,"commands":2}],"hours":[0]}"#,
        refusals: &[400, 403, 404],
        handler: || get(activity::statistics),
        ..READ
    },
    Endpoint {
        path: "/v1/guilds/{guild}/stars",
        group: "activity",
        summary: "How many messages of the last days had so many stars or more: first those with one.",
        query: &[("days", "How many: 7, and 30 at most.")],
        answer: r#"{"days":7,"at_least":[12,5,1]}"#,
        refusals: &[400, 403, 404],
        handler: || get(stars::counts),
        ..READ
    },
    Endpoint {
        path: "/v1/users/{user}/settings",
        group: "users",
        summary: "All settings of a user, with defaults.",
        answer: r#"{"user_id":"42","modules":{"time":{"version":1,"by":"user/42","at_ms":1764000000000,"values":{"timezone":"Europe/Helsinki"},"set":["timezone"]}}}"#,
        refusals: &[400, 403, 404],
        handler: || get(settings::of_user),
        ..READ
    },
    Endpoint {
        path: "/v1/users/{user}/settings/{module}",
        group: "users",
        summary: "A module's settings of a user; its version is the ETag.",
        answer: MODULE,
        refusals: &[400, 403, 404],
        versioned: true,
        handler: || get(settings::user_module),
        ..READ
    },
    Endpoint {
        method: "put",
        path: "/v1/users/{user}/settings/{module}",
        group: "users",
        summary: "Changes fields of a module of a user; null takes one back to its default.",
        who: Who::Own,
        body: Some(VALUES),
        answer: CHANGED,
        refusals: &[400, 403, 404, 409, 413, 422],
        versioned: true,
        handler: || put(settings::change_user),
        ..READ
    },
    Endpoint {
        path: "/v1/users/{user}/reminders",
        group: "users",
        summary: "A user's reminders that wait, the next one first.",
        answer: r#"{"reminders":[{"id":"k3p9x","text":"tea","due_ms":1764000000000,"channel":"5","guild":"7"}]}"#,
        refusals: &[400, 403, 404],
        handler: || get(reminders::list),
        ..READ
    },
    Endpoint {
        method: "post",
        path: "/v1/users/{user}/reminders",
        group: "users",
        summary: "Sets a reminder; without a channel it comes by direct message.",
        who: Who::Own,
        body: Some(r#"{"text":"tea","due_ms":1764000000000,"channel":"5","guild":"7"}"#),
        answer: REMINDER,
        refusals: &[400, 403, 404, 413, 422],
        handler: || post(reminders::set),
        ..READ
    },
    Endpoint {
        method: "delete",
        path: "/v1/users/{user}/reminders/{id}",
        group: "users",
        summary: "Cancels a reminder.",
        who: Who::Own,
        answer: REMINDER,
        refusals: &[400, 403, 404],
        handler: || delete(reminders::cancel),
        ..READ
    },
    Endpoint {
        method: "post",
        path: "/v1/users/{user}/reminders/{id}/snooze",
        group: "users",
        summary: "Puts a reminder off, also one that fired within a day.",
        who: Who::Own,
        body: Some(r#"{"due_ms":1764000000000}"#),
        answer: REMINDER,
        refusals: &[400, 403, 404, 422],
        handler: || post(reminders::snooze),
        ..READ
    },
    Endpoint {
        path: "/v1/users/{user}/data",
        group: "users",
        summary: "Everything that is kept of a user, by table.",
        answer: r#"{"user_id":"42","exported_at":1764000000000,"tables":{"reminders":{"count":0,"rows":[]}}}"#,
        refusals: &[400, 403, 404],
        handler: || get(personal::export),
        ..READ
    },
    Endpoint {
        method: "delete",
        path: "/v1/users/{user}/data",
        group: "users",
        summary: "Deletes what is kept of a user; says what stays and why.",
        who: Who::Own,
        answer: r#"{"deleted":{"settings":true,"own_changes":1,"reminders":2,"activity":1},"stays":[{"what":"stars","why":"No star may count twice."}]}"#,
        refusals: &[400, 403, 404],
        handler: || delete(personal::delete),
        ..READ
    },
];
