use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use miso_log::{Append, AppendError, LogError, OffsetCommit, ReadError, Schemas, SharedLog, catalogue};
use miso_model::{Balance, GroupStart, HandlerGroup, LogRecord};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::consumer_group;
use crate::credential::{self, Credential};
use crate::follow::{self, ByName};

/// Handler groups of one deployment, at most; one more is refused.
pub const MAX_GROUPS: usize = 256;
/// How long a connection must live on after a heartbeat before what it acknowledges is committed.
const ACK_GRACE_MS: i64 = 2_000;
/// How long the guilds of a dropped connection wait for its RESUME.
const RESUME_GRACE_MS: i64 = 10_000;
/// Predicted wait of a REST request beyond which it is answered 429.
const ACCEPT_WAIT_MS: i64 = 8_000;
/// Bytes of a group's name, at most.
const MAX_NAME_BYTES: usize = 40;

/// A group could not be read or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GroupError {
    /// The name cannot be one.
    #[error("{0:?} cannot be a group's name: 1 to 40 of a-z, 0-9 and -")]
    Name(String),
    /// There is one already.
    #[error("group {0} is there already; `rotate` gives it a new secret")]
    Exists(String),
    /// There is none.
    #[error("there is no group {0}")]
    Unknown(String),
    /// [`MAX_GROUPS`] are there.
    #[error("there are {MAX_GROUPS} groups, the most there can be; remove one first")]
    TooMany,
    /// The log could not take the change; nothing changed.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log could not be asked.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log could not be read.
    #[error(transparent)]
    Read(ReadError),
}

/// A group declared by configuration; its bare secret is a credential too.
struct Declared {
    name: String,
    sha256: [u8; 32],
}

/// All handler groups, kept current. Cheap to ask: no I/O but for changes.
pub struct Groups {
    log: SharedLog,
    groups: Arc<watch::Sender<ByName>>,
    /// One past the last offset of `proxy.groups` that is in `groups`.
    seen: watch::Receiver<i64>,
    declared: Vec<Declared>,
    /// Changes are made one at a time.
    changing: tokio::sync::Mutex<()>,
    _follow: AbortOnDropHandle<()>,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Groups({} known)", self.groups.borrow().len())
    }
}

