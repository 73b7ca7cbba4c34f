use std::collections::BTreeMap;

use crate::{
    Batch, LogError, Member, MemberEvent, OffsetCommit, Owner, ReadError, Reader, Revocation, SharedLog, Topic,
};

/// What a consumer meets.
#[derive(Debug)]
pub enum ConsumerEvent {
    /// A partition is ours; its records follow.
    Assigned(Owner),
    /// Told once: the group has given out its partitions, ours were [`ConsumerEvent::Assigned`] before.
    Joined,
    /// Records of owned partitions, in offset order per partition.
    Batch(Batch),
    /// A partition must be handed back; no more of its records follow.
    Revoked(Revocation),
    /// A partition is gone: commit nothing for it.
    Lost(i32),
    /// Retention removed records before the group read them: `from..to` of `partition` are lost to
    /// it. Goes on at `to`.
    Gap {
        /// The partition.
        partition: i32,
        /// The group's position.
        from: i64,
        /// The first offset that is there.
        to: i64,
    },
}

/// A member of a group that also reads what it owns, from the committed positions on. A partition
/// in which the group never committed is read from its beginning.
#[derive(Debug)]
pub struct Consumer {
    log: SharedLog,
    group: String,
    member: Member,
    reader: Reader,
    owners: BTreeMap<i32, Owner>,
    /// Assigned, its committed position not yet looked up.
    starting: Option<Owner>,
}

impl Consumer {
    /// Joins the group on one topic.
    ///
    /// # Errors
    /// As [`Log::join`](crate::Log::join).
    pub async fn join(log: SharedLog, group: &str, topic: Topic) -> Result<Self, LogError> {
        let member = log.join(group, topic).await?;
        let reader = log.reader(topic, &[]);
        let group = group.to_owned();
        Ok(Self { log, group, member, reader, owners: BTreeMap::new(), starting: None })
    }

    /// The owner of a partition, while it is ours.
    #[must_use]
    pub fn owner(&self, partition: i32) -> Option<&Owner> {
        self.owners.get(&partition)
    }

    /// The commit that moves this group's position in a partition.
    #[must_use]
    pub fn offset(&self, partition: i32, next: i64) -> OffsetCommit {
        OffsetCommit { group: self.group.clone(), topic: self.reader.topic(), partition, next }
    }

    /// Goes back (or forth) in a partition, such as after an aborted transaction.
    pub fn seek(&mut self, partition: i32, offset: i64) {
        if self.owners.contains_key(&partition) {
            self.reader.seek(partition, offset);
        }
    }

    /// The next event. Cancel-safe.
    ///
    /// # Errors
    /// [`LogError::Unavailable`]: call again after a while, nothing is lost.
    pub async fn next(&mut self) -> Result<ConsumerEvent, LogError> {
        loop {
            if let Some(owner) = &self.starting {
                let partition = owner.partition();
                let topic = self.reader.topic();
                let next = match self.log.committed(&self.group, topic, partition).await? {
                    Some(next) => next,
                    None => self.log.bounds(topic, partition).await?.earliest,
                };
                if let Some(owner) = self.starting.take() {
                    self.reader.seek(partition, next);
                    self.owners.insert(partition, owner.clone());
                    return Ok(ConsumerEvent::Assigned(owner));
                }
            }
            tokio::select! {
                biased;
                event = self.member.next() => match event? {
                    MemberEvent::Assigned(owner) => self.starting = Some(owner),
                    MemberEvent::Revoked(revocation) => {
                        self.forget(revocation.partition);
                        return Ok(ConsumerEvent::Revoked(revocation));
                    }
                    MemberEvent::Lost(partition) => {
                        self.forget(partition);
                        return Ok(ConsumerEvent::Lost(partition));
                    }
                    MemberEvent::Joined => return Ok(ConsumerEvent::Joined),
                },
                batch = self.reader.next() => match batch {
                    Ok(batch) => return Ok(ConsumerEvent::Batch(batch)),
                    Err(ReadError::BehindRetention { partition, wanted, earliest }) => {
                        return Ok(ConsumerEvent::Gap { partition, from: wanted, to: earliest });
                    }
                    Err(ReadError::Unavailable(reason)) => return Err(LogError::Unavailable(reason)),
                    Err(ReadError::Closed) => return Err(LogError::Closed),
                },
            }
        }
    }

    fn forget(&mut self, partition: i32) {
        self.owners.remove(&partition);
        self.reader.remove(partition);
    }
}
