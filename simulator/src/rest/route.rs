//! The routes: method, template, who may call, and the handler. Unknown routes are 404, as at Discord.

use std::sync::LazyLock;

use serde_json::Value;

use super::{channels, guilds, messages, users, webhooks};
use crate::world::{INVALID_FORM, Refusal, Upload, World, read_id};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// With the bot's token.
    Bot,
    /// Anybody.
    Open,
    /// Whoever knows the token in the path; not counted globally.
    PathToken,
}

/// A request, read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) params: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) uploads: Vec<Upload>,
    pub(crate) reason: Option<String>,
    pub(crate) now_ms: u64,
    /// `ws://…` of this simulator, and its recommended shards and concurrency.
    pub(crate) gateway: GatewayFacts,
}

/// What `/gateway/bot` tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct GatewayFacts {
    pub(crate) url: String,
    pub(crate) shards: u64,
    pub(crate) max_concurrency: u64,
    pub(crate) remaining: u64,
}

impl Call {
    /// Path parameter `index` as an id.
    pub(crate) fn id(&self, index: usize) -> Result<u64, Refusal> {
        self.params.get(index).and_then(|text| text.parse().ok()).ok_or(INVALID_FORM)
    }

    pub(crate) fn text(&self, index: usize) -> &str {
        self.params.get(index).map_or("", String::as_str)
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A switch in the query, which libraries write as `true`, `True` or `1`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    pub(crate) fn query_id(&self, name: &str) -> Option<u64> {
        self.query(name).and_then(|text| text.parse().ok())
    }

    pub(crate) fn limit(&self, default: usize) -> usize {
        self.query("limit").and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// An id in the JSON body.
    pub(crate) fn body_id(&self, name: &str) -> Result<u64, Refusal> {
        read_id(&self.body[name]).ok_or(INVALID_FORM)
    }
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    /// The id of what was made or changed.
    pub(crate) effect: Option<u64>,
    /// Whether the world changed.
    pub(crate) applied: bool,
}

impl Reply {
    /// 200; nothing changed.
    pub(crate) fn read(body: Value) -> Result<Self, Refusal> {
        Ok(Self { status: 200, body: Some(body), effect: None, applied: false })
    }

    /// 200; `effect` was made or changed.
    pub(crate) fn did(effect: u64, body: Value) -> Result<Self, Refusal> {
        Ok(Self { status: 200, body: Some(body), effect: Some(effect), applied: true })
    }

    /// 201; `effect` was made.
    pub(crate) fn made(effect: u64, body: Value) -> Result<Self, Refusal> {
        Ok(Self { status: 201, body: Some(body), effect: Some(effect), applied: true })
    }

    /// 204; `effect` was changed.
    pub(crate) fn empty(effect: u64) -> Result<Self, Refusal> {
        Ok(Self { status: 204, body: None, effect: Some(effect), applied: true })
    }
}

pub(crate) type Handler = fn(&mut World, &Call) -> Result<Reply, Refusal>;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) template: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: Handler,
}

const fn bot(method: &'static str, template: &'static str, handler: Handler) -> Route {
    Route { method, template, access: Access::Bot, handler }
}

const fn token(method: &'static str, template: &'static str, handler: Handler) -> Route {
    Route { method, template, access: Access::PathToken, handler }
}

