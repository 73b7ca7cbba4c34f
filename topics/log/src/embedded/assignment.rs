//! Who owns which partition of a group: sticky, level, moved only through revocation. Pure.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    Owned(u64),
    /// Being handed back by its member.
    Revoking(u64),
}

/// What must happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Assign { member: u64, partition: i32 },
    Revoke { member: u64, partition: i32 },
}

/// The partitions of a group and its members, by joining order.
#[derive(Debug)]
pub(super) struct Assignment {
    slots: Vec<Slot>,
    members: Vec<u64>,
}

impl Assignment {
    pub(super) fn new(partitions: usize) -> Self {
        Self { slots: vec![Slot::Free; partitions], members: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn join(&mut self, member: u64) {
        self.members.push(member);
    }

    /// The member is gone; answers the partitions it had, which are free now.
    pub(super) fn leave(&mut self, member: u64) -> Vec<i32> {
        self.members.retain(|&other| other != member);
        let mut freed = Vec::new();
        for (partition, slot) in (0..).zip(&mut self.slots) {
            if matches!(*slot, Slot::Owned(of) | Slot::Revoking(of) if of == member) {
                *slot = Slot::Free;
                freed.push(partition);
            }
        }
        freed
    }

    /// A member let a revoked partition go, or its time is over. Answers whether it was so.
    pub(super) fn released(&mut self, member: u64, partition: i32) -> bool {
        match usize::try_from(partition).ok().and_then(|partition| self.slots.get_mut(partition)) {
            Some(slot) if *slot == Slot::Revoking(member) => {
                *slot = Slot::Free;
                true
            }
            _ => false,
        }
    }

    /// Moves towards level shares: everybody within one of everybody else, the fewest moves.
    pub(super) fn rebalance(&mut self) -> Vec<Step> {
        if self.members.is_empty() {
            return Vec::new();
        }
        let mut owned: BTreeMap<u64, usize> = self.members.iter().map(|&member| (member, 0)).collect();
        for slot in &self.slots {
            if let Slot::Owned(member) = slot {
                *owned.entry(*member).or_default() += 1;
            }
        }
        let share = self.slots.len() / self.members.len();
        let extra = self.slots.len() % self.members.len();
        let mut by_owned = self.members.clone();
        by_owned.sort_by_key(|member| std::cmp::Reverse(owned[member]));
        let quota: BTreeMap<u64, usize> =
            by_owned.iter().enumerate().map(|(at, &member)| (member, share + usize::from(at < extra))).collect();

        let mut steps = Vec::new();
        for (partition, slot) in (0_i32..).zip(&mut self.slots).collect::<Vec<_>>().into_iter().rev() {
            let Slot::Owned(member) = *slot else { continue };
            let Some(count) = owned.get_mut(&member) else { continue };
            if *count > quota[&member] {
                *count -= 1;
                *slot = Slot::Revoking(member);
                steps.push(Step::Revoke { member, partition });
            }
        }
        for (partition, slot) in (0..).zip(&mut self.slots) {
            if *slot != Slot::Free {
                continue;
            }
            let below = self.members.iter().copied().filter(|member| owned[member] < quota[member]);
            let Some(member) = below.min_by_key(|member| owned[member]) else { break };
            *owned.entry(member).or_default() += 1;
            *slot = Slot::Owned(member);
            steps.push(Step::Assign { member, partition });
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_second_member_gets_half_and_the_first_keeps_the_rest() {
        let mut group = Assignment::new(4);
        group.join(1);
        assert_eq!(group.rebalance().len(), 4);
        group.join(2);
        let steps = group.rebalance();
        assert_eq!(steps, [Step::Revoke { member: 1, partition: 3 }, Step::Revoke { member: 1, partition: 2 }]);
        assert!(group.rebalance().is_empty(), "nothing is given before it is released");
        assert!(group.released(1, 3));
        assert!(!group.released(1, 3), "once");
        assert_eq!(group.rebalance(), [Step::Assign { member: 2, partition: 3 }]);
    }

    proptest! {
        /// Whatever happens: one owner at a time, and after everything is released, level shares.
        #[test]
        fn every_partition_has_one_owner_and_shares_are_level(
            partitions in 1_usize..20, actions in proptest::collection::vec((0_u8..4, 0_u64..5), 1..60),
        ) {
            let mut group = Assignment::new(partitions);
            let mut members = BTreeSet::new();
            let mut owner: BTreeMap<i32, u64> = BTreeMap::new();
            let mut revoking: Vec<(u64, i32)> = Vec::new();
            for step in 0..=actions.len() {
                match actions.get(step) {
                    Some((0 | 1, member)) if members.insert(*member) => group.join(*member),
                    Some((2, member)) if members.remove(member) => {
                        let freed: BTreeSet<i32> = group.leave(*member).into_iter().collect();
                        let had: BTreeSet<i32> = owner.iter().filter(|(_, of)| *of == member).map(|(&p, _)| p).collect();
                        prop_assert_eq!(freed, had);
                        owner.retain(|_, of| of != member);
                        revoking.retain(|(of, _)| of != member);
                    }
                    Some((3, _)) if !revoking.is_empty() => {
                        let (member, partition) = revoking.remove(0);
                        prop_assert!(group.released(member, partition));
                        owner.remove(&partition);
                    }
                    Some(_) => {}
                    None => for (member, partition) in revoking.drain(..) {
                        prop_assert!(group.released(member, partition));
                        owner.remove(&partition);
                    },
                }
                for step in group.rebalance() {
                    match step {
                        Step::Assign { member, partition } => {
                            prop_assert!(members.contains(&member));
                            prop_assert_eq!(owner.insert(partition, member), None);
                        }
                        Step::Revoke { member, partition } => {
                            prop_assert_eq!(owner.get(&partition), Some(&member));
                            revoking.push((member, partition));
                        }
                    }
                }
            }
            if let Some(most) = members.iter().map(|m| owner.values().filter(|of| *of == m).count()).max() {
                let least = members.iter().map(|m| owner.values().filter(|of| *of == m).count()).min();
                prop_assert!(most - least.unwrap_or(0) <= 1);
                prop_assert_eq!(owner.len(), partitions);
            }
        }
    }
}
