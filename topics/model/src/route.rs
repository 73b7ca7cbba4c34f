//! What a REST request is to the limits and to order: its template, its top-level resource, the
//! partition of its action. Pure, and the one place that knows Discord's paths.

use crate::{SLOTS, key_partition, slot};

/// How a request may be repeated when nobody knows whether it took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteClass {
    /// `POST /channels/{channel}/messages` (and lobbies): Discord drops a repeat with the same
    /// enforced nonce.
    CreateMessage,
    /// PUT, PATCH, DELETE: a repeat changes nothing more, as long as nothing newer came between.
    Idempotent,
    /// Any other POST: never repeated blindly.
    Post,
    /// GET and HEAD: no action at all.
    Get,
}

/// Which of the two action topics carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// `rest.actions`.
    Actions,
    /// `rest.interactions`: exempt from the global limit.
    Interactions,
}

/// A request, classified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Ids and tokens replaced by names: `/channels/{channel}/messages`.
    pub template: String,
    /// Top-level resource whose counter is its own: `channel/1`, `guild/1`, `webhook/1/token`,
    /// `interaction/token`; empty where there is none.
    pub major: String,
    /// Topic.
    pub lane: Lane,
    /// Partition of that topic and of `rest.ledger`.
    pub partition: i32,
    /// How it may be repeated.
    pub class: RouteClass,
    /// The route carries its own token: sent without the bot's, accepted without `Authorization`.
    pub tokened: bool,
    /// The message that the path names, whose age matters to DELETE.
    pub message: Option<u64>,
}

/// What Discord's interaction tokens begin with: `interaction:` in base64.
const INTERACTION_TOKEN: &str = "aW50ZXJhY3Rpb24";

impl Route {
    /// Classifies a request by method and path (after `/api/v10`, with or without query).
    /// `application` is the bot's application id, by which the webhooks of interactions are told
    /// from others.
    #[must_use]
    pub fn of(method: &str, path: &str, application: Option<u64>) -> Self {
        Self::classify(method, path, |id, token| {
            token.starts_with(INTERACTION_TOKEN) || (application.is_some() && id.parse().ok() == application)
        })
    }

    /// Classifies an action that is known to come from `lane`.
    #[must_use]
    pub fn of_lane(method: &str, path: &str, lane: Lane) -> Self {
        Self::classify(method, path, |_, _| lane == Lane::Interactions)
    }

    /// What keeps order: the top-level resource, else the template.
    #[must_use]
    pub fn order_key(&self) -> &str {
        if self.major.is_empty() { &self.template } else { &self.major }
    }

    /// Whether this is the first answer to an interaction, due within 3 s.
    #[must_use]
    pub fn is_callback(&self) -> bool {
        self.template == "/interactions/{interaction}/{token}/callback"
    }

    fn classify(method: &str, path: &str, is_interaction: impl Fn(&str, &str) -> bool) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut route = Self {
            template: String::with_capacity(path.len() + 8),
            major: String::new(),
            lane: Lane::Actions,
            partition: 0,
            class: class_of(method, &segments),
            tokened: false,
            message: None,
        };
        let mut key = None;
        match segments[..] {
            ["channels", channel, ..] => {
                route.major = format!("channel/{channel}");
                key = Some(channel);
            }
            ["guilds", guild, ..] => {
                route.major = format!("guild/{guild}");
                key = Some(guild);
            }
            ["interactions", _, token, "callback", ..] => {
                route.tokened = true;
                route.lane = Lane::Interactions;
                route.major = format!("interaction/{token}");
                route.partition = key_partition(token, SLOTS);
            }
            ["webhooks", id, token, ..] => {
                route.tokened = true;
                if is_interaction(id, token) {
                    route.lane = Lane::Interactions;
                    route.major = format!("interaction/{token}");
                    route.partition = key_partition(token, SLOTS);
                } else {
                    route.major = format!("webhook/{id}/{token}");
                    key = Some(id);
                }
            }
            ["webhooks", id] => {
                route.major = format!("webhook/{id}");
                key = Some(id);
            }
            _ => {}
        }
        route.write_template(&segments);
        if let ["channels", _, "messages", message, ..] | ["webhooks", _, _, "messages", message, ..] = segments[..] {
            route.message = message.parse().ok();
        }
        if route.lane == Lane::Actions {
            route.partition = match key.map(str::parse::<u64>) {
                Some(Ok(id)) => slot(id),
                _ => key_partition(route.order_key(), SLOTS),
            };
        }
        route
    }

    fn write_template(&mut self, segments: &[&str]) {
        for (index, &segment) in segments.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| segments[before]);
            let first = segments[0];
            self.template.push('/');
            self.template.push_str(match (first, index, before) {
                ("webhooks", 2, _) => "{token}",
                ("interactions", 2, _) => "{token}",
                (_, _, Some("reactions")) => "{emoji}",
                (_, _, Some("invites")) if index == 1 => "{code}",
                (_, _, Some("templates")) => "{code}",
                _ if is_id(segment) => id_name(before.unwrap_or_default()),
                _ => segment,
            });
        }
        if self.template.is_empty() {
            self.template.push('/');
        }
    }
}

