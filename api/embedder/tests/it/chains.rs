//! Each provider's chain: every kind of post, the provider's own word, and strategies that break.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Rig, slug};
use crate::schema;

/// What a site says of a post that it does not show: status and problem; `None`: only the link is left.
fn word(provider: &str, scenario: &str) -> Option<(StatusCode, &'static str)> {
    const GONE: Option<(StatusCode, &str)> = Some((StatusCode::NOT_FOUND, "gone"));
    const PRIVATE: Option<(StatusCode, &str)> = Some((StatusCode::FORBIDDEN, "private"));
    const LOGIN: Option<(StatusCode, &str)> = Some((StatusCode::FORBIDDEN, "login_required"));
    const AGE: Option<(StatusCode, &str)> = Some((StatusCode::FORBIDDEN, "age_restricted"));
    match (provider, scenario) {
        ("reddit", _) | ("instagram", "gone") => None,
        // It only stops showing the post: nobody's word.
        ("threads", "gone") => Some((StatusCode::BAD_GATEWAY, "provider_broken")),
        (_, "gone") => GONE,
        ("mastodon", _) | ("bluesky" | "instagram" | "threads", "age") => LOGIN,
        (_, "private") => PRIVATE,
        _ => AGE,
    }
}

#[tokio::test]
async fn every_kind_of_post_on_every_site_is_answered_in_the_one_schema() {
    let rig = Rig::start().await;
    for (provider, scenario, url) in rig.posts() {
        let (status, answer) = rig.media(&url).await;
        let is_hidden = ["gone", "private", "age"].contains(&scenario.as_str());
        if let Some((wanted, problem)) = word(&provider, &scenario).filter(|_| is_hidden) {
            assert_eq!((status, slug(&answer)), (wanted, problem), "{provider} {scenario}: {answer}");
            continue;
        }
        assert_eq!(status, StatusCode::OK, "{provider} {scenario}: {answer}");
        schema::fits("Answer", &answer);
        assert_eq!(answer["provider"], provider.as_str(), "{answer}");
        if is_hidden {
            assert!(
                answer["text"].is_null()
                    && answer["meta"]["strategy"].as_str().is_some_and(|id| id.ends_with(".link@1"))
            );
            continue;
        }
        shows(&provider, &scenario, &answer);
    }
}

