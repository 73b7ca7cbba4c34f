//! What was probably meant: the nearest of some names.

/// Edits that a name may be away from what was typed, at most.
const MOST_EDITS: usize = 3;

/// ` Did you mean "…"?`, or nothing.
pub(crate) fn did_you_mean<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let near = names.into_iter().map(|name| (edits(typed, name), name)).min();
    near.filter(|(edits, _)| *edits <= MOST_EDITS)
        .map_or_else(String::new, |(_, name)| format!(" Did you mean {name:?}?"))
}

/// Characters to be put in, taken out or exchanged until `a` is `b`.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // Longer texts are no names; the work stays small.
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let here = (diagonal + usize::from(from != *to)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], here);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_none_when_all_are_far() {
        let names = ["gateway.events", "bot.facts", "parked"];
        assert_eq!(did_you_mean("gatway.event", names), " Did you mean \"gateway.events\"?");
        assert_eq!(did_you_mean("parked", names), " Did you mean \"parked\"?");
        assert_eq!(did_you_mean("xyzxyzxyz", names), "");
    }
}
