//! One guild: its own fields, and its channels, threads, roles, voice states and members, each as
//! Discord's JSON. Pure.
//!
//! Every object carries the offset of the event that last changed it, and an event changes only what
//! is older than itself. So a checkpoint that was written in part, then folded again from an older
//! position, ends in the same state.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use crate::key::Kind;
use crate::object::{self, Object};

/// Fields of GUILD_CREATE that are kept apart.
const APART: [&str; 6] = ["channels", "threads", "roles", "voice_states", "members", "presences"];

/// Stands for the offset of a GUILD_CREATE that has not come yet.
pub(crate) const NO_SNAPSHOT: i64 = -1;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    /// Offset of the event that last changed it.
    pub(crate) at: i64,
    pub(crate) json: Box<str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guild {
    /// Offset of the event that last changed its own fields.
    pub(crate) at: i64,
    /// Offset of the event with which the bot's presence began: its members are kept since then.
    pub(crate) presence: i64,
    /// Offset of the last GUILD_CREATE, [`NO_SNAPSHOT`] before the first. Channels, roles, threads and
    /// voice states are kept since then.
    pub(crate) snapshot: i64,
    pub(crate) fields: BTreeMap<Box<str>, Box<str>>,
    children: [BTreeMap<u64, Child>; 5],
}

/// What an event changed: children that were put or taken out.
pub(crate) type Changed = Vec<(Kind, u64)>;

impl Guild {
    /// A guild of which only its id is known yet.
    pub(crate) fn new(id: u64, presence: i64) -> Self {
        let mut fields = BTreeMap::new();
        fields.insert("id".into(), format!("\"{id}\"").into());
        fields.insert("unavailable".into(), "true".into());
        Self { at: presence, presence, snapshot: NO_SNAPSHOT, fields, children: Default::default() }
    }

    /// As a checkpoint has it.
    pub(crate) fn restored(at: i64, presence: i64, snapshot: i64, json: &[u8]) -> Result<Self, serde_json::Error> {
        let fields = object::object(json)?.into_iter().map(|(name, raw)| (name.into(), raw.get().into())).collect();
        Ok(Self { at, presence, snapshot, fields, children: Default::default() })
    }

    pub(crate) fn children(&self, kind: Kind) -> &BTreeMap<u64, Child> {
        &self.children[kind as usize]
    }

    pub(crate) fn child(&self, kind: Kind, id: u64) -> Option<&Child> {
        self.children(kind).get(&id)
    }

    /// The epoch to which its children of this kind belong. What comes before the first GUILD_CREATE
    /// belongs to the presence.
    pub(crate) fn epoch_of(&self, kind: Kind) -> i64 {
        if kind == Kind::Member { self.presence } else { self.snapshot.max(self.presence) }
    }

    pub(crate) fn is_unavailable(&self) -> bool {
        self.fields.get("unavailable").is_some_and(|json| &**json == "true")
    }

    /// Its own fields, as JSON.
    pub(crate) fn json(&self) -> String {
        let mut out = String::new();
        object::write(self.fields.iter().map(|(name, json)| (&**name, &**json)), &mut out);
        out
    }

    /// Sets own fields, unless they are newer.
    pub(crate) fn set(&mut self, at: i64, fields: &[(&str, &str)]) -> bool {
        if self.at >= at {
            return false;
        }
        self.at = at;
        for (name, json) in fields {
            self.fields.insert((*name).into(), (*json).into());
        }
        true
    }

    /// Puts a child, unless it is newer.
    pub(crate) fn put(&mut self, kind: Kind, id: u64, at: i64, json: impl Into<Box<str>>) -> bool {
        let children = &mut self.children[kind as usize];
        if children.get(&id).is_some_and(|old| old.at >= at) {
            return false;
        }
        children.insert(id, Child { at, json: json.into() });
        true
    }

