//! Reddit: an application's API, the feed of a post, short links; the open JSON is closed.

use serde_json::{Value, json};

use super::posts::{Scenario, Seeded};
use super::{Asked, Reply, web};

fn post(id: &str) -> Option<Seeded> {
    Seeded::of(id.strip_prefix("miso")?.parse().ok()?)
}

pub(super) fn answer(asked: &Asked) -> Reply {
    match (asked.host.as_str(), asked.path.as_str()) {
        ("oauth.reddit.com", "/api/info") => info(asked),
        (_, "/api/v1/access_token")
            if asked.header("authorization").starts_with("Basic ")
                && asked.field("grant_type") == "client_credentials" =>
        {
            Reply::json(
                "reddit.oauth",
                200,
                &json!({"access_token": "simulated", "token_type": "bearer", "expires_in": 86_400, "scope": "*"}),
            )
        }
        (_, path) if path.contains("/s/") => {
            Reply::redirect("reddit.short", "https://www.reddit.com/r/soup/comments/miso0/a_bowl/?share_id=1")
        }
        (_, path) if path.ends_with("/.rss") => rss(path.split('/').find_map(post)),
        _ => Reply::html("reddit.page", 403, "<html><title>Blocked</title><body>whoa there, pardner!</body></html>"),
    }
}

fn info(asked: &Asked) -> Reply {
    const LABEL: &str = "reddit.oauth";
    if asked.header("authorization") != "Bearer simulated" {
        return Reply::json(LABEL, 401, &json!({"message": "Unauthorized", "error": 401}));
    }
    let found = post(asked.query("id").trim_start_matches("t3_")).filter(|found| !found.is(Scenario::Gone));
    let children: Vec<Value> = found.iter().map(|found| json!({"kind": "t3", "data": link(*found)})).collect();
    Reply::json(LABEL, 200, &json!({"kind": "Listing", "data": {"children": children, "after": null}}))
}

fn link(found: Seeded) -> Value {
    let n = found.n;
    let mut link = json!({
        "id": format!("miso{n}"), "title": found.text(), "selftext": "Slowly, over a low fire.", "author": "ann", "subreddit_name_prefixed": "r/soup",
        "permalink": format!("/r/soup/comments/miso{n}/a_bowl/"), "created_utc": found.created_s() as f64, "over_18": found.is(Scenario::Sensitive),
        "score": found.likes(), "num_comments": found.replies(), "subreddit_type": if found.is(Scenario::Private) { "private" } else { "public" },
        "removed_by_category": null, "is_video": found.is(Scenario::Video), "media": null,
    });
    match found.scenario {
        Scenario::Picture | Scenario::Sensitive => {
            link["post_hint"] = "image".into();
            link["url_overridden_by_dest"] = format!("https://i.redd.it/{n}.png").into();
            link["preview"] = json!({"images": [{"source": {"url": format!("https://i.redd.it/preview{n}.png"), "width": 160, "height": 120}}]});
        }
        Scenario::Gallery => {
            link["gallery_data"] =
                json!({"items": [{"media_id": "a"}, {"media_id": "b"}, {"media_id": "c", "caption": "The third"}]});
            let one = |id: &str| json!({"status": "valid", "e": "Image", "m": "image/png", "s": {"u": format!("https://i.redd.it/{id}.png?a=1&amp;b=2"), "x": 160, "y": 120}});
            link["media_metadata"] = json!({"a": one("a"), "b": one("b"), "c": one("c")});
        }
        Scenario::Video => {
            link["media"] = json!({"reddit_video": {"fallback_url": "https://v.redd.it/miso/DASH_720.mp4?source=fallback", "width": 720, "height": 1280, "duration": 9, "bitrate_kbps": 832}});
        }
        Scenario::Poll => {
            link["poll_data"] = json!({"options": [{"text": "Red", "vote_count": 12}, {"text": "White", "vote_count": 30}], "total_vote_count": 42, "voting_end_timestamp": 1_796_205_600_000_u64});
        }
        Scenario::Quote => {
            link["crosspost_parent_list"] = Seeded::of(0).iter().map(|quoted| self::link(*quoted)).collect();
        }
        _ => {}
    }
    link
}

fn rss(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "reddit.rss";
    let Some(found) = web::shown(found) else {
        return Reply::html(LABEL, 404, "");
    };
    let n = found.n;
    let picture = if found.pictures() > 0 {
        format!(
            "&lt;img src=&quot;https://i.redd.it/preview{n}.png&quot; /&gt; &lt;a href=&quot;https://i.redd.it/{n}.png&quot;&gt;[link]&lt;/a&gt;"
        )
    } else {
        String::new()
    };
    let feed = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"><title>{text} : soup</title>\
         <entry><author><name>/u/ann</name><uri>https://www.reddit.com/user/ann</uri></author><category term=\"soup\"/>\
         <content type=\"html\">{picture}&lt;!-- SC_OFF --&gt;&lt;div class=&quot;md&quot;&gt;&lt;p&gt;Slowly, over a low fire.&lt;/p&gt;&lt;/div&gt;&lt;!-- SC_ON --&gt;</content>\
         <id>t3_miso{n}</id><published>{created}</published><title>{text}</title></entry>\
         <entry><author><name>/u/ben</name></author><content type=\"html\">nice</content><title>/u/ben on it</title></entry></feed>",
        text = found.text(),
        created = found.created(),
    );
    Reply { kind: "application/atom+xml", ..Reply::html(LABEL, 200, feed) }
}
