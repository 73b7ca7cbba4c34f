//! Which partitions a member owns, and under which membership. Pure: time and Kafka are outside.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The owners of a membership and the group metadata that fences them; the two always change
/// together, so a transaction never carries an owner with a membership in which it was not one.
///
/// `M` is what the broker checks: member id and generation.
#[derive(Debug)]
pub(super) struct Assignment<M> {
    /// Partition → the generation of its [`Owner`](crate::Owner).
    owners: BTreeMap<i32, u64>,
    metadata: Option<Arc<M>>,
    /// Counts changes, so that who waits for one sees it.
    version: u64,
    next_generation: u64,
    closed: bool,
}

impl<M> Default for Assignment<M> {
    fn default() -> Self {
        Self { owners: BTreeMap::new(), metadata: None, version: 0, next_generation: 1, closed: false }
    }
}

impl<M> Assignment<M> {
    /// The member goes on under new metadata (`None`: it is no member now).
    pub(super) fn renew(&mut self, metadata: Option<Arc<M>>) {
        self.metadata = metadata;
        self.version += 1;
    }

    /// New owners; their generations are greater than all before. Nobody owns anything in a closed
    /// assignment.
    pub(super) fn assign(&mut self, partitions: &[i32]) -> Vec<(i32, u64)> {
        self.version += 1;
        if self.closed {
            return Vec::new();
        }
        let mut assigned = Vec::with_capacity(partitions.len());
        for &partition in partitions {
            let generation = self.next_generation;
            self.next_generation += 1;
            self.owners.insert(partition, generation);
            assigned.push((partition, generation));
        }
        assigned
    }

    /// Fences owners; answers those partitions that had one.
    pub(super) fn fence(&mut self, partitions: &[i32]) -> Vec<i32> {
        self.version += 1;
        partitions.iter().copied().filter(|partition| self.owners.remove(partition).is_some()).collect()
    }

    /// Fences everybody, for good.
    pub(super) fn close(&mut self) {
        self.owners.clear();
        self.metadata = None;
        self.version += 1;
        self.closed = true;
    }

    pub(super) fn is_current(&self, partition: i32, generation: u64) -> bool {
        self.owners.get(&partition) == Some(&generation)
    }

    pub(super) fn metadata(&self) -> Option<Arc<M>> {
        self.metadata.clone()
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_current_until_fenced_and_never_again() {
        let mut assignment = Assignment::<u8>::default();
        let first = assignment.assign(&[1, 2]);
        assert!(first.iter().all(|&(partition, generation)| assignment.is_current(partition, generation)));
        assert_eq!(assignment.fence(&[1, 7]), [1]);
        assert!(!assignment.is_current(1, first[0].1));
        let again = assignment.assign(&[1]);
        assert!(again[0].1 > first[1].1, "generations only grow");
        assert!(!assignment.is_current(1, first[0].1) && assignment.is_current(1, again[0].1));
        assert!(assignment.is_current(2, first[1].1), "others are untouched");
    }

    #[test]
    fn a_closed_assignment_owns_nothing_and_takes_nothing() {
        let mut assignment = Assignment::default();
        assignment.renew(Some(Arc::new(1_u8)));
        let owned = assignment.assign(&[3]);
        assignment.close();
        assert!(!assignment.is_current(3, owned[0].1));
        assert!(assignment.metadata().is_none());
        assert!(assignment.assign(&[3]).is_empty());
    }

    #[test]
    fn every_change_can_be_waited_for() {
        let mut assignment = Assignment::<u8>::default();
        let mut seen = assignment.version();
        let mut changed =
            |assignment: &Assignment<u8>| std::mem::replace(&mut seen, assignment.version()) != assignment.version();
        assignment.assign(&[0]);
        assert!(changed(&assignment));
        assignment.fence(&[0]);
        assert!(changed(&assignment));
        assignment.renew(None);
        assert!(changed(&assignment));
        assignment.close();
        assert!(changed(&assignment));
    }
}
