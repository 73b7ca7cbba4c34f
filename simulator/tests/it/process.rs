//! The simulator as its own process.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::client::DEADLINE;

const BINARY: &str = env!("CARGO_BIN_EXE_miso-simulator");

#[tokio::test]
async fn the_process_says_where_it_listens_and_completes_its_journal_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("j.journal");
    let mut child = Command::new(BINARY)
        .args(["--listen", "127.0.0.1:0", "--seed", "7", "--guilds", "2", "--journal"])
        .arg(&journal)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = std::collections::BTreeMap::new();
    while told.len() < 4 {
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().expect("four lines");
        let (name, value) = line.split_once(' ').unwrap();
        told.insert(name.to_owned(), value.trim().to_owned());
    }
    let http = reqwest::Client::new();
    let facts: Value = http.get(&told["control"]).send().await.unwrap().json().await.unwrap();
    assert_eq!((&facts["guilds"], &facts["token"], &facts["seed"]), (&json!(2), &json!(told["token"]), &json!(7)));
    let me = format!("{}/v10/users/@me", told["api"]);
    let answer = http.get(me).header("authorization", format!("Bot {}", told["token"])).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let status = tokio::time::timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert!(status.success());
    let text = std::fs::read_to_string(journal).unwrap();
    assert!(text.contains("\"/users/@me\""), "{text}");
}

#[tokio::test]
async fn a_wrong_option_is_exit_code_2_and_a_taken_port_1() {
    let run = |args: &'static [&'static str]| Command::new(BINARY).args(args).output();
    let wrong = run(&["--guilds", "many", "--colour", "red"]).await.unwrap();
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text.contains("--guilds many") && text.contains("--colour red"), "{text}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(BINARY).args(["--listen", &address]).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&address));
}
