//! Instagram and Threads, for visitors who are not logged in.

use serde_json::{Value, json};

use super::posts::{Scenario, Seeded};
use super::web::shown;
use super::{Asked, Reply, web};

fn post(code: &str) -> Option<Seeded> {
    Seeded::of(code.strip_prefix("Cmiso")?.parse().ok()?)
}

fn in_path(path: &str) -> Option<Seeded> {
    path.split('/').find_map(post)
}

fn file(name: &str) -> String {
    // Signed, good until far in the future.
    format!("https://scontent.cdninstagram.com/v/{name}?oe=F4865700&oh=00")
}

pub(super) fn instagram(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        "/" => Reply::html("instagram.session", 200, "<html><title>Instagram</title></html>")
            .with("set-cookie", "csrftoken=simulated; Path=/; Secure"),
        "/graphql/query" => graphql(asked),
        path if path.ends_with("/embed/captioned/") => embed(shown(in_path(path))),
        path => match in_path(path) {
            Some(found) if found.is(Scenario::Age) => Reply::redirect("instagram.page", "/accounts/login/"),
            found => {
                let title = shown(found)
                    .map(|found| format!("Ann on Instagram: &quot;{}&quot;", found.text()))
                    .unwrap_or_default();
                web::page("instagram.page", shown(found), &title, "")
            }
        },
    }
}

fn graphql(asked: &Asked) -> Reply {
    const LABEL: &str = "instagram.graphql";
    if asked.header("x-csrftoken") != "simulated" || !asked.header("cookie").contains("csrftoken=simulated") {
        return Reply::json(LABEL, 403, &json!({"message": "CSRF token missing or incorrect", "status": "fail"}));
    }
    let variables: Value = serde_json::from_str(asked.field("variables")).unwrap_or_default();
    let found = variables["shortcode"].as_str().and_then(post);
    let answer = match found.map(|found| (found, found.scenario)) {
        Some((_, Scenario::Age)) => json!({"message": "login_required", "require_login": true, "status": "fail"}),
        None | Some((_, Scenario::Gone)) => json!({"data": {"xdt_shortcode_media": null}, "status": "ok"}),
        Some((found, _)) => json!({"data": {"xdt_shortcode_media": media(found)}, "status": "ok"}),
    };
    Reply::json(LABEL, 200, &answer)
}

fn node(found: Seeded, k: u64) -> Value {
    let n = found.n;
    json!({"__typename": "XDTGraphImage", "display_url": file(&format!("{n}-{k}.jpg")), "dimensions": {"width": 160, "height": 120}, "is_video": false,
        "accessibility_caption": "A bowl of soup"})
}

fn media(found: Seeded) -> Value {
    let mut media = node(found, 0);
    let more = json!({
        "id": (3_000_000 + found.n).to_string(), "shortcode": format!("Cmiso{:02}", found.n), "taken_at_timestamp": found.created_s(),
        "owner": {"username": "ann", "full_name": "Ann", "profile_pic_url": file("ann.jpg"), "is_private": found.is(Scenario::Private)},
        "edge_media_to_caption": {"edges": [{"node": {"text": found.text()}}]}, "edge_media_preview_like": {"count": found.likes()},
        "edge_media_to_parent_comment": {"count": found.replies()},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        media[name] = value.clone();
    }
    if found.is(Scenario::Video) {
        media["is_video"] = true.into();
        media["video_url"] = file("video.mp4").into();
        media["video_duration"] = json!(9.0);
        media["video_view_count"] = found.views().into();
    }
    if found.is(Scenario::Gallery) {
        let edges: Vec<Value> = (0..3).map(|k| json!({"node": node(found, k)})).collect();
        media["edge_sidecar_to_children"] = json!({"edges": edges});
    }
    media
}

fn embed(found: Option<Seeded>) -> Reply {
    const LABEL: &str = "instagram.embed";
    let Some(found) = found else {
        return Reply::html(LABEL, 200, "<html><body class=\"EmbedBroken\">The link may be broken</body></html>");
    };
    let inner = json!({"gql_data": {"shortcode_media": media(found)}}).to_string();
    let outer = json!({"contextJSON": inner});
    let page = format!(
        "<html><body><img class=\"EmbeddedMediaImage\" alt=\"{}\" src=\"{}\"><script>requireLazy([],function(){{handle({outer})}})</script></body></html>",
        found.text(),
        file("0.jpg").replace('&', "&amp;"),
    );
    Reply::html(LABEL, 200, page)
}

pub(super) fn threads(asked: &Asked) -> Reply {
    if asked.path == "/api/graphql" {
        return threads_graphql(asked);
    }
    let found = in_path(&asked.path);
    if found.is_some_and(|found| found.is(Scenario::Age)) {
        return Reply::redirect("threads.opengraph", "/login");
    }
    let token = "<script>[\"LSD\",[],{\"token\":\"simulated\"},323]</script>";
    web::page("threads.opengraph", shown(found), "Ann (@ann) on Threads", token)
}

/// The number that a code stands for is how posts are asked for.
fn threads_graphql(asked: &Asked) -> Reply {
    const LABEL: &str = "threads.graphql";
    if asked.field("lsd") != "simulated" {
        return Reply::json(LABEL, 403, &json!({"error": 1}));
    }
    let variables: Value = serde_json::from_str(asked.field("variables")).unwrap_or_default();
    let wanted = variables["postID"].as_str().unwrap_or_default();
    let found = (0..10).filter_map(Seeded::of).find(|found| number(&format!("Cmiso{:02}", found.n)) == wanted);
    let items: Vec<Value> = found
        .filter(|found| !found.is(Scenario::Gone) && !found.is(Scenario::Age))
        .iter()
        .map(|found| json!({"post": thread(*found)}))
        .collect();
    Reply::json(LABEL, 200, &json!({"data": {"data": {"containing_thread": {"thread_items": items}}}}))
}

fn number(code: &str) -> String {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    code.chars().fold(0, |number: u128, digit| number * 64 + DIGITS.find(digit).unwrap_or(0) as u128).to_string()
}

fn thread(found: Seeded) -> Value {
    let n = found.n;
    let picture = |k: u64| {
        json!({"image_versions2": {"candidates": [{"url": file(&format!("{n}-{k}.jpg")), "width": 160, "height": 120}]}, "original_width": 160,
        "original_height": 120, "accessibility_caption": "A bowl of soup"})
    };
    let mut thread = json!({
        "pk": (3_000_000 + n).to_string(), "code": format!("Cmiso{n:02}"), "caption": {"text": found.text()}, "taken_at": found.created_s(), "like_count": found.likes(),
        "user": {"username": "ann", "full_name": "Ann", "profile_pic_url": file("ann.jpg"), "text_post_app_is_private": found.is(Scenario::Private)},
        "text_post_app_info": {"direct_reply_count": found.replies(), "repost_count": found.reposts(), "share_info": {"quoted_post": null}},
        "image_versions2": {"candidates": []}, "carousel_media": null,
    });
    if found.pictures() == 1 || found.is(Scenario::Video) {
        for (name, value) in picture(0).as_object().into_iter().flatten() {
            thread[name] = value.clone();
        }
    }
    if found.is(Scenario::Video) {
        thread["video_versions"] = json!([{"type": 101, "url": file("video.mp4")}]);
    }
    if found.is(Scenario::Gallery) {
        thread["carousel_media"] = (0..3).map(picture).collect();
    }
    if let Some(quoted) = Seeded::of(0).filter(|_| found.is(Scenario::Quote)) {
        thread["text_post_app_info"]["share_info"]["quoted_post"] = self::thread(quoted);
    }
    thread
}
