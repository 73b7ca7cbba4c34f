//! The control API under `/control/lastfm`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Lastfm;
use super::faults::{Calls, Rule};
use super::listeners::{Listen, MAX_LISTENS};
use crate::core::Core;
use crate::snowflake::unix_us;

type Outcome = Result<Value, (u16, String)>;

/// A listener, as one is ordered: what is left out is as it was, or as the seed makes it.
#[derive(Deserialize)]
struct Ordered {
    name: String,
    listens: Option<u64>,
    artists: Option<u32>,
    every_s: Option<u64>,
    playing: Option<bool>,
    private: Option<bool>,
}

#[derive(Deserialize)]
struct Heard {
    name: String,
    artist: String,
    track: String,
    at_s: Option<u64>,
}

/// `lastfm/listener`, `lastfm/listen`, `lastfm/faults`, `lastfm/calls`.
pub(crate) fn order(core: &Core, method: &str, path: &[&str], body: &Value) -> Outcome {
    let lastfm: &Lastfm = &core.lastfm;
    let mut state = lastfm.state();
    match (method, path) {
        ("POST", ["listener"]) => {
            let ordered: Ordered = read(body)?;
            let name = ordered.name.to_lowercase();
            let known = state.listeners.get(&name).cloned();
            let mut listener = known.unwrap_or_else(|| state.listeners.seeded(&name));
            listener.listens = ordered.listens.unwrap_or(listener.listens).min(MAX_LISTENS);
            listener.artists = ordered.artists.unwrap_or(listener.artists).clamp(1, super::catalogue::ARTISTS);
            listener.every_s = ordered.every_s.unwrap_or(listener.every_s).clamp(1, 86_400);
            listener.playing = ordered.playing.unwrap_or(listener.playing);
            listener.private = ordered.private.unwrap_or(listener.private);
            if state.listeners.insert(listener) { Ok(json!({})) } else { Err((409, "too many listeners".to_owned())) }
        }
        ("POST", ["listen"]) => {
            let heard: Heard = read(body)?;
            let names = &state.listeners.names;
            let artist = names.artist(&heard.artist).ok_or((404, "no such artist".to_owned()))?;
            let track = names.track(artist, &heard.track).ok_or((404, "no such track".to_owned()))?;
            let listener = state.listeners.get_mut(&heard.name).ok_or((404, "no such listener".to_owned()))?;
            if listener.ordered.len() as u64 >= MAX_LISTENS {
                return Err((409, "too many listens".to_owned()));
            }
            // Listens are in order: one of an earlier time comes right after the last.
            let last = listener.ordered.last().map_or(0, |listen| listen.at_s + 1);
            let at_s = heard.at_s.unwrap_or(unix_us() / 1_000_000).max(last);
            listener.ordered.push(Listen { at_s, artist, track });
            Ok(json!({"at_s": at_s}))
        }
        ("GET", ["faults"]) => Ok(state.faults.status()),
        ("POST", ["faults"]) => {
            let rule: Rule = read(body)?;
            state.faults.add(rule).map_err(|reason| (400, reason))?;
            Ok(state.faults.status())
        }
        ("DELETE", ["faults"]) => {
            state.faults.clear();
            Ok(json!({}))
        }
        ("GET", ["calls"]) => Ok(state.calls.status()),
        ("DELETE", ["calls"]) => {
            state.calls = Calls::default();
            Ok(json!({}))
        }
        _ => Err((404, "no such control call of Last.fm".to_owned())),
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &Value) -> Result<T, (u16, String)> {
    serde_json::from_value(body.clone()).map_err(|error| (400, error.to_string()))
}
