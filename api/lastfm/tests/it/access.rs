//! Who is let in, what every endpoint answers, and what is refused.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{KEY, Rig, read, sent, slug};

const READS: &[(&str, &[(&str, &str)])] = &[
    ("/scrapers", &[]),
    ("/users/ann", &[]),
    ("/users/ann/now", &[("details", "1")]),
    ("/users/ann/recent", &[("limit", "2")]),
    ("/users/ann/nth", &[("n", "10000")]),
    ("/users/ann/top/tracks", &[("period", "1m"), ("limit", "5")]),
    ("/users/ann/weekly/tracks", &[]),
    ("/users/ann/plays", &[("artist", "달빛소년"), ("period", "3m")]),
    ("/artist", &[("name", "달빛소년")]),
    ("/artist/images", &[("name", "달빛소년")]),
    ("/album", &[("artist", "Salt/Pepper"), ("name", "Vivid")]),
    ("/track", &[("artist", "Salt/Pepper"), ("name", "Vivid")]),
];

/// A path, its query, and the status and kind of the problem that they get.
type Refused<'a> = (&'a str, &'a [(&'a str, &'a str)], u16, &'a str);

/// The names of an object's fields, two levels down, of the first of its lists' too.
fn shape(value: &Value, prefix: &str, levels: u32) -> std::collections::BTreeSet<String> {
    let mut names = std::collections::BTreeSet::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        names.insert(format!("{prefix}{name}"));
        if levels > 0 {
            names.extend(shape(value.get(0).unwrap_or(value), &format!("{prefix}{name}."), levels - 1));
        }
    }
    names
}

#[tokio::test]
async fn every_read_answers_what_its_document_shows() {
    let rig = Rig::start().await;
    let paths = miso_lastfm::openapi()["paths"].clone();
    for (path, query) in READS {
        let answer = rig.ok(path, query).await;
        let documented = path.replace("/users/ann", "/users/{user}").replace("/tracks", "/{kind}");
        let example =
            &paths[format!("/v1{documented}")]["get"]["responses"]["200"]["content"]["application/json"]["example"];
        assert!(example.is_object(), "{path} is documented");
        if *path == "/scrapers" {
            continue;
        }
        assert_eq!(shape(&answer, "", 2), shape(example, "", 2), "{path}: {answer}");
        assert_eq!(answer["meta"]["degraded"], json!([]), "{path}: {answer}");
    }
}

