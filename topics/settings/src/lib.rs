//! Settings as modules. A module declares its fields once: kind, bounds, default, what the bot needs
//! for it. From the declaration come validation, the panel's form, the API's JSON Schema, the
//! commands and the health check.
//!
//! An aggregate's settings are JSON by module: `{"greeting": {"version": 3, "by": "user/1",
//! "at_ms": 1764000000000, "values": {"enabled": true}}}`. `values` holds only what was set; the rest
//! has its default ([`Module::with_defaults`]). `version` counts the changes of the module, from 1.

mod check;
mod embeds;
mod field;
mod lastfm;
mod modules;
mod schema;
mod stored;

/// Bytes of all settings of an aggregate, as JSON, at most.
pub const SETTINGS_BYTES: usize = 200 * 1_024;
/// Bytes of a file that carries an aggregate's settings, at most, and of a request that does: all of
/// them and what stands around them.
pub const FILE_BYTES: usize = 256 * 1_024;

pub use check::{FieldError, check};
pub use field::{Default, Field, Kind, Module, Scope};
pub use lastfm::{LASTFM_GUILD, LASTFM_USER};
pub use modules::{MODULES, module, modules_of};
pub use schema::{module_json, values_schema};
pub use stored::{Settings, StoredModule};
