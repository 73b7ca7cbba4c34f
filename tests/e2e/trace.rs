//! `miso trace`: why the bot answered, or did not.

use crate::harness::{Deployment, Discord, Engines, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_commands_way_is_told_from_the_event_to_discords_answer() {
    let discord = Discord::start(&["--guilds", "1"]).await;
    let mut miso = Deployment::new(&discord, Engines::Embedded, "");
    miso.start("up", &["up"]);
    miso.ready("up").await;
    let guild = discord.guilds().await.remove(0);
    let channel = &guild.channels[0];
    // The owner may change settings: this one goes through the decider.
    let said = discord.say(channel, &guild.users[0], ">prefix ?").await;
    eventually("the bot answers", || async { (!discord.messages(channel, &said).await.is_empty()).then_some(()) })
        .await;

    let steps = [
        "MESSAGE_CREATE received by shard 0",
        "recognised as a command",
        "asked the decider: ChangeSettings of guild/",
        "decided: SettingsChanged",
        "the decider answered 200",
        "POST /channels/{channel}/messages asked of the sender by miso.commands",
        "sent to Discord, attempt 1",
        "Discord answered 200 (done)",
    ];
    // Outcomes are in the log a moment after Discord has shown the message.
    let told = eventually("the trace is whole", || async {
        let told = miso.command(&["trace", &said]).output().await.expect("it runs");
        let text = String::from_utf8(told.stdout).expect("UTF-8");
        (told.status.success() && steps.iter().all(|step| text.contains(step))).then_some(text)
    })
    .await;
    let at = |step: &str| told.find(step).expect("checked");
    assert!(at(steps[0]) < at(steps[1]) && at(steps[1]) < at(steps[5]) && at(steps[6]) < at(steps[7]), "{told}");
    assert!(!told.contains("prefix ?"), "what people wrote is not shown: {told}");

    let unknown = miso.command(&["trace", "175928847299117063"]).output().await.expect("it runs");
    assert_eq!(unknown.status.code(), Some(1));
    let why = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(why.contains("no event of 175928847299117063") && why.contains("retention"), "{why}");
}
