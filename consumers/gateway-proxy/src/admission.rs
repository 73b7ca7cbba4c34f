//! Whether a client may have what its IDENTIFY asks for. Pure.

use miso_model::HandlerGroup;
use serde::Deserialize;

use crate::home::{Slice, Wishes};
use crate::payload::Identify;
use crate::{close_code, intents};

/// Flags of an application that Discord has approved for a privileged intent, limited or not.
const MEMBERS_FLAGS: u64 = 1 << 14 | 1 << 15;
const CONTENT_FLAGS: u64 = 1 << 18 | 1 << 19;

/// Intents that the upstream connection has when it takes what it can: all that need no approval, and
/// those that the application's flags allow. Presences are off.
pub(crate) fn automatic_intents(application: Option<&[u8]>) -> u32 {
    #[derive(Deserialize)]
    struct Application {
        #[serde(default)]
        flags: u64,
    }
    let unprivileged = intents::ALL & !intents::PRIVILEGED;
    let Some(Ok(Application { flags })) = application.map(serde_json::from_slice) else {
        return unprivileged | intents::GUILD_MEMBERS | intents::MESSAGE_CONTENT;
    };
    let allowed = |bits: u64, intent: u32| if flags & bits == 0 { 0 } else { intent };
    unprivileged | allowed(MEMBERS_FLAGS, intents::GUILD_MEMBERS) | allowed(CONTENT_FLAGS, intents::MESSAGE_CONTENT)
}

/// What the client gets, or the close code and words.
pub(crate) fn admit(
    identify: &Identify,
    version: i32,
    group: &HandlerGroup,
    upstream: u32,
) -> Result<Wishes, (u16, &'static str)> {
    let slice = match identify.shard {
        _ if identify.shard_is_malformed => None,
        None => Some(Slice::WHOLE),
        Some((index, count)) => Slice::new(index, count).filter(|_| i32::try_from(count).is_ok()),
    };
    let slice = slice.ok_or((close_code::INVALID_SHARD, "shard must be [i, n] with 0 <= i < n"))?;
    let invalid = (close_code::INVALID_INTENTS, "intents must be bits that Discord documents");
    let wanted = identify.intents.and_then(|wanted| u32::try_from(wanted).ok()).ok_or(invalid)?;
    if wanted & !intents::ALL != 0 {
        return Err(invalid);
    }
    let granted = group.intents.map_or(u32::MAX, |granted| u32::try_from(granted).unwrap_or(0));
    if wanted & !granted != 0 || wanted & intents::PRIVILEGED & !upstream != 0 {
        return Err((close_code::DISALLOWED_INTENTS, "the group or the bot does not have these intents"));
    }
    let large_threshold = identify.large_threshold;
    Ok(Wishes { shard: identify.shard, slice, intents: wanted, version, large_threshold })
}

#[cfg(test)]
mod tests {
    use miso_model::{Balance, GroupStart};

    use super::*;

    fn group(intents: Option<i64>) -> HandlerGroup {
        HandlerGroup {
            name: "g".to_owned(),
            secrets: Vec::new(),
            start: GroupStart::Latest,
            intents,
            ack_grace_ms: 0,
            resume_grace_ms: 0,
            accept_wait_ms: None,
            balance: Balance::Guild,
            events: Vec::new(),
            created_ms: 0,
        }
    }

    fn identify(intents: Option<u64>, shard: Option<(i64, i64)>) -> Identify {
        Identify {
            token: "t".to_owned(),
            intents,
            shard,
            shard_is_malformed: false,
            compress: false,
            large_threshold: 50,
        }
    }

    fn code(identify: &Identify, group: &HandlerGroup) -> Option<u16> {
        let upstream = intents::ALL & !intents::GUILD_PRESENCES;
        admit(identify, 10, group, upstream).err().map(|(code, _)| code)
    }

    #[test]
    fn each_wrong_wish_has_its_code() {
        let open = group(None);
        assert_eq!(code(&identify(Some(513), None), &open), None);
        assert_eq!(code(&identify(Some(513), Some((3, 4))), &open), None);
        assert_eq!(code(&identify(Some(513), Some((4, 4))), &open), Some(4010));
        assert_eq!(code(&identify(Some(513), Some((-1, 4))), &open), Some(4010));
        assert_eq!(code(&identify(Some(513), Some((0, 0))), &open), Some(4010));
        assert_eq!(code(&identify(None, None), &open), Some(4013));
        assert_eq!(code(&identify(Some(1 << 18), None), &open), Some(4013));
        assert_eq!(code(&identify(Some(1 << 40), None), &open), Some(4013));
        assert_eq!(code(&identify(Some(u64::from(intents::GUILD_PRESENCES)), None), &open), Some(4014));
        assert_eq!(code(&identify(Some(513), None), &group(Some(1))), Some(4014));
        let malformed = Identify { shard_is_malformed: true, ..identify(Some(1), None) };
        assert_eq!(code(&malformed, &open), Some(4010));
    }

    #[test]
    fn upstream_intents_follow_the_applications_flags() {
        assert_eq!(automatic_intents(Some(br#"{"id":"1","flags":0}"#)) & intents::PRIVILEGED, 0);
        let content = format!(r#"{{"id":"1","flags":{}}}"#, 1 << 19);
        assert_eq!(automatic_intents(Some(content.as_bytes())) & intents::PRIVILEGED, intents::MESSAGE_CONTENT);
        assert_eq!(automatic_intents(Some(br#"{"flags":8953856}"#)) & intents::GUILD_PRESENCES, 0);
    }
}
