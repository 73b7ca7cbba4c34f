use miso_bot_store::Starred;
use miso_bot_store::facts::{STAR_COUNTED, STAR_POSTED, STARS_CLEARED, StarAct, StarCounted, StarPosted};
use miso_model::{ChannelId, MessageId, UserId};
use serde::{Deserialize, Serialize};

use super::{Decision, Situation, settings};

/// Body of a `StarsCleared` request, and of the fact.
pub(crate) use miso_bot_store::facts::StarsCleared;

/// So long a post may be on its way to the starboard, milliseconds; after that the next star asks for
/// it again.
pub const POSTING_MS: i64 = 10 * 60 * 1_000;

/// Body of a `StarChanged` request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarChanged {
    /// The starred message.
    pub message: MessageId,
    /// Where it stands.
    pub channel: ChannelId,
    /// Who wrote it.
    pub author: UserId,
    /// Who starred, or took it back.
    pub user: UserId,
    /// Which of the two.
    pub added: bool,
}

/// Body of a `StarPosted` request: our post was seen on the starboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarToBePosted {
    /// The starred message.
    pub message: MessageId,
    /// The starboard.
    pub channel: ChannelId,
    /// The post.
    pub post: MessageId,
}

/// The message lost all its stars: somebody cleared its reactions, or it is gone itself. A post that is on
/// its way is dealt with when it is there.
pub(crate) fn cleared(situation: Situation<'_>, body: &StarsCleared, known: Option<Starred>) -> Decision {
    let Some(known) = known.filter(|known| known.stars > 0 || known.post.is_some()) else { return Decision::nothing() };
    let fact = StarCounted {
        message: body.message,
        channel: known.channel,
        author: known.author,
        user: None,
        added: false,
        count: 0,
        post: known.post,
        posted_channel: known.posted_channel,
        act: if known.post.is_some() { StarAct::Remove } else { StarAct::Nothing },
        posting_ms: known.posting_ms.filter(|since| situation.now_ms - since < POSTING_MS),
    };
    Decision::nothing().fact(STARS_CLEARED, body).fact(STAR_COUNTED, &fact)
}

/// `known` is the message so far; `has` whether this user's star counts already.
pub(crate) fn changed(situation: Situation<'_>, body: &StarChanged, known: Option<Starred>, has: bool) -> Decision {
    if body.added == has {
        return Decision::nothing();
    }
    let known = known.unwrap_or(Starred {
        channel: body.channel,
        author: body.author,
        stars: 0,
        post: None,
        posted_channel: None,
        posting_ms: None,
    });
    let count = (known.stars + if body.added { 1 } else { -1 }).max(0);
    let posting = known.posting_ms.filter(|since| situation.now_ms - since < POSTING_MS);
    let enough = count >= amount(situation);
    let act = match (known.post, posting, enough) {
        (Some(_), _, true) => StarAct::Edit,
        (Some(_), _, false) => StarAct::Remove,
        (None, None, true) => StarAct::Post,
        (None, Some(_), _) | (None, None, false) => StarAct::Nothing,
    };
    let fact = StarCounted {
        message: body.message,
        channel: known.channel,
        author: known.author,
        user: Some(body.user),
        added: body.added,
        count,
        post: known.post,
        posted_channel: known.posted_channel,
        act,
        posting_ms: if act == StarAct::Post { Some(situation.now_ms) } else { posting },
    };
    Decision::nothing().fact(STAR_COUNTED, &fact)
}

/// The post is there: it is told what happened while it was on its way.
pub(crate) fn posted(situation: Situation<'_>, body: &StarToBePosted, known: Option<Starred>) -> Decision {
    let Some(known) = known else { return Decision::nothing() };
    // Seen before; or a second post of the same message, which came after it was given up: one stays.
    if known.post.is_some() {
        return Decision::nothing();
    }
    let fact = StarPosted {
        message: body.message,
        channel: known.channel,
        author: known.author,
        count: known.stars,
        post: body.post,
        posted_channel: body.channel,
    };
    let act = if known.stars >= amount(situation) { StarAct::Edit } else { StarAct::Remove };
    let again = StarCounted {
        message: body.message,
        channel: known.channel,
        author: known.author,
        user: None,
        added: false,
        count: known.stars,
        post: Some(body.post),
        posted_channel: Some(body.channel),
        act,
        posting_ms: None,
    };
    Decision::nothing().fact(STAR_POSTED, &fact).fact(STAR_COUNTED, &again)
}

