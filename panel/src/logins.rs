//! Logins that were ended before their cookie: one by one, or all that began before a moment. The
//! truth is the module `logins` of their user; what was read of it holds for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use miso_model::UserId;
use serde_json::{Map, Value, json};

use crate::clients::{As, ClientError, CommandsClient, ModuleValues, Owner};
use crate::routes::oneself;
use crate::session::Session;

/// How long what was read holds: so late, at most, another process notices that a login was ended.
/// The one that ended it knows at once.
pub const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How long a page waits for that word, at most; then the last one holds.
const LOOK_PATIENCE: Duration = Duration::from_secs(3);
/// Users whose ended logins are remembered; of more, the one that was looked up first is forgotten
/// and read again.
pub const KNOWN_USERS: usize = 4_096;
/// Logins of a user that are ended one by one, remembered; of more, the oldest is forgotten, and a
/// copy of its cookie lives until its token ends or all are ended.
pub const ENDED_ONES: usize = 50;
/// Attempts at writing while others write too, at most.
const ATTEMPTS: usize = 4;
/// The user module.
const MODULE: &str = "logins";

/// What a user has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ended {
    /// Logins that began at or before this are over; Unix milliseconds.
    before_ms: i64,
    /// Ids of further ones.
    ones: Vec<String>,
}

impl Ended {
    fn read(values: &Map<String, Value>) -> Self {
        let ones = values.get("ended").and_then(Value::as_array).into_iter().flatten();
        Self {
            before_ms: values.get("ended_before_ms").and_then(Value::as_i64).unwrap_or(0),
            ones: ones.filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }

    /// A cookie from before logins could be ended has no beginning: the first end of all ends it.
    fn holds(&self, session: &Session) -> bool {
        (self.before_ms == 0 || session.started_ms > self.before_ms) && !self.ones.contains(&session.id)
    }
}

#[derive(Debug, Default)]
struct Known {
    by_user: HashMap<UserId, (Instant, Ended)>,
    order: VecDeque<UserId>,
}

/// Which logins hold.
#[derive(Debug, Default)]
pub(crate) struct Logins(Mutex<Known>);

impl Logins {
    /// Whether a login was not ended. With the commands API away the last word holds, and where there
    /// is none, the cookie: nothing can be changed meanwhile, and the tokens inside are Discord's to end.
    pub(crate) async fn holds(&self, commands: &CommandsClient, session: &Session) -> bool {
        let known = self.known(session.user);
        if let Some((at, ended)) = &known
            && at.elapsed() < LOOK_AGAIN
        {
            return ended.holds(session);
        }
        match tokio::time::timeout(LOOK_PATIENCE, read(commands, session)).await {
            Ok(Ok(values)) => {
                let ended = Ended::read(&values.values);
                let holds = ended.holds(session);
                self.learn(session.user, ended);
                holds
            }
            Ok(Err(_)) | Err(_) => known.is_none_or(|(_, ended)| ended.holds(session)),
        }
    }

    /// Ends one login.
    pub(crate) async fn end_one(&self, commands: &CommandsClient, session: &Session) -> Result<(), ClientError> {
        self.write(commands, session, |ended| {
            ended.ones.retain(|one| *one != session.id);
            let surplus = (ended.ones.len() + 1).saturating_sub(ENDED_ONES);
            ended.ones.drain(..surplus);
            ended.ones.push(session.id.clone());
        })
        .await
    }

    /// Ends all logins of a user that began at `now_ms` or before.
    pub(crate) async fn end_all(
        &self,
        commands: &CommandsClient,
        session: &Session,
        now_ms: i64,
    ) -> Result<(), ClientError> {
        self.write(commands, session, |ended| {
            ended.before_ms = ended.before_ms.max(now_ms);
            ended.ones.clear();
        })
        .await
    }

    async fn write(
        &self,
        commands: &CommandsClient,
        session: &Session,
        change: impl Fn(&mut Ended),
    ) -> Result<(), ClientError> {
        let by = oneself(session);
        let mut attempt = 1;
        loop {
            let now = read(commands, session).await?;
            let mut ended = Ended::read(&now.values);
            change(&mut ended);
            let set = json!({"ended_before_ms": ended.before_ms, "ended": ended.ones});
            let Value::Object(set) = set else { return Ok(()) };
            match commands.change(&by, Owner::User(session.user), MODULE, now.version, &set).await {
                Ok(_) => {
                    self.learn(session.user, ended);
                    return Ok(());
                }
                Err(error) if error.status() == Some(409) && attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn known(&self, user: UserId) -> Option<(Instant, Ended)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_user.get(&user).cloned()
    }

    fn learn(&self, user: UserId, ended: Ended) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.by_user.insert(user, (Instant::now(), ended)).is_none() {
            known.order.push_back(user);
            if known.order.len() > KNOWN_USERS
                && let Some(first) = known.order.pop_front()
            {
                known.by_user.remove(&first);
            }
        }
    }
}

async fn read(commands: &CommandsClient, session: &Session) -> Result<ModuleValues, ClientError> {
    let by: As = oneself(session);
    commands.module(&by, Owner::User(session.user), MODULE).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, started_ms: i64) -> Session {
        Session {
            id: id.to_owned(),
            user: UserId(1),
            name: String::new(),
            avatar: None,
            access: String::new(),
            refresh: String::new(),
            expires_s: 0,
            started_ms,
            csrf: String::new(),
        }
    }

    #[test]
    fn a_login_holds_until_it_is_ended_itself_or_with_all_before_it() {
        let none = Ended::read(&Map::new());
        assert!(none.holds(&session("a", 0)) && none.holds(&session("b", 7)));
        let values = json!({"ended_before_ms": 10, "ended": ["c"]});
        let ended = Ended::read(values.as_object().expect("an object"));
        assert!(!ended.holds(&session("a", 0)) && !ended.holds(&session("b", 10)));
        assert!(ended.holds(&session("b", 11)) && !ended.holds(&session("c", 11)));
    }

    #[test]
    fn only_so_many_users_are_remembered() {
        let logins = Logins::default();
        for user in 0..KNOWN_USERS as u64 + 5 {
            logins.learn(UserId(user), Ended::default());
        }
        assert!(logins.known(UserId(4)).is_none() && logins.known(UserId(5)).is_some());
        assert_eq!(logins.0.lock().expect("whole").by_user.len(), KNOWN_USERS);
    }
}
