//! One guild, and who may do what in it: each line of the table is a case.

use miso_model::{GuildId, Permissions as P, Snowflake, UserId};
use serde_json::json;

use super::{Channel, Member, NotAssignable, Role, Standing, assignable};

const GUILD: GuildId = GuildId(100);
const OWNER: UserId = UserId(1);
const ANN: UserId = UserId(2);
const NOW_MS: i64 = 1_000_000;

const EVERYONE: u64 = 100;
const MUTED: u64 = 10;
const MEMBER: u64 = 11;
const HELPER: u64 = 12;
const MOD: u64 = 13;
const ADMIN: u64 = 14;
const GONE: u64 = 99;

const TALK: P = P::VIEW_CHANNEL.and(P::SEND_MESSAGES).and(P::READ_MESSAGE_HISTORY);
const RICH: P = P::EMBED_LINKS.and(P::ATTACH_FILES);

fn given(role: u64) -> Option<P> {
    Some(match role {
        EVERYONE => TALK.and(P::ADD_REACTIONS),
        MUTED => P::NONE,
        MEMBER => RICH.and(P::CONNECT).and(P::SPEAK),
        HELPER => P::MANAGE_MESSAGES.and(P::SEND_MESSAGES_IN_THREADS),
        MOD => P::MANAGE_GUILD.and(P::MANAGE_THREADS).and(P::MANAGE_CHANNELS).and(P::MENTION_EVERYONE),
        ADMIN => P::ADMINISTRATOR,
        _ => return None,
    })
}

fn member(roles: &[u64], until_ms: Option<i64>) -> Member {
    Member { roles: roles.iter().copied().map(Snowflake).collect(), timed_out_until_ms: until_ms }
}

fn standing(user: UserId, roles: &[u64], until_ms: Option<i64>) -> Standing {
    Standing::new(GUILD, Some(OWNER), user, &member(roles, until_ms), given, NOW_MS)
}