    /// Takes a child out, unless it is newer.
    pub(crate) fn take(&mut self, kind: Kind, id: u64, at: i64) -> bool {
        let children = &mut self.children[kind as usize];
        let older = children.get(&id).is_some_and(|old| old.at < at);
        if older {
            children.remove(&id);
        }
        older
    }

    /// Takes out the older children that `keep` does not want.
    pub(crate) fn take_unless(&mut self, kind: Kind, at: i64, keep: impl Fn(u64, &Child) -> bool) -> Changed {
        let mut taken = Changed::new();
        self.children[kind as usize].retain(|&id, child| {
            let keeps = child.at >= at || keep(id, child);
            if !keeps {
                taken.push((kind, id));
            }
            keeps
        });
        taken
    }

    /// GUILD_CREATE: everything that belongs to a snapshot is replaced, members are added to.
    /// Whether the own fields changed, and which children.
    pub(crate) fn create(&mut self, at: i64, d: &Object<'_>) -> (bool, Changed) {
        let changed = self.at < at || (self.at == at && self.snapshot < at);
        if changed {
            self.at = at;
            self.snapshot = at;
            let own = d.iter().filter(|(name, _)| !APART.contains(&name.as_str()));
            self.fields = own.map(|(name, raw)| (name.as_str().into(), raw.get().into())).collect();
            self.fields.insert("unavailable".into(), "false".into());
        }
        let mut children = Changed::new();
        for kind in Kind::OF_SNAPSHOT {
            children.extend(self.replace(kind, at, d.get(kind.field())));
        }
        if self.presence == at {
            children.extend(self.replace(Kind::Member, at, d.get("members")));
        } else {
            children.extend(self.put_all(Kind::Member, at, d.get("members")).0);
        }
        (changed, children)
    }

    /// GUILD_UPDATE: own fields laid over, roles replaced. Discord sends neither channels nor members.
    pub(crate) fn update(&mut self, at: i64, d: &Object<'_>) -> (bool, Changed) {
        let changed = self.at < at;
        if changed {
            self.at = at;
            for (name, raw) in d.iter().filter(|(name, _)| !APART.contains(&name.as_str()) && *name != "unavailable") {
                self.fields.insert(name.as_str().into(), raw.get().into());
            }
        }
        let roles = d.get("roles").map(|roles| self.replace(Kind::Role, at, Some(roles))).unwrap_or_default();
        (changed, roles)
    }

    /// A whole list: listed children are put, older ones that are not listed are taken out.
    pub(crate) fn replace(&mut self, kind: Kind, at: i64, list: Option<&&RawValue>) -> Changed {
        let (mut changed, listed) = self.put_all(kind, at, list);
        changed.extend(self.take_unless(kind, at, |id, _| listed.contains(&id)));
        changed
    }

    /// Puts every element of a list; answers what changed and what was listed.
    pub(crate) fn put_all(&mut self, kind: Kind, at: i64, list: Option<&&RawValue>) -> (Changed, BTreeSet<u64>) {
        let mut changed = Changed::new();
        let mut listed = BTreeSet::new();
        for json in object::elements(list) {
            let id = match kind {
                Kind::Member => object::member_id(&json),
                Kind::Voice => object::object(json.as_bytes()).ok().and_then(|d| object::id(d.get("user_id"))),
                Kind::Channel | Kind::Thread | Kind::Role => object::id_of(&json),
            };
            let Some(id) = id else { continue };
            listed.insert(id);
            if self.put(kind, id, at, json) {
                changed.push((kind, id));
            }
        }
        (changed, listed)
    }

    /// One member more or less.
    pub(crate) fn count_member(&mut self, at: i64, by: i64) -> bool {
        let count = self.fields.get("member_count").and_then(|json| json.parse::<i64>().ok());
        match count {
            Some(count) => self.set(at, &[("member_count", &count.saturating_add(by).max(0).to_string())]),
            None => false,
        }
    }
}