fn amount(situation: Situation<'_>) -> i64 {
    settings::settings(situation.state).integer("starboard", "amount").unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use miso_bot_store::AggregateState;
    use miso_model::Request;
    use serde_json::json;

    use super::super::tests::request;
    use super::*;

    struct World {
        request: Request,
        state: AggregateState,
    }

    fn world(amount: i64) -> World {
        let settings = json!({"starboard": {"version": 1, "by": "", "at_ms": 0, "values": {"amount": amount}}});
        let state = AggregateState { version: 1, settings: settings.as_object().cloned().expect("object") };
        World { request: request("guild/1", "StarChanged", &json!({})), state }
    }

    impl World {
        fn at(&self, now_ms: i64) -> Situation<'_> {
            Situation { request: &self.request, state: &self.state, now_ms }
        }
    }

    fn star(user: u64, added: bool) -> StarChanged {
        StarChanged { message: MessageId(5), channel: ChannelId(6), author: UserId(7), user: UserId(user), added }
    }

    fn told(decision: &Decision) -> StarCounted {
        let (_, body) = decision.facts.last().expect("a fact");
        serde_json::from_slice(body).expect("reads")
    }

    /// What the fold makes of a fact.
    fn after(fact: &StarCounted) -> Option<Starred> {
        let removed = fact.act == StarAct::Remove;
        Some(Starred {
            channel: fact.channel,
            author: fact.author,
            stars: fact.count,
            post: fact.post.filter(|_| !removed),
            posted_channel: fact.posted_channel.filter(|_| !removed),
            posting_ms: fact.posting_ms,
        })
    }

    #[test]
    fn a_message_is_posted_once_edited_and_removed_as_its_stars_come_and_go() {
        let world = world(2);
        let first = told(&changed(world.at(1), &star(1, true), None, false));
        assert_eq!((first.count, first.act), (1, StarAct::Nothing));
        let second = told(&changed(world.at(2), &star(2, true), after(&first), false));
        assert_eq!((second.count, second.act, second.posting_ms), (2, StarAct::Post, Some(2)));
        let third = told(&changed(world.at(3), &star(3, true), after(&second), false));
        assert_eq!((third.count, third.act), (3, StarAct::Nothing), "its post is on the way");
        let post = StarToBePosted { message: MessageId(5), channel: ChannelId(60), post: MessageId(50) };
        let here = told(&posted(world.at(4), &post, after(&third)));
        assert_eq!((here.count, here.act, here.post), (3, StarAct::Edit, Some(MessageId(50))));
        assert!(posted(world.at(5), &post, after(&here)).facts.is_empty(), "seen before");
        let less = told(&changed(world.at(5), &star(3, false), after(&here), true));
        assert_eq!((less.count, less.act), (2, StarAct::Edit));
        let few = told(&changed(world.at(6), &star(2, false), after(&less), true));
        assert_eq!((few.count, few.act, few.post), (1, StarAct::Remove, Some(MessageId(50))));
        let again = told(&changed(world.at(7), &star(2, true), after(&few), false));
        assert_eq!((again.act, again.post), (StarAct::Post, None));
    }

    #[test]
    fn a_star_counts_once_per_member() {
        let world = world(1);
        assert!(changed(world.at(1), &star(1, true), None, true).facts.is_empty());
        assert!(changed(world.at(1), &star(1, false), None, false).facts.is_empty());
    }

    #[test]
    fn cleared_stars_take_the_post_away_and_everybody_may_star_anew() {
        let world = world(1);
        let body = StarsCleared { message: MessageId(5) };
        assert!(cleared(world.at(1), &body, None).facts.is_empty(), "nobody starred it");
        let first = told(&changed(world.at(1), &star(1, true), None, false));
        let post = StarToBePosted { message: MessageId(5), channel: ChannelId(60), post: MessageId(50) };
        // Before its post is there: it is removed when it comes.
        let early = cleared(world.at(2), &body, after(&first));
        assert_eq!((early.facts[0].0, told(&early).act, told(&early).count), ("StarsCleared", StarAct::Nothing, 0));
        assert_eq!(told(&posted(world.at(3), &post, after(&told(&early)))).act, StarAct::Remove);
        let here = told(&posted(world.at(2), &post, after(&first)));
        let gone = told(&cleared(world.at(3), &body, after(&here)));
        assert_eq!((gone.count, gone.act, gone.post), (0, StarAct::Remove, Some(MessageId(50))));
        assert!(cleared(world.at(4), &body, after(&gone)).facts.is_empty(), "told before");
        assert_eq!(told(&changed(world.at(5), &star(1, true), after(&gone), false)).act, StarAct::Post);
    }

    #[test]
    fn a_post_that_arrives_when_the_stars_are_gone_is_removed_at_once() {
        let world = world(1);
        let first = told(&changed(world.at(1), &star(1, true), None, false));
        let gone = told(&changed(world.at(2), &star(1, false), after(&first), true));
        assert_eq!((gone.count, gone.act, gone.posting_ms), (0, StarAct::Nothing, Some(1)));
        let post = StarToBePosted { message: MessageId(5), channel: ChannelId(60), post: MessageId(50) };
        assert_eq!(told(&posted(world.at(3), &post, after(&gone))).act, StarAct::Remove);
        assert!(posted(world.at(3), &post, None).facts.is_empty(), "nobody starred it");
    }

    #[test]
    fn a_post_that_never_arrives_is_asked_for_again() {
        let world = world(1);
        let first = told(&changed(world.at(1), &star(1, true), None, false));
        let late = told(&changed(world.at(1 + POSTING_MS), &star(2, true), after(&first), false));
        assert_eq!(late.act, StarAct::Post);
    }
}
