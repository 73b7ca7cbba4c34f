use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use miso_command_catalogue::{CONTEXT_HEADER, Context, Permissions, Problem, SignedContext};
use miso_log::catalogue::AGGREGATES;
use miso_model::{GuildId, UserId};

use super::POSITION;
use crate::problem::Refusal;

/// Who calls: a service that holds the deployment's key, and for whom, where it says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    pub(crate) context: Option<SignedContext>,
}

impl Caller {
    /// Of a request whose key fitted. A context that does not hold is refused, never ignored.
    pub(crate) fn of(headers: &HeaderMap, key: &str, now_s: i64) -> Result<Self, Problem> {
        let Some(value) = headers.get(CONTEXT_HEADER) else { return Ok(Self::default()) };
        let text = value.to_str().unwrap_or_default();
        let context = SignedContext::verify(text, key.as_bytes(), now_s)
            .map_err(|error| Problem::new(401, "context-refused", "The context is not accepted", error.to_string()))?;
        Ok(Self { context: Some(context) })
    }

    /// Reading of a guild: services may, and for a user those that ask about this guild.
    pub(crate) fn may_read(&self, guild: GuildId) -> Result<(), Problem> {
        match &self.context {
            Some(context) if context.guild != Some(guild) => Err(foreign()),
            Some(_) | None => Ok(()),
        }
    }

    /// Managing a guild: only for a user who may.
    pub(crate) fn may_manage(&self, guild: GuildId) -> Result<&SignedContext, Problem> {
        let context = self.context.as_ref().ok_or_else(nobody)?;
        if context.guild != Some(guild) {
            return Err(foreign());
        }
        if !context.permissions.cover(Permissions::MANAGE_GUILD) {
            let detail = "That needs the permission Manage Server.";
            return Err(Problem::new(403, "missing-permissions", "Not allowed", detail));
        }
        Ok(context)
    }

    /// A command's context is worth what the service says, unless it acts for a user: then what is signed
    /// counts.
    pub(crate) fn vouch(&self, context: &mut Context) -> Result<(), Problem> {
        let Some(signed) = &self.context else { return Ok(()) };
        if signed.user != context.user {
            return Err(not_theirs());
        }
        if context.guild.is_some() && signed.guild != context.guild {
            return Err(foreign());
        }
        context.permissions = signed.permissions;
        Ok(())
    }

    /// What is a user's own: services may read it, and for a user only themselves.
    pub(crate) fn may_read_own(&self, user: UserId) -> Result<(), Problem> {
        match &self.context {
            Some(context) if context.user != user => Err(not_theirs()),
            Some(_) | None => Ok(()),
        }
    }

    /// What is a user's own is changed by themselves only.
    pub(crate) fn is(&self, user: UserId) -> Result<&SignedContext, Problem> {
        let context = self.context.as_ref().ok_or_else(nobody)?;
        if context.user == user { Ok(context) } else { Err(not_theirs()) }
    }
}

pub(super) fn nobody() -> Problem {
    let detail = "That is done for somebody: send Miso-Context.";
    Problem::new(403, "no-context", "For whom?", detail)
}

fn foreign() -> Problem {
    Problem::new(403, "foreign-guild", "Not allowed", "The context is of another server.")
}

fn not_theirs() -> Problem {
    Problem::new(403, "not-theirs", "Not allowed", "That belongs to another user.")
}

/// `panel`, `command`, `import`; `api` for any other.
pub(crate) fn via(context: &SignedContext) -> &str {
    match &*context.via {
        via @ ("panel" | "command" | "import") => via,
        _ => "api",
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// A guild's id of an address.
pub(crate) fn guild_id(text: &str) -> Result<GuildId, Problem> {
    text.parse().map_err(|_| Problem::new(404, "not-found", "No such guild", "A guild's id is a number."))
}

/// A user's id of an address.
pub(crate) fn user_id(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| Problem::new(404, "not-found", "No such user", "A user's id is a number."))
}

/// The position that the caller has seen.
pub(crate) fn position(headers: &HeaderMap) -> Result<Option<(i32, i64)>, Problem> {
    let Some(value) = headers.get(POSITION) else { return Ok(None) };
    let parts = value.to_str().ok().and_then(|text| text.split_once(':'));
    let position = parts.and_then(|(partition, next)| Some((partition.parse().ok()?, next.parse().ok()?)));
    let known = position.filter(|(partition, _)| (0..AGGREGATES).contains(partition));
    let problem =
        || Problem::new(400, "invalid-position", "The position does not fit", "Miso-Position is partition:offset.");
    known.map(Some).ok_or_else(problem)
}

/// The version that the caller has seen.
pub(crate) fn expected(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let version = value.to_str().ok().map(|text| text.trim_matches('"')).and_then(|text| text.parse().ok());
    let problem =
        || Problem::new(400, "invalid-version", "The version does not fit", "If-Match is a version in quotes.");
    version.map(Some).ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(user: u64, guild: Option<u64>, permissions: Permissions) -> Caller {
        let context = SignedContext {
            user: UserId(user),
            guild: guild.map(GuildId),
            permissions,
            via: "panel".to_owned(),
            name: None,
            expires_s: 9,
        };
        Caller { context: Some(context) }
    }

    #[test]
    fn a_commands_context_says_no_more_than_the_signed_one() {
        let json = serde_json::json!({"platform": "web", "user": "1", "guild": "7", "permissions": "8"});
        let mut context: Context = serde_json::from_value(json).expect("reads");
        assert!(caller(2, Some(7), Permissions::ALL).vouch(&mut context).is_err());
        assert!(caller(1, Some(8), Permissions::ALL).vouch(&mut context).is_err());
        assert!(Caller::default().vouch(&mut context).is_ok());
        assert_eq!(context.permissions, Permissions::ADMINISTRATOR, "a service's word");
        assert!(caller(1, Some(7), Permissions::NONE).vouch(&mut context).is_ok());
        assert_eq!(context.permissions, Permissions::NONE, "the signed word");
    }

    #[test]
    fn a_context_opens_its_own_guild_and_its_own_user_only() {
        let guild = GuildId(7);
        let slug = |result: Result<(), Problem>| result.err().map(|problem| problem.slug().to_owned());
        let manager = caller(1, Some(7), Permissions::MANAGE_GUILD);
        let other = caller(1, Some(8), Permissions::ADMINISTRATOR);
        let member = caller(1, Some(7), Permissions::NONE);
        let service = Caller::default();
        let table = [
            (manager.may_manage(guild).map(|_| ()), None),
            (other.may_manage(guild).map(|_| ()), Some("foreign-guild")),
            (caller(1, None, Permissions::ALL).may_manage(guild).map(|_| ()), Some("foreign-guild")),
            (member.may_manage(guild).map(|_| ()), Some("missing-permissions")),
            (service.may_manage(guild).map(|_| ()), Some("no-context")),
            (member.may_read(guild), None),
            (service.may_read(guild), None),
            (other.may_read(guild), Some("foreign-guild")),
            (member.is(UserId(1)).map(|_| ()), None),
            (member.is(UserId(2)).map(|_| ()), Some("not-theirs")),
            (service.is(UserId(1)).map(|_| ()), Some("no-context")),
            (service.may_read_own(UserId(1)), None),
            (member.may_read_own(UserId(2)), Some("not-theirs")),
        ];
        for (index, (result, expected)) in table.into_iter().enumerate() {
            assert_eq!(slug(result).as_deref(), expected, "row {index}");
        }
    }
}
