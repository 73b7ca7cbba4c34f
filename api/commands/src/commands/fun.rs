use miso_command_catalogue::{Args, Colour, Context, Document};

/// Says yes, no or neither.
const ANSWERS: [&str; 20] = [
    "It is certain.",
    "It is decidedly so.",
    "Without a doubt.",
    "Yes, definitely.",
    "You may rely on it.",
    "As I see it, yes.",
    "Most likely.",
    "Outlook good.",
    "Yes.",
    "Signs point to yes.",
    "Reply hazy, try again.",
    "Ask again later.",
    "Better not tell you now.",
    "Cannot predict now.",
    "Concentrate and ask again.",
    "Don't count on it.",
    "My reply is no.",
    "My sources say no.",
    "Outlook not so good.",
    "Very doubtful.",
];
/// Hearts of a full match.
const HEARTS: u64 = 10;

/// Answers a question. The same request gets the same answer.
pub(crate) fn eightball(request_id: &str) -> Document {
    let chosen = xxhash_rust::xxh3::xxh3_64(request_id.as_bytes()) % 20;
    let answer = usize::try_from(chosen).ok().and_then(|index| ANSWERS.get(index)).copied().unwrap_or("Yes.");
    Document::text(Colour::Info, format!("🎱 {answer}"))
}

/// Tells how well two go together: the same two always as well as before, in either order.
pub(crate) fn ship(args: &Args, context: &Context) -> Document {
    let caller = format!("<@{}>", context.user);
    let first = args.text("first").unwrap_or_default();
    let (first, second) = match args.text("second") {
        Some(second) => (first, second),
        None => (caller.as_str(), first),
    };
    let percent = fit(first, second);
    let hearts: String = (0..HEARTS).map(|n| if n * 10 < percent { '❤' } else { '🖤' }).collect();
    let verdict = match percent {
        0..20 => "Better as strangers.",
        20..40 => "It would take patience.",
        40..60 => "Friends, surely.",
        60..80 => "There is something there.",
        80.. => "Made for each other.",
    };
    Document::text(Colour::Info, format!("{first} 💞 {second}\n{hearts} **{percent} %**\n{verdict}")).titled("Ship")
}

fn fit(first: &str, second: &str) -> u64 {
    let plain = |name: &str| name.trim().to_lowercase().replace("<@!", "<@");
    let mut both = [plain(first), plain(second)];
    both.sort();
    xxhash_rust::xxh3::xxh3_64(both.join("\n").as_bytes()) % 101
}

/// Puts hands between words.
pub(crate) fn clap(args: &Args) -> Document {
    let words: Vec<&str> = args.text("text").unwrap_or_default().split_whitespace().collect();
    let text = if words.len() == 1 { format!("👏 {} 👏", words[0]) } else { words.join(" 👏 ") };
    Document::text(Colour::Info, text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use miso_command_catalogue::{CATALOGUE, parse};

    use super::*;

    fn shipped(line: &str) -> String {
        let context: Context = serde_json::from_str(r#"{"platform":"web","user":"1"}"#).expect("context");
        let args = parse(CATALOGUE.by_name("ship").expect("declared"), line).expect("fits");
        ship(&args, &context).text.expect("text")
    }

    #[test]
    fn two_go_together_as_well_as_before_in_either_order() {
        let rest = |text: String| text.split_once('\n').map(|(_, rest)| rest.to_owned()).expect("lines");
        assert_eq!(rest(shipped("<@5> and tea")), rest(shipped("TEA and <@!5>")));
        assert!(shipped("tea").starts_with("<@1> 💞 tea\n"));
        let all: BTreeSet<u64> = (0..3_000).map(|n| fit("tea", &n.to_string())).collect();
        assert_eq!((all.first(), all.last()), (Some(&0), Some(&100)));
    }

    #[test]
    fn every_answer_of_the_ball_comes() {
        let all: BTreeSet<_> = (0..500).map(|n| eightball(&n.to_string()).text).collect();
        assert_eq!(all.len(), ANSWERS.len());
        assert_eq!(eightball("7"), eightball("7"));
    }

    #[test]
    fn hands_clap_between_words() {
        let clapped = |line: &str| {
            clap(&parse(CATALOGUE.by_name("clap").expect("declared"), line).expect("fits")).text.expect("text")
        };
        assert_eq!((clapped("this is  fine").as_str(), clapped("fine").as_str()), ("this 👏 is 👏 fine", "👏 fine 👏"));
    }
}