/// What a scenario is made for.
fn shows(provider: &str, scenario: &str, answer: &Value) {
    let media = answer["media"].as_array().expect("media");
    let has_file = |media: &Value| media["file"].as_str().is_some_and(|file| file.starts_with("/v1/file/"));
    let told = format!("{provider} {scenario}: {answer:#}");
    assert!(answer["text"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
    assert!(answer["author"]["name"].is_string(), "{told}");
    match scenario {
        "text" if ["x", "bluesky", "tiktok"].contains(&provider) => {
            let tag = answer["text_facets"].as_array().into_iter().flatten().find(|facet| facet["kind"] == "tag");
            let facet = tag.expect("a tag");
            let (start, end) = (facet["start"].as_u64().expect("start"), facet["end"].as_u64().expect("end"));
            let text = answer["text"].as_str().expect("text").chars().skip(start as usize).take((end - start) as usize);
            assert_eq!(text.collect::<String>(), "#miso", "{told}");
        }
        "picture" if provider != "youtube" && provider != "tiktok" => {
            assert!(media.len() == 1 && media[0]["kind"] == "image" && has_file(&media[0]), "{told}");
        }
        "video" if provider != "reddit" => {
            assert_eq!(media[0]["kind"], "video", "{told}");
            // Discord's own player shows YouTube's.
            assert_eq!(has_file(&media[0]), provider != "youtube", "{told}");
        }
        "gallery" if provider != "youtube" && provider != "reddit" => assert_eq!(media.len(), 3, "{told}"),
        "quote" if ["x", "bluesky", "mastodon", "threads"].contains(&provider) => {
            assert_eq!(answer["quoted"]["author"]["handle"].as_str().map(|handle| &handle[..3]), Some("ann"), "{told}");
        }
        "poll" if provider == "mastodon" => {
            assert_eq!(answer["poll"]["options"][1], json!({"label": "White", "votes": 30}));
        }
        "sensitive" if ["x", "bluesky", "mastodon"].contains(&provider) => {
            assert_eq!(answer["sensitive"], true, "{told}");
        }
        _ => {}
    }
    if answer["metrics"]["likes"].is_u64() && answer["created_at"].is_string() {
        assert!(
            answer["created_at"].as_str().is_some_and(|at| at.starts_with("2026-11-01T") && at.ends_with('Z')),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_chain_whose_first_strategy_is_broken_still_answers() {
    let providers = "[strategy.\"reddit.oauth\"]\nclient_id = \"id\"\nclient_secret = \"secret\"";
    let rig = Rig::with(|config| config.providers = Some(providers.to_owned())).await;
    let first = [
        ("x", "x.syndication", "x.graphql@1"),
        ("bluesky", "bluesky.appview", "bluesky.opengraph@1"),
        ("mastodon", "mastodon.api", "mastodon.oembed@1"),
        ("reddit", "reddit.oauth", "reddit.rss@1"),
        ("youtube", "youtube.oembed", "youtube.opengraph@2"),
        ("tiktok", "tiktok.page", "tiktok.detail@1"),
        ("instagram", "instagram.graphql", "instagram.page@1"),
        ("threads", "threads.graphql", "threads.opengraph@1"),
    ];
    for (kind, scenario) in [("status", "text"), ("block", "picture"), ("html", "gallery"), ("garbage", "sensitive")] {
        for (provider, strategy, next) in first {
            rig.break_strategy(strategy, kind);
            let (status, answer) = rig.media(&rig.post(provider, scenario)).await;
            assert_eq!(status, StatusCode::OK, "{provider} {kind}: {answer}");
            schema::fits("Answer", &answer);
            assert_eq!(answer["meta"]["strategy"], next, "{provider} {kind}: {answer}");
            assert!(answer["text"].is_string(), "{provider} {kind}: {answer}");
            let tried = answer["meta"]["tried"].as_array().expect("tried");
            assert!(
                tried[0].as_str().is_some_and(|tried| tried.starts_with(strategy) && !tried.ends_with(":ok")),
                "{answer}"
            );
            let degraded = answer["meta"]["degraded"].as_array().map_or(0, Vec::len);
            assert!(degraded > 0 || ["x", "tiktok", "youtube"].contains(&provider), "{answer}");
            rig.mend();
        }
    }
    rig.break_strategy("web.oembed", "garbage");
    let (status, answer) = rig.media("https://blog.example.org/soup").await;
    assert_eq!((status, &answer["meta"]["strategy"]), (StatusCode::OK, &json!("web.opengraph@1")), "{answer}");
    let (status, answer) = rig.media("https://cards.example.org/1").await;
    assert_eq!((status, &answer["meta"]["strategy"]), (StatusCode::OK, &json!("web.card@1")), "{answer}");
}

#[tokio::test]
async fn a_slow_first_strategy_is_given_up_and_the_next_one_asked() {
    let rig = Rig::start().await;
    rig.break_strategy("x.syndication", "slow");
    let (status, answer) = rig.media(&rig.post("x", "text")).await;
    assert_eq!((status, &answer["meta"]["tried"][0]), (StatusCode::OK, &json!("x.syndication@2:timeout")), "{answer}");
}

#[tokio::test]
async fn a_site_that_is_broken_altogether_is_never_called_gone() {
    let rig = Rig::start().await;
    for host in ["cdn.syndication.twimg.com", "api.x.com", "publish.x.com"] {
        rig.order("POST", "sites/break", json!({"host": host, "kind": "status", "status": 404}));
    }
    let (status, problem) = rig.media(&rig.post("x", "text")).await;
    assert_eq!((status, slug(&problem)), (StatusCode::BAD_GATEWAY, "provider_broken"), "{problem}");
    assert!(problem["retry_after"].is_u64() && problem["trace_id"].is_string(), "{problem}");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(
        detail.contains("x.syndication@2:http 404") && detail.contains("x.configured@1:not configured"),
        "{detail}"
    );
    rig.mend();
    let (status, _) = rig.media(&rig.post("x", "gone")).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "its own word is another matter");
}

#[tokio::test]
async fn failures_running_open_the_circuit_and_the_others_answer() {
    let rig = Rig::start().await;
    rig.break_strategy("x.syndication", "status");
    for scenario in ["text", "picture", "video", "gallery", "quote"] {
        assert_eq!(rig.media(&rig.post("x", scenario)).await.0, StatusCode::OK);
    }
    let before = rig.asked("x.syndication");
    let (status, answer) = rig.media(&rig.post("x", "poll")).await;
    assert_eq!((status, &answer["meta"]["tried"][0]), (StatusCode::OK, &json!("x.syndication@2:open")), "{answer}");
    assert_eq!(rig.asked("x.syndication"), before);
    assert_eq!(answer["poll"]["options"][0], json!({"label": "Red", "votes": 12}), "what only this strategy tells");
    let request = rig.http.get(rig.url("/v1/providers")).bearer_auth(crate::rig::KEY);
    let (_, providers) = crate::rig::sent(request).await;
    let x =
        providers["providers"].as_array().into_iter().flatten().find(|provider| provider["name"] == "x").expect("x");
    assert_eq!((&x["strategies"][0]["health"], &x["strategies"][0]["open"]), (&json!("red"), &json!(true)), "{x}");
}

#[tokio::test]
async fn an_operator_s_own_endpoint_application_and_off_switch_are_obeyed() {
    let providers = "[provider.tiktok]\nenabled = false\n[strategy.\"x.syndication\"]\nenabled = false\n\
        [strategy.\"x.configured\"]\nendpoint = \"https://fixer.example.org/status/{id}\"\n\
        [strategy.\"reddit.oauth\"]\nclient_id = \"id\"\nclient_secret = \"secret\"";
    let rig = Rig::with(|config| config.providers = Some(providers.to_owned())).await;
    let (_, answer) = rig.media(&rig.post("x", "text")).await;
    assert_eq!(
        (&answer["meta"]["strategy"], &answer["metrics"]["views"]),
        (&json!("x.configured@1"), &json!(54_000)),
        "{answer}"
    );
    let (_, answer) = rig.media(&rig.post("reddit", "gallery")).await;
    assert_eq!(
        (&answer["meta"]["strategy"], answer["media"].as_array().map(Vec::len)),
        (&json!("reddit.oauth@1"), Some(3)),
        "{answer}"
    );
    let (status, problem) = rig.media(&rig.post("reddit", "gone")).await;
    assert_eq!((status, slug(&problem)), (StatusCode::NOT_FOUND, "gone"));
    let (status, problem) = rig.media(&rig.post("tiktok", "text")).await;
    assert_eq!((status, slug(&problem)), (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_url"));
}

#[tokio::test]
async fn short_links_lead_to_their_posts() {
    let rig = Rig::start().await;
    for (short, provider) in
        [("https://vm.tiktok.com/ZMmiso1/", "tiktok"), ("https://www.reddit.com/r/soup/s/AbCdEf", "reddit")]
    {
        let (status, answer) = rig.media(short).await;
        assert_eq!((status, &answer["provider"]), (StatusCode::OK, &json!(provider)), "{answer}");
    }
}