/// Literal segments stand before parameters: the first match counts.
const ROUTES: &[Route] = &[
    Route { method: "GET", template: "/gateway", access: Access::Open, handler: users::gateway },
    bot("GET", "/gateway/bot", users::gateway_bot),
    bot("GET", "/users/@me", users::own),
    bot("PATCH", "/users/@me", users::edit_own),
    bot("GET", "/users/@me/guilds", users::own_guilds),
    bot("DELETE", "/users/@me/guilds/{guild}", users::leave_guild),
    bot("POST", "/users/@me/channels", users::open_direct),
    bot("GET", "/users/{user}", users::one),
    bot("GET", "/applications/@me", users::application),
    bot("GET", "/oauth2/applications/@me", users::application),
    bot("GET", "/applications/{application}/commands", users::commands),
    bot("PUT", "/applications/{application}/commands", users::set_commands),
    bot("POST", "/applications/{application}/commands", users::add_command),
    bot("GET", "/applications/{application}/guilds/{guild}/commands", users::commands),
    bot("PUT", "/applications/{application}/guilds/{guild}/commands", users::set_commands),
    bot("POST", "/applications/{application}/guilds/{guild}/commands", users::add_command),
    bot("GET", "/voice/regions", users::none),
    bot("GET", "/guilds/{guild}", guilds::one),
    bot("PATCH", "/guilds/{guild}", guilds::edit),
    bot("GET", "/guilds/{guild}/channels", guilds::channels),
    bot("POST", "/guilds/{guild}/channels", guilds::add_channel),
    bot("GET", "/guilds/{guild}/threads/active", guilds::active_threads),
    bot("GET", "/guilds/{guild}/members", guilds::members),
    bot("GET", "/guilds/{guild}/members/search", guilds::search),
    bot("PATCH", "/guilds/{guild}/members/@me", guilds::edit_own_member),
    bot("GET", "/guilds/{guild}/members/{user}", guilds::member),
    bot("PATCH", "/guilds/{guild}/members/{user}", guilds::edit_member),
    bot("DELETE", "/guilds/{guild}/members/{user}", guilds::kick),
    bot("PUT", "/guilds/{guild}/members/{user}/roles/{role}", guilds::add_member_role),
    bot("DELETE", "/guilds/{guild}/members/{user}/roles/{role}", guilds::remove_member_role),
    bot("GET", "/guilds/{guild}/bans", guilds::bans),
    bot("GET", "/guilds/{guild}/bans/{user}", guilds::one_ban),
    bot("PUT", "/guilds/{guild}/bans/{user}", guilds::ban),
    bot("DELETE", "/guilds/{guild}/bans/{user}", guilds::unban),
    bot("GET", "/guilds/{guild}/roles", guilds::roles),
    bot("POST", "/guilds/{guild}/roles", guilds::add_role),
    bot("GET", "/guilds/{guild}/roles/{role}", guilds::role),
    bot("PATCH", "/guilds/{guild}/roles/{role}", guilds::edit_role),
    bot("DELETE", "/guilds/{guild}/roles/{role}", guilds::delete_role),
    bot("GET", "/guilds/{guild}/emojis", guilds::emojis),
    bot("GET", "/guilds/{guild}/webhooks", webhooks::of_guild),
    bot("GET", "/guilds/{guild}/invites", guilds::invites),
    bot("GET", "/channels/{channel}", channels::one),
    bot("PATCH", "/channels/{channel}", channels::edit),
    bot("DELETE", "/channels/{channel}", channels::delete),
    bot("POST", "/channels/{channel}/typing", channels::typing),
    bot("PUT", "/channels/{channel}/permissions/{target}", channels::set_overwrite),
    bot("DELETE", "/channels/{channel}/permissions/{target}", channels::delete_overwrite),
    bot("GET", "/channels/{channel}/invites", channels::invites),
    bot("POST", "/channels/{channel}/invites", channels::invite),
    bot("GET", "/invites/{code}", channels::one_invite),
    bot("DELETE", "/invites/{code}", channels::delete_invite),
    bot("POST", "/channels/{channel}/threads", channels::thread),
    bot("POST", "/channels/{channel}/messages/{message}/threads", channels::thread_of_message),
    bot("PUT", "/channels/{channel}/thread-members/{user}", channels::join_thread),
    bot("DELETE", "/channels/{channel}/thread-members/{user}", channels::join_thread),
    bot("GET", "/channels/{channel}/messages", messages::list),
    bot("POST", "/channels/{channel}/messages", messages::create),
    bot("POST", "/channels/{channel}/messages/bulk-delete", messages::bulk_delete),
    bot("GET", "/channels/{channel}/messages/pins", messages::pins),
    bot("PUT", "/channels/{channel}/messages/pins/{message}", messages::pin),
    bot("DELETE", "/channels/{channel}/messages/pins/{message}", messages::unpin),
    bot("GET", "/channels/{channel}/pins", messages::old_pins),
    bot("PUT", "/channels/{channel}/pins/{message}", messages::pin),
    bot("DELETE", "/channels/{channel}/pins/{message}", messages::unpin),
    bot("GET", "/channels/{channel}/messages/{message}", messages::one),
    bot("PATCH", "/channels/{channel}/messages/{message}", messages::edit),
    bot("DELETE", "/channels/{channel}/messages/{message}", messages::delete),
    bot("DELETE", "/channels/{channel}/messages/{message}/reactions", messages::clear_reactions),
    bot("GET", "/channels/{channel}/messages/{message}/reactions/{emoji}", messages::reactions),
    bot("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}", messages::clear_reactions),
    bot("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", messages::react),
    bot("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", messages::unreact),
    bot("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/{user}", messages::unreact),
    bot("GET", "/channels/{channel}/webhooks", webhooks::of_channel),
    bot("POST", "/channels/{channel}/webhooks", webhooks::create),
    bot("GET", "/webhooks/{webhook}", webhooks::one),
    bot("DELETE", "/webhooks/{webhook}", webhooks::delete),
    token("GET", "/webhooks/{webhook}/{token}", webhooks::one),
    token("POST", "/webhooks/{webhook}/{token}", webhooks::execute),
    token("DELETE", "/webhooks/{webhook}/{token}", webhooks::delete),
    token("GET", "/webhooks/{webhook}/{token}/messages/{message}", webhooks::message),
    token("PATCH", "/webhooks/{webhook}/{token}/messages/{message}", webhooks::edit_message),
    token("DELETE", "/webhooks/{webhook}/{token}/messages/{message}", webhooks::delete_message),
    token("POST", "/interactions/{interaction}/{token}/callback", webhooks::callback),
];

