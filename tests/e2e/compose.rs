//! `compose.yaml` cannot be run without Docker; that its roles, variables and images exist can be checked.

use std::collections::BTreeSet;

fn read(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn variables_of_the_documentation() -> BTreeSet<String> {
    let page = read("docs/CONFIGURATION.md");
    page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned())).collect()
}

#[test]
fn every_service_of_miso_runs_roles_that_exist_with_variables_that_exist() {
    let mut compose: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read("compose.yaml")).expect("YAML");
    compose.apply_merge().expect("merge keys");
    let known = variables_of_the_documentation();
    let services = compose["services"].as_mapping().expect("services");
    let mut roles = BTreeSet::new();
    for (name, service) in services {
        let name = name.as_str().expect("a name");
        for depends in service["depends_on"].as_mapping().into_iter().flatten() {
            assert!(services.contains_key(depends.0), "{name} depends on {:?}", depends.0);
        }
        let Some(command) = service["command"].as_sequence() else { continue };
        let words: Vec<&str> = command.iter().filter_map(serde_yaml_ng::Value::as_str).collect();
        let ["run", rest @ ..] = words.as_slice() else { continue };
        for role in rest {
            roles.insert((*role).to_owned());
        }
        for (variable, _) in service["environment"].as_mapping().expect("an environment") {
            let variable = variable.as_str().expect("a name");
            assert!(known.contains(variable), "{name} sets {variable}, which is no setting");
        }
    }
    let all =
        ["commands-api", "data-api", "embedder", "gateway", "handlers", "lastfm", "panel", "proxy", "sender", "timers"];
    assert_eq!(roles, BTreeSet::from(all.map(str::to_owned)), "one process per role");
    for role in roles {
        let checked = std::process::Command::new(env!("CARGO_BIN_EXE_miso"))
            .args(["run", &role])
            .env_clear()
            .env("MISO_SHARDS", "wrong on purpose: the role itself must be accepted")
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(text.contains("MISO_SHARDS") && !text.contains("invalid value"), "{role}: {text}");
    }
}

#[test]
fn the_dockerfile_calls_only_targets_of_the_makefile() {
    let makefile = read("Makefile");
    let mut calls = 0;
    for line in read("Dockerfile").lines().filter(|line| line.starts_with("RUN ")) {
        for word in line.split("make ").skip(1) {
            let target = word.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).next().expect("a word");
            assert!(makefile.contains(&format!("\n{target}:")), "{target} is no target of the Makefile");
            calls += 1;
        }
    }
    assert!(calls > 0, "it builds through the Makefile");
}
