use miso_command_catalogue::{Args, Colour, Document, Value};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Chance that belongs to the request: asked again with the same id, it falls the same way.
fn chance(request_id: &str) -> StdRng {
    StdRng::seed_from_u64(xxhash_rust::xxh3::xxh3_64(request_id.as_bytes()))
}

/// Chooses one of several options.
pub(crate) fn choose(args: &Args, request_id: &str) -> Document {
    let Some(Value::Options(options)) = args.get("options") else { return Document::default() };
    let chosen = &options[chance(request_id).random_range(0..options.len())];
    Document::text(Colour::Info, format!("I choose **{chosen}**"))
}

/// Draws a random whole number.
pub(crate) fn rng(args: &Args, request_id: &str) -> Document {
    let Some(&Value::Range { from, to }) = args.get("range") else { return Document::default() };
    let drawn = chance(request_id).random_range(from..=to);
    Document::text(Colour::Info, format!("Random range `{from}-{to}`\n> **{drawn}**"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use miso_command_catalogue::{CATALOGUE, parse};

    use super::*;

    fn args(line: &str, name: &str) -> Args {
        parse(CATALOGUE.by_name(name).expect("declared"), line).expect("fits")
    }

    #[test]
    fn the_same_request_falls_the_same_way_and_others_reach_every_outcome() {
        let drawn = |id: usize| rng(&args("1-3", "rng"), &id.to_string()).text.expect("text");
        let chosen = |id: usize| choose(&args("tea or coffee", "choose"), &id.to_string()).text.expect("text");
        assert_eq!(drawn(7), drawn(7));
        assert_eq!((0..200).map(drawn).collect::<BTreeSet<_>>().len(), 3);
        assert_eq!((0..200).map(chosen).collect::<BTreeSet<_>>().len(), 2);
        assert_eq!(rng(&args("0", "rng"), "x").text.as_deref(), Some("Random range `0-0`\n> **0**"));
    }
}