fn class_of(method: &str, segments: &[&str]) -> RouteClass {
    match (method, segments) {
        ("POST", ["channels" | "lobbies", _, "messages"]) => RouteClass::CreateMessage,
        ("PUT" | "PATCH" | "DELETE", _) => RouteClass::Idempotent,
        ("GET" | "HEAD" | "OPTIONS", _) => RouteClass::Get,
        _ => RouteClass::Post,
    }
}

fn is_id(segment: &str) -> bool {
    segment.bytes().all(|byte| byte.is_ascii_digit())
}

fn id_name(before: &str) -> &'static str {
    match before {
        "channels" => "{channel}",
        "guilds" => "{guild}",
        "messages" => "{message}",
        "users" | "members" | "bans" | "recipients" | "thread-members" | "voice-states" => "{user}",
        "roles" => "{role}",
        "webhooks" => "{webhook}",
        "interactions" => "{interaction}",
        "applications" => "{application}",
        "commands" => "{command}",
        "emojis" => "{emoji}",
        _ => "{id}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: u64 = 175_928_847_299_117_063;

    fn route(method: &str, path: &str) -> Route {
        Route::of(method, path, Some(42))
    }

    #[test]
    fn ids_become_names_and_the_resource_is_kept() {
        let cases = [
            ("POST", "/channels/1/messages", "/channels/{channel}/messages", "channel/1", RouteClass::CreateMessage),
            (
                "PATCH",
                "/channels/1/messages/7",
                "/channels/{channel}/messages/{message}",
                "channel/1",
                RouteClass::Idempotent,
            ),
            (
                "PUT",
                "/guilds/2/members/3/roles/4",
                "/guilds/{guild}/members/{user}/roles/{role}",
                "guild/2",
                RouteClass::Idempotent,
            ),
            ("POST", "/users/@me/channels", "/users/@me/channels", "", RouteClass::Post),
            ("GET", "/guilds/2?with_counts=true", "/guilds/{guild}", "guild/2", RouteClass::Get),
            ("POST", "/brand/new/5/thing", "/brand/new/{id}/thing", "", RouteClass::Post),
        ];
        for (method, path, template, major, class) in cases {
            let route = route(method, path);
            assert_eq!(
                (route.template.as_str(), route.major.as_str(), route.class),
                (template, major, class),
                "{path}"
            );
        }
    }

    #[test]
    fn all_emojis_are_one_template() {
        let template = "/channels/{channel}/messages/{message}/reactions/{emoji}/@me";
        for emoji in ["%F0%9F%91%8D", "name:123", "123"] {
            assert_eq!(route("PUT", &format!("/channels/1/messages/2/reactions/{emoji}/@me")).template, template);
        }
    }

    #[test]
    fn an_action_lies_in_the_slot_of_its_channel() {
        let route = route("POST", &format!("/channels/{CHANNEL}/messages"));
        assert_eq!((route.lane, route.partition), (Lane::Actions, slot(CHANNEL)));
    }

    #[test]
    fn interactions_are_told_from_webhooks_and_keyed_by_their_token() {
        let callback = route("POST", "/interactions/9/tok/callback");
        let by_application = route("POST", "/webhooks/42/tok");
        let original = route("PATCH", "/webhooks/42/tok/messages/@original");
        for found in [&callback, &by_application, &original] {
            assert_eq!(
                (found.lane, found.major.as_str(), found.tokened),
                (Lane::Interactions, "interaction/tok", true)
            );
            assert_eq!(found.partition, callback.partition);
        }
        assert!(callback.is_callback() && !by_application.is_callback());
        let by_prefix = route("POST", "/webhooks/43/aW50ZXJhY3Rpb246MTox");
        assert_eq!(by_prefix.lane, Lane::Interactions);
        let webhook = route("POST", "/webhooks/43/other?wait=true");
        assert_eq!((webhook.lane, webhook.major.as_str(), webhook.tokened), (Lane::Actions, "webhook/43/other", true));
        assert_eq!(webhook.template, "/webhooks/{webhook}/{token}");
        assert!(!route("DELETE", "/webhooks/43").tokened);
        assert_eq!(Route::of_lane("POST", "/webhooks/43/other", Lane::Interactions).lane, Lane::Interactions);
    }

    #[test]
    fn strange_paths_are_classified_and_never_panic() {
        for path in
            ["", "/", "//", "?v=10", "/channels", "/channels//messages", "/webhooks//", "/interactions/1", "/\u{1F44D}"]
        {
            let route = route("POST", path);
            assert!((0..SLOTS).contains(&route.partition), "{path}");
            assert!(route.template.starts_with('/'));
        }
    }
}