impl Groups {
    /// Reads `proxy.groups` to its end and follows it until `cancel`. Groups declared as (name,
    /// secret) are made if they are not there; one that is there with another secret takes the
    /// declared one, and keeps its last one beside it.
    ///
    /// # Errors
    /// [`GroupError::Name`] for a declared name that cannot be one; else the log's error.
    pub async fn start(
        log: SharedLog,
        declared: Vec<(String, String)>,
        cancel: CancellationToken,
    ) -> Result<Arc<Self>, GroupError> {
        for (name, _) in &declared {
            check_name(name)?;
        }
        let schemas = Schemas::open(Arc::clone(&log)).await?;
        let (known, reader) = follow::read_all(&log, &schemas, now_ms()).await?;
        let groups = Arc::new(watch::Sender::new(known));
        let following = Arc::clone(&groups);
        let (tell, seen) = watch::channel(0);
        let follow = tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = follow::follow(reader, schemas, following, tell) => {}
            }
        });
        let this = Arc::new(Self {
            log,
            groups,
            seen,
            declared: declared
                .iter()
                .map(|(name, secret)| Declared { name: name.clone(), sha256: Sha256::digest(secret).into() })
                .collect(),
            changing: tokio::sync::Mutex::new(()),
            _follow: AbortOnDropHandle::new(follow),
        });
        for (name, secret) in &declared {
            this.declare(name, secret).await?;
        }
        Ok(this)
    }

    /// The group whose credential this is, with `Bot ` in front or not. The bare secret of a declared
    /// group is one too.
    #[must_use]
    pub fn authenticate(&self, text: &str) -> Option<Arc<HandlerGroup>> {
        let credential = Credential::parse(text)?;
        if let (Some(name), Some((_, secret))) = (credential.group(), credential.parts)
            && let Some(group) = self.group(&name)
        {
            return credential::is_one_of(&group.secrets, secret).then_some(group);
        }
        let given: [u8; 32] = Sha256::digest(credential.whole).into();
        let mut found = None;
        for declared in &self.declared {
            if bool::from(declared.sha256.ct_eq(&given)) {
                found = Some(&declared.name);
            }
        }
        self.group(found?)
    }

    /// The group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<Arc<HandlerGroup>> {
        self.groups.borrow().get(name).cloned()
    }

    /// All groups, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<HandlerGroup>> {
        self.groups.borrow().values().cloned().collect()
    }

    /// Is marked as changed whenever a group is made, changed or removed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<std::collections::BTreeMap<String, Arc<HandlerGroup>>> {
        self.groups.subscribe()
    }

    /// Makes a group that begins with the events from now on (`earliest`: with the oldest that are
    /// kept). Answers its credential, the only time that it can be seen.
    ///
    /// # Errors
    /// [`GroupError::Name`], [`GroupError::Exists`], [`GroupError::TooMany`], or the log's.
    pub async fn add(&self, name: &str, earliest: bool) -> Result<String, GroupError> {
        check_name(name)?;
        let _changing = self.changing.lock().await;
        if self.group(name).is_some() {
            return Err(GroupError::Exists(name.to_owned()));
        }
        let secret = credential::new_secret(&mut rand::rng());
        let start = if earliest { GroupStart::Earliest } else { GroupStart::Latest };
        self.create(name, &secret, start).await?;
        Ok(credential::credential(0, name, &secret))
    }

    /// Gives a group a new secret; the one before stays valid until the next rotation.
    ///
    /// # Errors
    /// [`GroupError::Unknown`], or the log's.
    pub async fn rotate(&self, name: &str) -> Result<String, GroupError> {
        let _changing = self.changing.lock().await;
        let group = self.group(name).ok_or_else(|| GroupError::Unknown(name.to_owned()))?;
        let secret = credential::new_secret(&mut rand::rng());
        self.take_secret(&group, &secret).await?;
        Ok(credential::credential(0, name, &secret))
    }

    /// Ends a group: its handlers can connect no more.
    ///
    /// # Errors
    /// [`GroupError::Unknown`], or the log's.
    pub async fn remove(&self, name: &str) -> Result<(), GroupError> {
        let _changing = self.changing.lock().await;
        if self.group(name).is_none() {
            return Err(GroupError::Unknown(name.to_owned()));
        }
        self.append(Append::tombstone(catalogue::PROXY_GROUPS, 0, name.to_owned(), now_ms())).await
    }

    async fn declare(&self, name: &str, secret: &str) -> Result<(), GroupError> {
        let _changing = self.changing.lock().await;
        match self.group(name) {
            None => self.create(name, secret, GroupStart::Latest).await,
            Some(group) if credential::is_one_of(&group.secrets, secret) => Ok(()),
            Some(group) => self.take_secret(&group, secret).await,
        }
    }

    /// The start is committed before the group can be seen: a group in the topic has a position in
    /// every partition.
    async fn create(&self, name: &str, secret: &str, start: GroupStart) -> Result<(), GroupError> {
        if self.groups.borrow().len() >= MAX_GROUPS {
            return Err(GroupError::TooMany);
        }
        let topic = catalogue::GATEWAY_EVENTS;
        let mut offsets = Vec::new();
        for partition in 0..topic.partitions {
            let bounds = self.log.bounds(topic, partition).await?;
            let next = if start == GroupStart::Earliest { bounds.earliest } else { bounds.latest };
            offsets.push(OffsetCommit { group: consumer_group(name), topic, partition, next });
        }
        self.log.commit(offsets).await?;
        let created_ms = now_ms();
        let group = HandlerGroup {
            name: name.to_owned(),
            secrets: vec![credential::hashed(secret, created_ms, &mut rand::rng())],
            start,
            intents: None,
            ack_grace_ms: ACK_GRACE_MS,
            resume_grace_ms: RESUME_GRACE_MS,
            accept_wait_ms: Some(ACCEPT_WAIT_MS),
            balance: Balance::Guild,
            events: Vec::new(),
            created_ms,
        };
        self.write(group).await
    }

    async fn take_secret(&self, group: &HandlerGroup, secret: &str) -> Result<(), GroupError> {
        let mut group = group.clone();
        group.secrets.insert(0, credential::hashed(secret, now_ms(), &mut rand::rng()));
        group.secrets.truncate(2);
        self.write(group).await
    }

    /// Writes a group as it shall be and waits until this process sees that (or what another process
    /// has made of it since).
    ///
    /// # Errors
    /// The log's.
    pub async fn write(&self, group: HandlerGroup) -> Result<(), GroupError> {
        let bytes = group.to_bytes();
        let record = Append::keyed(catalogue::PROXY_GROUPS, 0, group.name.clone(), bytes, now_ms());
        self.append(record).await
    }

    async fn append(&self, record: Append) -> Result<(), GroupError> {
        let offsets = self.log.append(vec![record]).await?;
        let offset = offsets.first().copied().unwrap_or_default();
        let mut seen = self.seen.clone();
        seen.wait_for(|next| *next > offset).await.map(|_| ()).map_err(|_| GroupError::Log(LogError::Closed))
    }
}

fn check_name(name: &str) -> Result<(), GroupError> {
    let fits = !name.is_empty()
        && name.len() <= MAX_NAME_BYTES
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fits { Ok(()) } else { Err(GroupError::Name(name.to_owned())) }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
