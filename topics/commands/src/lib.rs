//! The command catalogue: every command declared once. From a declaration come the argument parser
//! and its error messages, the JSON Schema of `GET /v1/commands`, and `help`.
//!
//! Pure: no I/O, no async, no knowledge of Discord's REST API. What answers a command is a
//! platform-neutral [`Document`]; chat, web and terminal clients only format it.

mod argument;
mod calendar;
mod catalogue;
mod command;
mod context;
mod declared;
mod directory;
mod document;
mod flags;
mod links;
mod may_run;
mod moment;
mod near;
mod parse;
mod problem;
mod schema;
mod signed_context;
mod span;
mod values;
mod words;
mod zone;

pub use argument::{ArgumentError, ArgumentProblem, Value};
pub use catalogue::{Catalogue, Found, PREFIX_CHARS};
pub use command::{Argument, Command, Cooldown, Edit, Family, GLOBAL_COOLDOWN, Group, How, Kind, Place, Runs};
pub use context::{Context, Invocation};
pub use declared::CATALOGUE;
pub use directory::{Anywhere, Directory, Wanted};
pub use document::{Attachment, Colour, Document, FROM_EMBEDDER, FROM_LASTFM, Field, Image, ImageRole, Link};
pub use links::{FoundLink, LINK_BYTES, MAX_LINKS, Provider, link_of, links_in};
pub use may_run::{Asker, Reason, Verdict, may_run, may_run_own, own_rule_cooldown, rule_cooldown};
pub use miso_model::Permissions;
pub use moment::{Day, MOMENT_WORDS, Moment, MomentError};
pub use parse::{Args, args_from_json, parse, parse_in};
pub use problem::{Problem, ProblemMembers};
pub use schema::{command_json, schema};
pub use signed_context::{CONTEXT_BYTES, CONTEXT_HEADER, ContextRefused, SignedContext};
pub use span::{AHEAD_MS, duration, duration_text};
pub use zone::{moment_text, zone_named, zones};

/// The prefix of a guild that set none.
pub const DEFAULT_PREFIX: &str = ">";
