//! What the scheduler must know of a request. Pure.

use miso_model::{Lane, Route, RouteClass, Snowflake};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::bucket::Moment;

/// A typing indicator that could not be sent within this time is pointless.
pub const TYPING_TTL: std::time::Duration = std::time::Duration::from_secs(5);

/// Which limits over all routes concern a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Interactions: no global limit.
    Exempt = 0,
    /// Webhooks with their own token: not tied to the bot's.
    Tokened = 1,
    /// Everything else.
    Bot = 2,
}

/// A request to be scheduled.
#[derive(Debug, Clone)]
pub struct Job {
    /// Method and template: the counter, with `major`. DELETE of a message gets its age besides.
    pub route: Box<str>,
    /// Top-level resource.
    pub major: Box<str>,
    /// Jobs of one series go one at a time, in order; `None`: as many as the bucket allows.
    pub series: Option<Box<str>>,
    /// Limits over all routes.
    pub standing: Standing,
    /// Message of a DELETE, whose age chooses the counter.
    pub deletes: Option<u64>,
    /// Not granted before.
    pub not_before: Option<Moment>,
    /// Not granted after: [`Decision::Expired`](crate::scheduler::Decision::Expired) instead.
    pub expires: Option<Moment>,
    /// A newer job of the same series and replaceable kind takes its place while it waits.
    pub replaceable: bool,
    /// The partition it belongs to.
    pub partition: i32,
}

#[derive(Deserialize)]
struct ChannelEdit {
    #[serde(default)]
    name: Option<IgnoredAny>,
    #[serde(default)]
    topic: Option<IgnoredAny>,
}

impl Job {
    /// Of a request. `path` with query, `body` JSON where it is JSON.
    #[must_use]
    pub fn of(route: &Route, method: &str, path: &str, body: &[u8]) -> Self {
        let bare = path.split('?').next().unwrap_or_default();
        let renames = method == "PATCH"
            && route.template == "/channels/{channel}"
            && serde_json::from_slice::<ChannelEdit>(body)
                .is_ok_and(|edit| edit.name.is_some() || edit.topic.is_some());
        let reaction = route.template.contains("/reactions") && matches!(method, "PUT" | "DELETE");
        let counter: Box<str> = if reaction {
            // Measured at Discord: one counter for putting and deleting, whatever the emoji.
            "PUT,DELETE reactions".into()
        } else if renames {
            "PATCH /channels/{channel} name,topic".into()
        } else {
            format!("{method} {}", route.template).into()
        };
        let typing = method == "POST" && route.template == "/channels/{channel}/typing";
        let executes = method == "POST" && route.template == "/webhooks/{webhook}/{token}";
        let series: Option<Box<str>> = match route.class {
            RouteClass::CreateMessage => Some(format!("create {bare}").into()),
            RouteClass::Idempotent if renames => Some(format!("rename {bare}").into()),
            RouteClass::Idempotent => Some(bare.into()),
            RouteClass::Post if typing || executes || route.is_callback() => Some(format!("post {bare}").into()),
            RouteClass::Post | RouteClass::Get => None,
        };
        let standing = match (route.lane, route.tokened) {
            (Lane::Interactions, _) => Standing::Exempt,
            (Lane::Actions, true) => Standing::Tokened,
            (Lane::Actions, false) => Standing::Bot,
        };
        let deletes = (method == "DELETE" && route.template == "/channels/{channel}/messages/{message}")
            .then_some(route.message)
            .flatten();
        Self {
            route: counter,
            major: route.major.as_str().into(),
            series,
            standing,
            deletes,
            not_before: None,
            expires: None,
            replaceable: typing,
            partition: route.partition,
        }
    }

    /// The counter it is charged to when sent at `now_ms` (Unix milliseconds).
    #[must_use]
    pub fn counter(&self, now_ms: i64) -> String {
        let age = match self.deletes {
            None => "",
            Some(id) => match now_ms - Snowflake(id).created_ms() {
                ..10_000 => " fresh",
                10_000..1_209_600_000 => "",
                _ => " old",
            },
        };
        format!("{}{age}\0{}", self.route, self.major)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(method: &str, path: &str, body: &str) -> Job {
        Job::of(&Route::of(method, path, None), method, path, body.as_bytes())
    }

    #[test]
    fn a_delete_is_counted_by_the_messages_age_when_it_is_sent() {
        let id = 175_928_847_299_117_063_u64;
        let made = Snowflake(id).created_ms();
        let job = job("DELETE", &format!("/channels/1/messages/{id}"), "");
        let counters = [5_000, 60_000, 15 * 86_400_000].map(|age| job.counter(made + age));
        assert!(counters[0].contains(" fresh\0") && counters[2].contains(" old\0"));
        assert_eq!(counters[1], "DELETE /channels/{channel}/messages/{message}\0channel/1");
    }

    #[test]
    fn a_new_message_id_falls_into_its_templates_counter() {
        let counter = |id: u64| job("PATCH", &format!("/channels/1/messages/{id}"), "{}").counter(0);
        assert_eq!(counter(1), counter(2));
        assert_ne!(counter(1), job("POST", "/channels/1/messages", "{}").counter(0));
    }

    #[test]
    fn reactions_are_one_counter_and_renaming_is_another_than_editing() {
        let put = job("PUT", "/channels/1/messages/2/reactions/a/@me", "");
        let delete = job("DELETE", "/channels/1/messages/3/reactions/b/9", "");
        assert_eq!(put.counter(0), delete.counter(0));
        let edit = |body| job("PATCH", "/channels/1", body);
        assert_ne!(edit(r#"{"name":"a"}"#).counter(0), edit(r#"{"nsfw":true}"#).counter(0));
        assert_eq!(edit(r#"{"topic":"a"}"#).counter(0), edit(r#"{"name":"b"}"#).counter(0));
        assert_ne!(edit(r#"{"name":"a"}"#).series, edit(r#"{"nsfw":true}"#).series);
    }

    #[test]
    fn writes_of_one_resource_are_a_series_and_messages_of_one_channel_are() {
        assert_eq!(
            job("PATCH", "/channels/1/messages/2", "").series,
            job("DELETE", "/channels/1/messages/2?x=1", "").series
        );
        assert_eq!(job("POST", "/channels/1/messages", "").series, job("POST", "/channels/1/messages", "").series);
        assert_eq!(job("POST", "/users/@me/channels", "").series, None);
        assert_eq!(job("POST", "/interactions/1/t/callback", "").standing, Standing::Exempt);
        assert_eq!(job("POST", "/webhooks/1/t", "").standing, Standing::Tokened);
    }
}
