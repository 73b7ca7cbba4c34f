use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use miso_model::Aggregate;
use miso_settings::{Scope, Settings, check, modules_of};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::caller::{Caller, guild_id};
use super::settings::ask;
use super::{positioned, read_body, request_id, store_at};
use crate::api::Api;
use crate::decide::settings::ChangeSettings;
use crate::problem::Refusal;

/// `GET /v1/guilds/{guild}/settings-file`: what is set, to be carried elsewhere.
pub(crate) async fn export(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_read(guild)?;
    let state = store_at(&api, &headers).await?.aggregate(&Aggregate::Guild(guild).to_string()).await?;
    let settings = Settings::of(state.settings);
    let modules: Map<String, Value> = modules_of(Scope::Guild)
        .map(|module| (module.key.to_owned(), Value::Object(settings.stored(module.key).values)))
        .filter(|(_, values)| values.as_object().is_some_and(|values| !values.is_empty()))
        .collect();
    Ok(Json(json!({"guild_id": guild, "exported_at": miso_http::now_ms(), "modules": modules})))
}

/// Body of an import.
#[derive(Debug, Deserialize)]
pub(crate) struct File {
    /// Values by module and field.
    modules: Map<String, Value>,
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
}

/// What an import comes to.
#[derive(Debug, Default, PartialEq)]
struct Import {
    /// By module; the fields that change, with null where one is taken back.
    sets: Vec<(&'static str, Map<String, Value>)>,
    changes: Vec<Value>,
    errors: Vec<Value>,
}

/// `POST /v1/guilds/{guild}/settings-file`: each module of the file becomes as it is there; modules
/// that are not in it stay. With a value that does not fit nothing is changed; a module that somebody else
/// changes meanwhile ends the import where it is, and the audit shows what was taken in.
pub(crate) async fn import(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(guild): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let guild = guild_id(&guild)?;
    caller.may_manage(guild)?;
    let file: File = read_body(body)?;
    let key = request_id(&headers)?;
    let aggregate = Aggregate::Guild(guild);
    let state = store_at(&api, &headers).await?.aggregate(&aggregate.to_string()).await?;
    let settings = Settings::of(state.settings);
    let Import { sets, changes, errors } = compare(&settings, &file.modules);
    let apply = !file.dry_run && errors.is_empty();
    let mut position = None;
    if apply {
        for (module, set) in sets {
            let expected = settings.stored(module).version;
            let change = ChangeSettings { module: module.to_owned(), set, reverts: None, via: "import".to_owned() };
            let id = format!("{key}:{module}");
            let answer = ask(&api, &caller, aggregate, (id, Some(expected)), change).await?;
            position = Some((answer.partition, answer.position));
        }
    }
    let json = json!({"applied": apply, "changes": changes, "errors": errors});
    Ok(positioned(Json(json).into_response(), position))
}

fn compare(settings: &Settings, file: &Map<String, Value>) -> Import {
    let mut import = Import::default();
    for (key, values) in file {
        let wrong = |pointer: &str, code: &str, message: String| json!({"module": key, "pointer": pointer, "code": code, "message": message});
        let Some(module) = modules_of(Scope::Guild).find(|module| module.key == key) else {
            import.errors.push(wrong("", "unknown_module", format!("There is no module `{key}`.")));
            continue;
        };
        let Some(values) = values.as_object() else {
            import.errors.push(wrong("", "wrong_type", format!("{} must be an object.", module.title)));
            continue;
        };
        if let Err(errors) = check(module, values) {
            import.errors.extend(errors.into_iter().map(|error| wrong(&error.pointer, &error.code, error.message)));
            continue;
        }
        let now = settings.stored(key).values;
        let mut set = Map::new();
        for field in module.fields {
            let before = now.get(field.key).unwrap_or(&Value::Null);
            let after = values.get(field.key).unwrap_or(&Value::Null);
            if before != after {
                import.changes.push(json!({"module": key, "field": field.key, "before": before, "after": after}));
                set.insert(field.key.to_owned(), after.clone());
            }
        }
        if !set.is_empty() {
            import.sets.push((module.key, set));
        }
    }
    import
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &Value) -> Map<String, Value> {
        json.as_object().cloned().expect("object")
    }

    #[test]
    fn an_import_makes_its_modules_as_they_are_in_the_file() {
        let values = json!({"enabled": true, "message": "Hi"});
        let settings =
            Settings::of(object(&json!({"greeting": {"version": 2, "by": "", "at_ms": 0, "values": values}})));
        let file = object(&json!({"greeting": {"enabled": true, "channel": "5"}, "goodbye": {}}));
        let import = compare(&settings, &file);
        assert_eq!(import.sets, [("greeting", object(&json!({"channel": "5", "message": null})))]);
        assert_eq!(
            import.changes,
            [
                json!({"module": "greeting", "field": "channel", "before": null, "after": "5"}),
                json!({"module": "greeting", "field": "message", "before": "Hi", "after": null}),
            ]
        );
        assert!(import.errors.is_empty());
    }

    #[test]
    fn every_error_of_a_file_is_told() {
        let file = object(&json!({"dances": {}, "logs": 1, "time": {}, "greeting": {"enabled": 1, "colour": 2}}));
        let import = compare(&Settings::default(), &file);
        let mut seen: Vec<_> = import
            .errors
            .iter()
            .map(|error| format!("{}{} {}", error["module"], error["pointer"], error["code"]))
            .collect();
        seen.sort();
        assert_eq!(
            seen,
            [
                r#""dances""" "unknown_module""#,
                r#""greeting""/colour" "unknown_field""#,
                r#""greeting""/enabled" "wrong_type""#,
                r#""logs""" "wrong_type""#,
                r#""time""" "unknown_module""#,
            ]
        );
        assert!(import.sets.is_empty());
    }
}
