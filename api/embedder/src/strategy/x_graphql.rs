//! X, as its web client asks for it for people who are not logged in.

use serde_json::{Value, json};

use super::x_syndication::{author, media, shown, tombstone};
use super::{Context, Stage, Step, Strategy, Verdict, json as read_json};
use crate::answer::{Metrics, Poll, PollOption, Post};
use crate::fetch::{Ask, Page};
use crate::moment;

pub(super) const STRATEGY: Strategy = Strategy {
    id: "x.graphql",
    version: 1,
    yields: &[
        "text",
        "author.avatar",
        "created_at",
        "lang",
        "sensitive",
        "quoted",
        "poll",
        "media",
        "metrics.likes",
        "metrics.reposts",
        "metrics.replies",
        "metrics.views",
    ],
    start,
    read,
};

fn start(context: &Context<'_>) -> Option<Step> {
    let bearer = format!("Bearer {}", context.setting("bearer"));
    Step::first(Ask::post(context.setting("activate"), &[]).header("authorization", bearer))
}

fn read(context: &Context<'_>, stage: &Stage, page: &Page) -> Result<Step, Verdict> {
    let answer = read_json::of(page)?;
    if stage.number == 0 {
        let token = answer["guest_token"].as_str().ok_or(Verdict::Shape("guest_token"))?;
        return Ok(Step::then(ask(context, token), ""));
    }
    let result = &answer["data"]["tweetResult"]["result"];
    if result.is_null() && answer["data"]["tweetResult"].is_object() {
        return Err(Verdict::GONE);
    }
    match result["__typename"].as_str() {
        Some("TweetTombstone") => Err(tombstone(result["tombstone"]["text"]["text"].as_str().unwrap_or_default())),
        Some("TweetUnavailable") => Err(match result["reason"].as_str() {
            Some("NsfwLoggedOut" | "NsfwViewerIsUnderage" | "NsfwViewerHasNoStatedAge") => Verdict::AGE,
            Some("Protected") => Verdict::PRIVATE,
            Some("Suspended" | "Deleted") => Verdict::GONE,
            _ => Verdict::Shape("reason"),
        }),
        _ => {
            let mut post = of_result(context, result).ok_or(Verdict::Shape("legacy"))?;
            post.quoted = of_result(context, &unwrapped(result)["quoted_status_result"]["result"]).map(Box::new);
            Ok(Step::found(post))
        }
    }
}

fn ask(context: &Context<'_>, token: &str) -> Ask {
    let variables = json!({"tweetId": context.target.part("id"), "withCommunity": false, "includePromotedContent": false, "withVoice": false});
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("variables", &variables.to_string())
        .append_pair("features", context.setting("features"))
        .finish();
    let (endpoint, id) = (context.setting("endpoint"), context.setting("query_id"));
    Ask::get(format!("{endpoint}/{id}/TweetResultByRestId?{query}"))
        .header("authorization", format!("Bearer {}", context.setting("bearer")))
        .header("x-guest-token", token)
        .header("x-twitter-active-user", "yes")
}

fn unwrapped(result: &Value) -> &Value {
    if result["tweet"].is_object() { &result["tweet"] } else { result }
}

fn of_result(context: &Context<'_>, result: &Value) -> Option<Post> {
    let result = unwrapped(result);
    let legacy = result["legacy"].is_object().then(|| &result["legacy"])?;
    let user = &result["core"]["user_results"]["result"];
    let mut profile = user["legacy"].clone();
    // Name and picture moved out of `legacy` in 2025; both places are read.
    for (name, moved) in [("name", &user["core"]["name"]), ("profile_image_url_https", &user["avatar"]["image_url"])] {
        if let Some(moved) = moved.as_str() {
            profile[name] = moved.into();
        }
    }
    let handle =
        read_json::text(&user["core"]["screen_name"]).or_else(|| read_json::text(&user["legacy"]["screen_name"]));
    let id = read_json::text(&result["rest_id"]).or_else(|| read_json::text(&legacy["id_str"]));
    let note = &result["note_tweet"]["note_tweet_results"]["result"];
    let (text, text_facets) = match note["text"].as_str() {
        Some(long) => shown(long, &note["entity_set"]),
        None => shown(legacy["full_text"].as_str()?, &legacy["entities"]),
    };
    Some(Post {
        url: format!("https://x.com/{}/status/{}", handle.as_deref().unwrap_or("i"), id.as_deref().unwrap_or_default()),
        id,
        author: Some(author(&profile, handle)),
        text: Some(text),
        text_facets,
        lang: read_json::text(&legacy["lang"]),
        created_at: read_json::moment(&legacy["created_at"]),
        sensitive: legacy["possibly_sensitive"].as_bool().unwrap_or(false),
        metrics: Metrics {
            likes: read_json::count(&legacy["favorite_count"]),
            reposts: read_json::count(&legacy["retweet_count"]),
            replies: read_json::count(&legacy["reply_count"]),
            views: read_json::count(&result["views"]["count"]),
        },
        poll: poll(&result["card"]["legacy"]),
        media: read_json::list(&legacy["extended_entities"]["media"]).filter_map(media).collect(),
        ..context.post()
    })
}

/// A card of the kind `poll2choice_text_only`: its values are a list of keys.
fn poll(card: &Value) -> Option<Poll> {
    card["name"].as_str().filter(|name| name.starts_with("poll"))?;
    let value = |key: &str| {
        let entry = read_json::list(&card["binding_values"]).find(|entry| entry["key"] == key)?;
        Some(&entry["value"])
    };
    let text = |key: &str| read_json::text(&value(key)?["string_value"]);
    let options: Vec<PollOption> = (1..=4)
        .map_while(|n| {
            let votes = text(&format!("choice{n}_count")).and_then(|count| count.parse().ok());
            Some(PollOption { label: text(&format!("choice{n}_label"))?, votes })
        })
        .collect();
    let votes = options.iter().map(|option| option.votes).sum();
    let closed = value("counts_are_final").is_some_and(|last| last["boolean_value"] == true);
    let closes_at = text("end_datetime_utc").and_then(|text| moment::of_text(&text));
    Some(Poll { options, votes, closes_at, closed, multiple: false })
}
