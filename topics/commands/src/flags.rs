//! Flags in a line: `-c`, `-cd`, `--caption`. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::{Argument, Command, Kind, Value};

/// Takes the flags out of a line, where the command has any; several letters may follow one dash.
pub(crate) fn flags<'a>(
    command: &Command,
    line: &'a str,
    args: &mut BTreeMap<&'static str, (Kind, Value)>,
) -> Cow<'a, str> {
    let declared: Vec<(char, &Argument)> = command
        .arguments
        .iter()
        .filter_map(|argument| match argument.kind {
            Kind::Flag { letter } => Some((letter, argument)),
            _ => None,
        })
        .collect();
    if declared.is_empty() {
        return Cow::Borrowed(line);
    }
    let meant = |word: &str| -> Option<Vec<&Argument>> {
        let word = word.to_lowercase();
        if let Some(name) = word.strip_prefix("--") {
            return declared.iter().find(|(_, flag)| flag.name == name).map(|(_, flag)| vec![*flag]);
        }
        let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty())?.chars();
        letters.map(|c| declared.iter().find(|(letter, _)| *letter == c).map(|(_, flag)| *flag)).collect()
    };
    let mut others = Vec::new();
    for word in line.split_whitespace() {
        match meant(word) {
            Some(flags) => args.extend(flags.into_iter().map(|flag| (flag.name, (flag.kind, Value::Flag(true))))),
            None => others.push(word),
        }
    }
    Cow::Owned(others.join(" "))
}