/// What a path means.
#[derive(Debug)]
pub(crate) enum Found {
    Route(&'static Route, Vec<String>),
    WrongMethod,
    Nothing,
}

static SPLIT: LazyLock<Vec<(Vec<&'static str>, &'static Route)>> =
    LazyLock::new(|| ROUTES.iter().map(|route| (route.template.split('/').skip(1).collect(), route)).collect());

/// Finds the route of a path that begins behind `/api/v10`.
pub(crate) fn find(method: &str, path: &str) -> Found {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let mut wrong_method = false;
    for (template, route) in SPLIT.iter() {
        let fits = template.len() == segments.len()
            && template
                .iter()
                .zip(&segments)
                .all(|(expected, given)| if expected.starts_with('{') { !given.is_empty() } else { expected == given });
        if fits && route.method == method {
            let params = template.iter().zip(&segments).filter(|(expected, _)| expected.starts_with('{'));
            return Found::Route(route, params.map(|(_, given)| super::decode(given)).collect());
        }
        wrong_method |= fits;
    }
    if wrong_method { Found::WrongMethod } else { Found::Nothing }
}

/// The resource whose counter a call uses.
pub(crate) fn resource(template: &str, params: &[String]) -> String {
    let part = |index: usize| params.get(index).map_or("", String::as_str);
    match template.split('/').nth(1).unwrap_or_default() {
        "channels" | "guilds" => part(0).to_owned(),
        "webhooks" if params.len() > 1 => format!("{}/{}", part(0), part(1)),
        "webhooks" => part(0).to_owned(),
        "interactions" => part(1).to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_segments_win_over_parameters() {
        let Found::Route(route, params) = find("GET", "/users/@me") else { panic!("not found") };
        assert_eq!((route.template, params.len()), ("/users/@me", 0));
        let Found::Route(route, params) = find("PUT", "/channels/5/messages/6/reactions/a%3A7/@me") else {
            panic!("not found")
        };
        assert_eq!(params, ["5", "6", "a:7"]);
        assert_eq!(resource(route.template, &params), "5");
        assert!(matches!(find("PUT", "/users/5"), Found::WrongMethod));
        assert!(matches!(find("GET", "/nothing/here"), Found::Nothing));
    }

    #[test]
    fn webhooks_are_counted_per_id_and_token() {
        let Found::Route(route, params) = find("PATCH", "/webhooks/1/abc/messages/@original") else {
            panic!("not found")
        };
        assert_eq!(resource(route.template, &params), "1/abc");
        assert_eq!(route.access, Access::PathToken);
    }
}
