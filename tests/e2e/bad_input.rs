//! Wrong configuration, ports taken, folders that cannot be written, engines that are down.

use std::process::Output;

use crate::harness::{DEADLINE, Deployment, Discord, Engines, free_address, miso};

async fn run(settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let run = miso().args(arguments).envs(settings.iter().copied()).output();
    tokio::time::timeout(DEADLINE, run).await.expect("it ends").expect("it runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_wrong_configuration_names_every_problem_at_once_and_exits_with_2() {
    let wrong = [("MISO_SHARDS", "many"), ("MISO_PROXY_LISTEN", "nowhere"), ("MISO_LOG", "mysql://x")];
    let output = run(&wrong, &["up"]).await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    for (name, value) in wrong {
        assert!(stderr(&output).contains(name) && stderr(&output).contains(value), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn without_a_token_up_says_which_roles_need_it_and_exits_with_2() {
    let data = tempfile::tempdir().expect("a folder");
    let output = run(&[("MISO_DATA_DIR", data.path().to_str().expect("utf-8"))], &["up"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("DISCORD_TOKEN") && stderr(&output).contains("gateway"), "{}", stderr(&output));
}

#[tokio::test]
async fn an_unknown_verb_or_role_exits_with_2() {
    assert_eq!(run(&[], &["fly"]).await.status.code(), Some(2));
    let output = run(&[], &["run", "gatewy"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("gateway"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_taken_is_one_clear_error_and_exit_code_1() {
    let discord = Discord::start(&[]).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = taken.local_addr().expect("address").to_string();
    let mut miso = Deployment::new(&discord, Engines::Embedded, "a=secret-of-a");
    miso.set("MISO_PROXY_LISTEN", &address);
    let ops = free_address().to_string();
    let run = miso.command(&["up"]).env("MISO_OPS_LISTEN", ops).output();
    let output = tokio::time::timeout(DEADLINE, run).await.expect("it ends").expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("MISO_PROXY_LISTEN") && stderr(&output).contains(&address), "{}", stderr(&output));
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_made_is_one_clear_error_and_exit_code_1() {
    let data = tempfile::tempdir().expect("a folder");
    let file = data.path().join("a-file");
    std::fs::write(&file, "x").expect("written");
    let below = file.join("data");
    let settings = [("MISO_DATA_DIR", below.to_str().expect("utf-8")), ("DISCORD_TOKEN", "x.y.z")];
    let output = run(&settings, &["up"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("MISO_DATA_DIR"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writer_on_one_log_is_one_clear_error_and_exit_code_1() {
    let discord = Discord::start(&[]).await;
    let mut miso = Deployment::new(&discord, Engines::Embedded, "a=secret-of-a");
    miso.start("first", &["up"]);
    miso.ready("first").await;
    let mut second = miso.command(&["up"]);
    for name in
        ["MISO_PROXY_LISTEN", "MISO_COMMANDS_LISTEN", "MISO_DATA_LISTEN", "MISO_PANEL_LISTEN", "MISO_OPS_LISTEN"]
    {
        second.env(name, free_address().to_string());
    }
    let output = tokio::time::timeout(DEADLINE, second.output()).await.expect("it ends").expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("log.db"), "{}", stderr(&output));
    miso.ready("first").await;
    let groups = miso.command(&["group", "list"]).output().await.expect("it runs");
    assert!(groups.status.success(), "the first is still found by its key: {}", stderr(&groups));
}

#[tokio::test]
async fn roles_that_call_each_other_from_different_processes_need_the_deployments_key() {
    let data = tempfile::tempdir().expect("a folder");
    let settings = [("MISO_DATA_DIR", data.path().to_str().expect("utf-8"))];
    for role in ["handlers", "commands-api", "data-api", "panel"] {
        let output = run(&settings, &["run", role]).await;
        assert_eq!(output.status.code(), Some(2), "{role}: {}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains("MISO_CLUSTER_KEY") && said.contains("in every process"), "{role}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_down_at_start_leaves_the_process_up_and_unready() {
    let discord = Discord::start(&[]).await;
    let mut miso = Deployment::new(&discord, Engines::Embedded, "a=secret-of-a");
    let nobody = free_address();
    miso.set("MISO_LOG", &format!("kafka://{nobody}"));
    miso.start("up", &["up"]);
    let unready = crate::harness::eventually("readyz says that the log is away", || async {
        let report = miso.readyz("up").await?;
        (report.0 == 503 && report.1["parts"]["log"] != "starting").then_some(report.1)
    })
    .await;
    assert!(unready["parts"]["log"].as_str().expect("text").contains("look whether it runs"), "{unready}");
    assert_eq!(miso.terminate("up").await, Some(0), "it ends in order all the same");
    let complaints = miso.said("up").matches("not ready").count();
    assert_eq!(complaints, 1, "one line a minute: {}", miso.said("up"));
}
