/// How many letters two words may differ by to count as meant.
const NEAR: usize = 2;

/// The candidate that is meant by a mistyped word, if one is near: at most two letters added, left
/// out, replaced or swapped with their neighbour, and fewer than half of the word's.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).collect();
    candidates
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|&(distance, _)| distance <= NEAR && distance * 2 < word.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_finds_what_was_meant_and_another_word_finds_nothing() {
        let all = ["help", "avatar", "userinfo", "rng"];
        for (typed, meant) in [
            ("hlep", Some("help")),
            ("avatr", Some("avatar")),
            ("usrinf", Some("userinfo")),
            ("play", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, all.into_iter()), meant, "{typed}");
        }
    }
}
