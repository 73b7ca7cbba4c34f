//! The answer as a JSON Schema: every field always stands, and no other does.

use serde_json::{Value, json};

fn nullable(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}

/// An object of which every property is required and no other allowed.
fn object(properties: &Value) -> Value {
    let required: Vec<String> = properties.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn list(of: &Value) -> Value {
    json!({"type": "array", "items": of})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn or_null(name: &str) -> Value {
    json!({"anyOf": [reference(name), {"type": "null"}]})
}

fn post() -> Value {
    json!({
        "provider": {"type": "string"}, "kind": {"enum": ["post", "video", "page"]}, "url": {"type": "string"},
        "id": nullable("string"), "author": or_null("Author"), "text": nullable("string"), "text_facets": list(&reference("Facet")),
        "lang": nullable("string"), "created_at": {"type": ["string", "null"], "description": "RFC 3339, UTC"},
        "sensitive": {"type": "boolean"}, "metrics": reference("Metrics"), "quoted": or_null("Post"), "parent": or_null("Post"),
        "poll": or_null("Poll"), "media": list(&reference("Media")),
    })
}

/// The schemas of `components`.
pub(crate) fn schemas() -> Value {
    let mut answer = post();
    answer["meta"] = reference("Meta");
    json!({
        "Answer": object(&answer),
        "Post": object(&post()),
        "Author": object(&json!({
            "name": {"type": "string"}, "handle": nullable("string"), "url": nullable("string"), "avatar": nullable("string"),
        })),
        "Facet": object(&json!({
            "kind": {"enum": ["url", "mention", "tag"]}, "start": {"type": "integer", "description": "characters"},
            "end": {"type": "integer"}, "href": {"type": "string"},
        })),
        "Metrics": object(&json!({
            "likes": nullable("integer"), "reposts": nullable("integer"), "replies": nullable("integer"), "views": nullable("integer"),
        })),
        "Poll": object(&json!({
            "options": list(&object(&json!({"label": {"type": "string"}, "votes": nullable("integer")}))), "votes": nullable("integer"),
            "closes_at": nullable("string"), "closed": {"type": "boolean"}, "multiple": {"type": "boolean"},
        })),
        "Media": object(&json!({
            "kind": {"enum": ["image", "gif", "video", "audio"]}, "url": {"type": "string"},
            "file": {"type": ["string", "null"], "description": "streams it through this service; null: nothing of it is within max_bytes"},
            "mime": nullable("string"), "width": nullable("integer"), "height": nullable("integer"), "duration_ms": nullable("integer"),
            "bytes": nullable("integer"), "alt": nullable("string"), "thumbnail": nullable("string"), "expires_at": nullable("string"),
            "variants": list(&object(&json!({"bytes": nullable("integer"), "bitrate": nullable("integer"), "file": nullable("string")}))),
        })),
        "Meta": object(&json!({
            "strategy": {"type": "string"}, "tried": list(&json!({"type": "string"})), "age_s": {"type": "integer"},
            "degraded": {"type": "array", "items": {"type": "string"}, "description": "what another strategy would have told; \
                `freshness`: the site does not answer, this is from before"},
        })),
        "Problem": {
            "type": "object", "description": "RFC 9457", "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
                "trace_id": {"type": "string"}, "retry_after": {"type": "integer", "description": "seconds"},
            },
        },
        "Batch": object(&json!({
            "items": list(&object(&json!({"url": {"type": "string"}, "media": or_null("Answer"), "problem": or_null("Problem")}))),
        })),
    })
}