#[tokio::test]
async fn nobody_is_let_in_without_the_key_but_health_and_document_are_open() {
    let rig = Rig::start().await;
    let closed = READS.iter().map(|(path, _)| *path).chain(["/charts"]);
    for path in closed {
        for request in [rig.http.get(rig.url(path)), rig.http.get(rig.url(path)).bearer_auth("wrong")] {
            let (status, problem) = read(sent(request).await).await;
            assert_eq!((status, slug(&problem).as_str()), (StatusCode::UNAUTHORIZED, "wrong-key"), "{path}");
        }
    }
    assert_eq!(rig.calls(""), 0, "nothing was asked for them");
    let (status, served) = read(sent(rig.http.get(rig.url("/openapi.json"))).await).await;
    assert_eq!((status, served), (StatusCode::OK, miso_lastfm::openapi()));
    let (status, health) = read(sent(rig.http.get(rig.url("/health"))).await).await;
    assert_eq!((status, &health["status"]), (StatusCode::OK, &json!("green")), "{health}");
    assert!(health["fonts"].as_array().is_some_and(|fonts| !fonts.is_empty()), "{health}");
    let keyless = Rig::with(|config| config.cluster_key = String::new()).await;
    let (status, _) = read(sent(keyless.http.get(keyless.url("/users/ann")).bearer_auth("")).await).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "no key is no key that fits");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name_before_anything_is_asked() {
    let rig = Rig::start().await;
    let long = "x".repeat(301);
    let table: &[Refused] = &[
        ("/users/a%2Fb", &[], 400, "invalid-user"),
        ("/users/a%20b/now", &[], 400, "invalid-user"),
        ("/users/waytoolongforaname", &[], 400, "invalid-user"),
        ("/users/%E2%98%83/recent", &[], 400, "invalid-user"),
        ("/users/ann/recent", &[("limit", "0")], 400, "invalid-query"),
        ("/users/ann/recent", &[("limit", "201")], 400, "invalid-query"),
        ("/users/ann/recent", &[("limit", "99999999999999999999999")], 400, "invalid-query"),
        ("/users/ann/recent", &[("limit", "-1")], 400, "invalid-query"),
        ("/users/ann/recent", &[("cursor", "../..")], 400, "bad-cursor"),
        ("/users/ann/recent", &[("cursor", "1.5")], 400, "bad-cursor"),
        ("/users/ann/recent", &[("from", "yesterday")], 400, "invalid-query"),
        ("/users/ann/recent", &[("from", "2000"), ("to", "1000")], 400, "invalid-query"),
        ("/users/ann/recent", &[("to", "99999999999999999")], 400, "invalid-query"),
        ("/users/ann/nth", &[("n", "0")], 400, "invalid-query"),
        ("/users/ann/nth", &[("n", "1e9")], 400, "invalid-query"),
        ("/users/ann/top/artists", &[("period", "week")], 400, "bad-period"),
        ("/users/ann/top/artists", &[("limit", "1001")], 400, "invalid-query"),
        ("/users/ann/top/artists", &[("images", "yes")], 400, "invalid-query"),
        ("/users/ann/top/genres", &[], 404, "not-found"),
        ("/users/ann/weekly/artists", &[("from", "1")], 400, "invalid-query"),
        ("/users/ann/plays", &[], 400, "invalid-query"),
        ("/users/ann/plays", &[("artist", "a"), ("album", "b"), ("track", "c")], 400, "invalid-query"),
        ("/users/ann/plays", &[("artist", "a"), ("period", "2w")], 400, "bad-period"),
        ("/artist", &[], 400, "invalid-query"),
        ("/artist", &[("name", "  ")], 400, "invalid-query"),
        ("/artist", &[("name", &long)], 400, "invalid-query"),
        ("/artist", &[("name", "a\u{0}b")], 400, "invalid-query"),
        ("/artist", &[("name", "a"), ("as", "b/c")], 400, "invalid-user"),
        ("/album", &[("artist", "a")], 400, "invalid-query"),
        ("/track", &[("name", "a")], 400, "invalid-query"),
        ("/charts", &[], 400, "invalid-query"),
        ("/charts", &[("user", "ann"), ("size", "13x2")], 400, "invalid-query"),
        ("/charts", &[("user", "ann"), ("size", "many")], 400, "invalid-query"),
        ("/charts", &[("user", "ann"), ("width", "0")], 400, "invalid-query"),
        ("/charts", &[("user", "ann"), ("kind", "genres")], 400, "invalid-query"),
        ("/charts", &[("user", "ann"), ("color", "mauve-ish")], 400, "invalid-query"),
        ("/charts", &[("user", "ann"), ("format", "gif")], 400, "invalid-query"),
        ("/nothing", &[], 404, "not-found"),
    ];
    for (path, query, status, kind) in table {
        assert_eq!(rig.refused(path, query).await, (*status, (*kind).to_owned()), "{path} {query:?}");
    }
    let (status, problem) = read(sent(rig.asked("/users/ann", &[]).header("miso-lane", "fast")).await).await;
    assert_eq!((status, slug(&problem).as_str()), (StatusCode::BAD_REQUEST, "invalid-lane"));
    let (status, problem) = read(sent(rig.http.delete(rig.url("/users/ann")).bearer_auth(KEY)).await).await;
    assert_eq!((status, slug(&problem).as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"));
    assert_eq!(rig.calls(""), 0);
}

#[tokio::test]
async fn names_with_everything_in_them_are_found_by_the_api_and_by_pages() {
    let rig = Rig::start().await;
    for artist in
        ["Salt/Pepper", "Plus + Minus", "100% Broth", "Why Not?", "Noodle & Sons", "달빛소년", "夜明けの街", "Ästhetik"]
    {
        let answer = rig.ok("/artist", &[("name", artist), ("as", "ann")]).await;
        assert_eq!((&answer["data"]["name"], degraded_of(&answer)), (&json!(artist), 0), "{answer}");
        let plays = rig.ok("/users/ann/plays", &[("artist", artist), ("period", "all")]).await;
        let page = rig.ok("/users/ann/plays", &[("artist", artist), ("period", "12m")]).await;
        assert_eq!(degraded_of(&page), 0, "{page}");
        let (all, year) =
            (plays["data"]["plays"].as_u64().expect("plays"), page["data"]["plays"].as_u64().expect("plays"));
        assert!(all >= year, "{artist}: {all} {year}");
    }
    let album = rig.ok("/album", &[("artist", "Plus + Minus"), ("name", "50% Off")]).await;
    assert_eq!((&album["data"]["name"], degraded_of(&album)), (&json!("50% Off"), 0), "{album}");
}

fn degraded_of(answer: &Value) -> usize {
    answer["meta"]["degraded"].as_array().map_or(99, Vec::len)
}
