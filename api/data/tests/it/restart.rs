//! The view comes back from the compacted topic.

use serde_json::Value;

use crate::rig::{KEY, Rig};

#[tokio::test]
async fn the_next_process_answers_the_same_from_the_checkpoint() {
    let rig = Rig::start().await;
    let guild = rig.guild(0);
    let user = rig.user(0, 4);
    let paths: Vec<String> = ["", "/channels", "/threads", "/roles", "/emojis", "/members", "/members?query=an"]
        .iter()
        .map(|path| format!("/guilds/{guild}{path}"))
        .chain([format!("/guilds/{guild}/members/{user}"), format!("/users/{user}")])
        .collect();
    let ask = async |rig: &Rig| {
        let mut answers = Vec::new();
        for path in &paths {
            let (status, mut answer) = rig.get(KEY, path).await;
            assert!(status.is_success(), "{path}: {answer}");
            let meta = answer["meta"].take();
            answers.push((answer, meta["position"].clone(), meta["age_ms"].is_i64()));
        }
        answers
    };
    let before: Vec<(Value, Value, bool)> = ask(&rig).await;
    rig.until_checkpointed(guild).await;
    let rig = rig.restart().await;
    assert_eq!(ask(&rig).await, before);
    // Tokens were in memory only: Discord is asked again, and says the same.
    let token = rig.login(user).await;
    assert!(rig.get(&token, &format!("/guilds/{guild}/me")).await.0.is_success());
}
