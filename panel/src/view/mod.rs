//! What pages are made of.

mod bits;
mod chart;
mod chat;
mod context;
mod diff;
mod editor;
mod fields;
mod form;
mod form_data;
mod markdown;
mod names;
pub(crate) mod picker;
mod shell;
mod when;

pub(crate) use bits::{banner, csrf_field, dot, empty, error_summary, icon, initials, picture, toast};
pub(crate) use chart::{bars, heatmap, sparkline};
pub(crate) use chat::{chat, mentioned};
pub(crate) use context::{Choices, GUILD_CHOICE};
pub(crate) use diff::diff;
pub(crate) use editor::preview;
pub(crate) use fields::{Shown, field};
pub(crate) use form::{Conflict, FormView, form};
pub(crate) use form_data::{base_mark, changed, edited, read_values};
pub(crate) use markdown::markdown;
pub(crate) use names::Names;
pub(crate) use picker::Select;
pub(crate) use shell::{Frame, Place, error_page, page};
pub(crate) use when::{ago, date_time, duration};
