use super::*;
use crate::{CATALOGUE, Found, Group, Permissions, Place, Runs};

fn parsed(line: &str) -> Result<Map<String, Json>, String> {
    let Found::Command { command, rest } = CATALOGUE.find(line) else { panic!("{line} is a command") };
    let args = parse(command, rest).map_err(|error| error.to_string())?;
    let json = args.to_json();
    assert_eq!(args_from_json(command, &json).as_ref(), Ok(&args), "JSON says the same");
    Ok(json)
}

#[test]
fn lines_become_arguments() {
    let json = |text: &str| serde_json::from_str::<Map<String, Json>>(text).expect("object");
    for (line, expected) in [
        ("ping", "{}"),
        ("help rng", r#"{"command":"rng"}"#),
        ("HELP random", r#"{"command":"rng"}"#),
        ("prefix", "{}"),
        ("prefix !", r#"{"prefix":"!"}"#),
        ("prefix \"miso \"", r#"{"prefix":"miso "}"#),
        ("rng 6", r#"{"range":{"from":0,"to":6}}"#),
        ("random 1 - 6", r#"{"range":{"from":1,"to":6}}"#),
        ("choose tea or  coffee or \"or\"", r#"{"options":["tea","coffee","\"or\""]}"#),
        ("av <@!42>", r#"{"user":"42"}"#),
        ("greeter toggle", "{}"),
        ("greeter toggle OFF", r#"{"state":"off"}"#),
        ("greeter message Hi {mention}\nRead the \"rules\"", r#"{"value":"Hi {mention}\nRead the \"rules\""}"#),
        ("logger bans <#5>", r#"{"value":"5"}"#),
        ("logger bans off", r#"{"value":"off"}"#),
        ("starboard amount 5", r#"{"value":5}"#),
        ("autorole add <@&6>", r#"{"value":"6"}"#),
        ("blacklist delete <@6>", r#"{"value":{"user":"6"}}"#),
        ("command restrict <#5> 8ball", r#"{"command":"eightball","value":"5"}"#),
        ("command restrict <#5> fun", r#"{"command":"Fun","value":"5"}"#),
        ("rm in 2 hours to feed the cat to be sure", r#"{"text":"feed the cat to be sure","when":"in 2h"}"#),
        ("remindme tomorrow 9am call home", r#"{"text":"call home","when":"tomorrow 09:00"}"#),
        ("remindme on 2026-12-01 10:00 to\npack\nbags", r#"{"text":"pack\nbags","when":"on 2026-12-01 10:00"}"#),
        ("remindme <t:1764000000:R> x", r#"{"text":"x","when":1764000000000}"#),
        ("reminder snooze 1a 10m", r#"{"id":"1a","when":"in 10m"}"#),
        ("timezone helsinki", r#"{"zone":"Europe/Helsinki"}"#),
        ("ship <@5> and green tea", r#"{"first":"<@5>","second":"green tea"}"#),
        ("ship tea", r#"{"first":"tea"}"#),
        ("embed https://a.io/1", r#"{"links":["https://a.io/1"]}"#),
        (
            "embed -cs <https://a.io/1> b.io/2 --delete",
            r#"{"caption":true,"delete":true,"links":["https://a.io/1","https://b.io/2"],"spoiler":true}"#,
        ),
    ] {
        assert_eq!(parsed(line), Ok(json(expected)), "{line}");
    }
}

#[test]
fn errors_name_the_argument_and_the_word() {
    for (line, parts) in [
        ("rng", vec!["`range`", "missing"]),
        ("rng six", vec!["`range`", "`six`", "`1-6`"]),
        ("choose tea", vec!["`options`", "two"]),
        ("avatar joe", vec!["`user`", "`joe`", "mention"]),
        ("avatar <@1> now", vec!["`now`", "not an argument"]),
        ("avatar \"joe", vec!["`user`", "quote"]),
        ("ping now", vec!["`now`"]),
        ("help xyzzy", vec!["`command`", "`xyzzy`", "no command"]),
        ("prefix 123456789012345678901234567890123", vec!["33", "32"]),
        ("prefix \"\"", vec!["empty"]),
        ("starboard amount many", vec!["`value`", "`many`", "1 to 100"]),
        ("greeter toggle maybe", vec!["`state`", "`maybe`", "on, off"]),
        ("logger bans nowhere at all", vec!["`value`", "`nowhere at all`", "no channel"]),
        ("remindme someday to rest", vec!["`when`", "`someday to rest`", "`in 2h`"]),
        ("remindme in 2h", vec!["`text`", "missing"]),
        ("timezone nowhere", vec!["`zone`", "`nowhere`", "`Europe/Helsinki`"]),
        ("embed", vec!["`links`", "missing"]),
        ("embed -c", vec!["`links`", "missing"]),
        ("embed -x https://a.io/1", vec!["`links`", "`-x https://a.io/1`", "https://"]),
        ("embed a.io/1 a.io/2 a.io/3 a.io/4 a.io/5 a.io/6", vec!["`links`", "5 links at most"]),
        ("command restrict <#5> jam", vec!["`command`", "`jam`", "no command"]),
    ] {
        let error = parsed(line).expect_err(line);
        for part in parts {
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}

#[test]
fn json_of_another_type_or_name_is_refused() {
    let rng = CATALOGUE.by_name("rng").expect("declared");
    for (json, part) in [
        (r#"{}"#, "missing"),
        (r#"{"range":6}"#, "`from` and `to`"),
        (r#"{"range":{"from":1,"to":1e300}}"#, "whole numbers"),
        (r#"{"range":{"from":1,"to":2},"x":1}"#, "`x`"),
    ] {
        let error = args_from_json(rng, &serde_json::from_str(json).expect("object")).expect_err(json).to_string();
        assert!(error.contains(part), "{json}: {error}");
    }
}

#[test]
fn words_integers_and_optional_arguments_follow_each_other() {
    const NONE: Permissions = Permissions::NONE;
    static TWO: [Argument; 2] = [
        Argument {
            name: "word",
            help: "",
            kind: Kind::Text { max_chars: 5, rest: false },
            required: true,
            after: None,
            permissions: NONE,
        },
        Argument {
            name: "times",
            help: "",
            kind: Kind::Integer { min: 1, max: 9 },
            required: false,
            after: None,
            permissions: NONE,
        },
    ];
    let command = Command {
        name: "say",
        aliases: &[],
        group: Group::Fun,
        help: "",
        arguments: &TWO,
        permissions: NONE,
        bot_permissions: NONE,
        cooldown: None,
        place: Place::Anywhere,
        runs: Runs::Reads,
        edit: None,
        private: false,
        examples: &[],
    };
    let read = |line| {
        parse(&command, line)
            .map(|args| serde_json::to_string(&args.to_json()).expect("writes"))
            .map_err(|e| e.to_string())
    };
    assert_eq!(read("\"a b\" 3"), Ok(r#"{"times":3,"word":"a b"}"#.to_owned()));
    assert_eq!(read("ab"), Ok(r#"{"word":"ab"}"#.to_owned()));
    for (line, part) in [("ab 10", "from 1 to 9"), ("ab x", "`x`"), ("ab 1 2", "`2`"), ("abcdef", "6 characters")] {
        let error = read(line).expect_err(line);
        assert!(error.contains(part), "{line}: {error}");
    }
}