/// `(role or member, id, allow, deny)`.
type Over = (&'static str, u64, P, P);

fn channel(kind: u8, overwrites: &[Over]) -> Channel {
    let overwrites: Vec<_> = overwrites
        .iter()
        .map(|(target, id, allow, deny)| {
            json!({"id": id.to_string(), "type": if *target == "role" { 0 } else { 1 },
                "allow": allow.0.to_string(), "deny": deny.0.to_string()})
        })
        .collect();
    serde_json::from_value(json!({"id": "500", "type": kind, "permission_overwrites": overwrites})).expect("a channel")
}

fn thread(kind: u8, owner: u64) -> Channel {
    serde_json::from_value(json!({"id": "600", "type": kind, "parent_id": "500", "owner_id": owner.to_string()}))
        .expect("a thread")
}

#[test]
fn in_the_guild() {
    let later = Some(NOW_MS + 1);
    type Case = (&'static str, UserId, &'static [u64], Option<i64>, P);
    let cases: &[Case] = &[
        ("the owner may everything", OWNER, &[], None, P::ALL),
        ("the owner is not held by a timeout", OWNER, &[], later, P::ALL),
        ("an owner with a role that gives nothing too", OWNER, &[MUTED], None, P::ALL),
        ("everyone's", ANN, &[], None, TALK.and(P::ADD_REACTIONS)),
        ("a role adds", ANN, &[HELPER], None, given(EVERYONE).unwrap().and(given(HELPER).unwrap())),
        (
            "roles add up",
            ANN,
            &[HELPER, MOD],
            None,
            given(EVERYONE).unwrap().and(given(HELPER).unwrap()).and(given(MOD).unwrap()),
        ),
        ("a role without bits takes nothing", ANN, &[MUTED], None, given(EVERYONE).unwrap()),
        ("a role that is gone gives nothing", ANN, &[GONE], None, given(EVERYONE).unwrap()),
        ("an administrator may everything", ANN, &[ADMIN], None, P::ALL),
        ("an administrator is not held by a timeout", ANN, &[ADMIN], later, P::ALL),
        ("a timeout leaves viewing and reading", ANN, &[MOD], later, P::VIEW_CHANNEL.and(P::READ_MESSAGE_HISTORY)),
        ("a timeout that ended holds nobody", ANN, &[], Some(NOW_MS), given(EVERYONE).unwrap()),
    ];
    for (name, user, roles, until, expected) in cases {
        assert_eq!(standing(*user, roles, *until).in_guild(), *expected, "{name}");
    }
}

struct Case {
    name: &'static str,
    user: UserId,
    roles: &'static [u64],
    until_ms: Option<i64>,
    kind: u8,
    overwrites: &'static [Over],
    has: P,
    lacks: P,
}

const fn case(name: &'static str, roles: &'static [u64], overwrites: &'static [Over], has: P, lacks: P) -> Case {
    Case { name, user: ANN, roles, until_ms: None, kind: 0, overwrites, has, lacks }
}

const HIDDEN: Over = ("role", EVERYONE, P::NONE, P::VIEW_CHANNEL);
const READ_ONLY: Over = ("role", EVERYONE, P::NONE, P::SEND_MESSAGES);

#[test]
fn in_a_channel() {
    let cases = [
        case("nothing overwritten", &[MEMBER], &[], TALK.and(RICH), P::MANAGE_MESSAGES),
        case("everyone is denied", &[], &[READ_ONLY], P::VIEW_CHANNEL, P::SEND_MESSAGES),
        case("everyone is allowed", &[], &[("role", EVERYONE, P::PIN_MESSAGES, P::NONE)], P::PIN_MESSAGES, P::NONE),
        case(
            "denied and allowed at once is allowed",
            &[],
            &[("role", EVERYONE, P::SEND_MESSAGES, P::SEND_MESSAGES)],
            P::SEND_MESSAGES,
            P::NONE,
        ),
        case(
            "a role is let in where everyone is not",
            &[MEMBER],
            &[HIDDEN, ("role", MEMBER, P::VIEW_CHANNEL, P::NONE)],
            TALK,
            P::NONE,
        ),
        case(
            "the order of the list does not matter",
            &[MEMBER],
            &[("role", MEMBER, P::VIEW_CHANNEL, P::NONE), HIDDEN],
            TALK,
            P::NONE,
        ),
        case(
            "a role that one has not lets nobody in",
            &[],
            &[HIDDEN, ("role", MEMBER, P::VIEW_CHANNEL, P::NONE)],
            P::NONE,
            P::ALL,
        ),
        case(
            "a role denies",
            &[MUTED],
            &[("role", MUTED, P::NONE, P::SEND_MESSAGES)],
            P::VIEW_CHANNEL,
            P::SEND_MESSAGES,
        ),
        case(
            "of two roles the allowing one wins",
            &[MUTED, MEMBER],
            &[("role", MUTED, P::NONE, P::SEND_MESSAGES), ("role", MEMBER, P::SEND_MESSAGES, P::NONE)],
            P::SEND_MESSAGES,
            P::NONE,
        ),
        case(
            "whichever stands first",
            &[MUTED, MEMBER],
            &[("role", MEMBER, P::SEND_MESSAGES, P::NONE), ("role", MUTED, P::NONE, P::SEND_MESSAGES)],
            P::SEND_MESSAGES,
            P::NONE,
        ),
        case(
            "roles come after everyone",
            &[MUTED],
            &[("role", MUTED, P::NONE, P::SEND_MESSAGES), ("role", EVERYONE, P::SEND_MESSAGES, P::NONE)],
            P::VIEW_CHANNEL,
            P::SEND_MESSAGES,
        ),
        case(
            "the member comes after the roles: allowed",
            &[MUTED],
            &[("role", MUTED, P::NONE, P::SEND_MESSAGES), ("member", ANN.0, P::SEND_MESSAGES, P::NONE)],
            P::SEND_MESSAGES,
            P::NONE,
        ),
        case(
            "the member comes after the roles: denied",
            &[MEMBER],
            &[("role", MEMBER, P::SEND_MESSAGES, P::NONE), ("member", ANN.0, P::NONE, P::SEND_MESSAGES)],
            P::VIEW_CHANNEL,
            P::SEND_MESSAGES,
        ),
        case("another member's is not one's own", &[], &[("member", 77, P::NONE, P::SEND_MESSAGES)], TALK, P::NONE),
        case(
            "a role's overwrite is not a member's of the same id",
            &[],
            &[("role", ANN.0, P::NONE, P::SEND_MESSAGES)],
            TALK,
            P::NONE,
        ),
        case(
            "a member's overwrite is not a role's of the same id",
            &[MUTED],
            &[("member", MUTED, P::NONE, P::SEND_MESSAGES)],
            TALK,
            P::NONE,
        ),
        case("who does not see it has nothing in it", &[MOD], &[HIDDEN], P::NONE, P::ALL),
        case(
            "who cannot send cannot embed, attach, speak or mention",
            &[MEMBER, MOD],
            &[READ_ONLY],
            P::MANAGE_CHANNELS,
            RICH.and(P::MENTION_EVERYONE).and(P::SEND_TTS_MESSAGES),
        ),
        case(
            "embedding can be denied alone",
            &[MEMBER],
            &[("role", MEMBER, P::NONE, P::EMBED_LINKS)],
            P::ATTACH_FILES,
            P::EMBED_LINKS,
        ),
        case(
            "an administrator is not held by overwrites",
            &[ADMIN],
            &[HIDDEN, ("member", ANN.0, P::NONE, P::ALL)],
            P::ALL,
            P::NONE,
        ),
        case(
            "an overwrite does not make an administrator of the guild",
            &[],
            &[("role", EVERYONE, P::NONE, P::ADD_REACTIONS)],
            TALK,
            P::MANAGE_GUILD.and(P::ADD_REACTIONS),
        ),
        case("what roles give is given in all channels", &[HELPER], &[], P::MANAGE_MESSAGES, P::NONE),
        case(
            "managing messages can be given in one channel",
            &[],
            &[("member", ANN.0, P::MANAGE_MESSAGES, P::NONE)],
            P::MANAGE_MESSAGES,
            P::NONE,
        ),
        Case {
            user: OWNER,
            ..case(
                "the owner is not held by overwrites",
                &[],
                &[HIDDEN, ("member", OWNER.0, P::NONE, P::ALL)],
                P::ALL,
                P::NONE,
            )
        },
        Case {
            until_ms: Some(NOW_MS + 1),
            ..case(
                "a timeout leaves viewing and reading",
                &[MOD],
                &[],
                P::VIEW_CHANNEL.and(P::READ_MESSAGE_HISTORY),
                P::SEND_MESSAGES.and(P::MANAGE_CHANNELS),
            )
        },
        Case {
            until_ms: Some(NOW_MS + 1),
            ..case("a timeout does not open what is hidden", &[], &[HIDDEN], P::NONE, P::ALL)
        },
        Case {
            until_ms: Some(NOW_MS + 1),
            ..case(
                "a timeout is stronger than the member's overwrite",
                &[],
                &[("member", ANN.0, P::SEND_MESSAGES, P::NONE)],
                P::VIEW_CHANNEL,
                P::SEND_MESSAGES,
            )
        },
        Case {
            until_ms: Some(NOW_MS + 1),
            ..case("a timeout does not hold an administrator", &[ADMIN], &[], P::SEND_MESSAGES, P::NONE)
        },
        Case {
            until_ms: Some(NOW_MS - 1),
            ..case("a timeout that ended holds nobody", &[], &[], P::SEND_MESSAGES, P::NONE)
        },
        Case {
            kind: 2,
            ..case(
                "who may not connect cannot speak or manage the voice channel",
                &[MEMBER, MOD],
                &[("role", EVERYONE, P::NONE, P::NONE), ("role", MEMBER, P::NONE, P::CONNECT)],
                P::VIEW_CHANNEL,
                P::SPEAK.and(P::MANAGE_CHANNELS),
            )
        },
        Case { kind: 2, ..case("who may connect speaks", &[MEMBER], &[], P::CONNECT.and(P::SPEAK), P::NONE) },
        Case {
            kind: 0,
            ..case(
                "connecting means nothing in a text channel",
                &[MOD],
                &[("role", EVERYONE, P::NONE, P::CONNECT)],
                P::MANAGE_CHANNELS,
                P::CONNECT,
            )
        },
        Case { kind: 4, ..case("a category is a channel like others", &[], &[HIDDEN], P::NONE, P::ALL) },
    ];
    for case in &cases {
        let got = standing(case.user, case.roles, case.until_ms).in_channel(&channel(case.kind, case.overwrites));
        assert_eq!(got.0 & case.has.0, case.has.0, "{}: lacks {:?}", case.name, P(case.has.0 & !got.0).names());
        assert_eq!(got.0 & case.lacks.0, 0, "{}: has {:?}", case.name, P(got.0 & case.lacks.0).names());
    }
}

#[test]
fn in_a_thread() {
    let threads = P::SEND_MESSAGES_IN_THREADS;
    // Roles, the parent's overwrites, the thread's type, who began it, whether one joined, has, lacks.
    type Case = (&'static str, &'static [u64], &'static [Over], u8, u64, bool, P, P);
    let cases: &[Case] = &[
        ("its parent's, sending by its own bit", &[HELPER], &[], 11, 9, false, TALK.and(threads), P::NONE),
        ("sending in the parent is not sending in it", &[], &[], 11, 9, false, P::VIEW_CHANNEL, P::SEND_MESSAGES),
        ("who cannot send in it cannot embed", &[MEMBER], &[], 11, 9, false, P::VIEW_CHANNEL, RICH),
        ("who is mute in the parent may speak in it", &[HELPER], &[READ_ONLY], 11, 9, false, P::SEND_MESSAGES, P::NONE),
        ("a hidden parent hides it", &[HELPER], &[HIDDEN], 11, 9, true, P::NONE, P::ALL),
        ("an announcement's thread is like a public one", &[HELPER], &[], 10, 9, false, P::SEND_MESSAGES, P::NONE),
        ("a private one is hidden from others", &[HELPER], &[], 12, 9, false, P::NONE, P::ALL),
        ("a private one is there for its members", &[HELPER], &[], 12, 9, true, P::SEND_MESSAGES, P::NONE),
        ("a private one is there for who began it", &[HELPER], &[], 12, ANN.0, false, P::SEND_MESSAGES, P::NONE),
        ("a private one is there for who manages threads", &[MOD], &[], 12, 9, false, P::VIEW_CHANNEL, P::NONE),
        ("a private one is there for administrators", &[ADMIN], &[HIDDEN], 12, 9, false, P::ALL, P::NONE),
    ];
    for (name, roles, overwrites, kind, owner, joined, has, lacks) in cases {
        let got = standing(ANN, roles, None).in_thread(&channel(0, overwrites), &thread(*kind, *owner), *joined);
        assert_eq!(got.0 & has.0, has.0, "{name}: lacks {:?}", P(has.0 & !got.0).names());
        assert_eq!(got.0 & lacks.0, 0, "{name}: has {:?}", P(got.0 & lacks.0).names());
    }
}

#[test]
fn which_roles_can_be_given() {
    let role =
        |id: u64, position: i64, managed: bool| Role { id: Snowflake(id), position, permissions: P::NONE, managed };
    let manager = |_| Some(P::MANAGE_ROLES);
    let able = Standing::new(GUILD, Some(OWNER), ANN, &member(&[], None), manager, NOW_MS);
    let unable = standing(ANN, &[MOD], None);
    let top = role(50, 5, true);
    let cases = [
        ("everyone's", role(GUILD.0, 0, false), &able, false, Some(&top), Err(NotAssignable::Everyone)),
        ("an integration's", role(60, 1, true), &able, false, Some(&top), Err(NotAssignable::Managed)),
        ("an integration's, by the owner", role(60, 1, true), &able, true, Some(&top), Err(NotAssignable::Managed)),
        ("without the permission", role(60, 1, false), &unable, false, Some(&top), Err(NotAssignable::NoManageRoles)),
        ("one below", role(60, 4, false), &able, false, Some(&top), Ok(())),
        ("one above", role(60, 6, false), &able, false, Some(&top), Err(NotAssignable::Above)),
        ("one's highest itself", role(50, 5, false), &able, false, Some(&top), Err(NotAssignable::Above)),
        ("at one height, the younger is lower", role(51, 5, false), &able, false, Some(&top), Ok(())),
        ("at one height, the older is higher", role(49, 5, false), &able, false, Some(&top), Err(NotAssignable::Above)),
        ("without a role of one's own", role(60, 1, false), &able, false, None, Err(NotAssignable::Above)),
        ("the owner is above all", role(60, 9, false), &able, true, None, Ok(())),
    ];
    for (name, role, standing, is_owner, highest, expected) in cases {
        assert_eq!(assignable(GUILD, &role, standing, is_owner, highest), expected, "{name}");
    }
}
