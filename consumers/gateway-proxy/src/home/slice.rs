//! A connection's slice `[i, n]` of the guilds. Pure.

use miso_model::SLOTS;

/// Guilds with `(id >> 22) % count == index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slice {
    pub(crate) index: u64,
    pub(crate) count: u64,
}

impl Slice {
    /// Everything.
    pub(crate) const WHOLE: Self = Self { index: 0, count: 1 };

    /// `None` unless `0 <= index < count`.
    pub(crate) fn new(index: i64, count: i64) -> Option<Self> {
        let (index, count) = (u64::try_from(index).ok()?, u64::try_from(count).ok()?);
        (index < count).then_some(Self { index, count })
    }

    /// Whether a guild (channel, user) with this id belongs to it.
    pub(crate) fn covers(self, id: u64) -> bool {
        (id >> 22) % self.count == self.index
    }

    /// Whether any id of this partition can belong to it: a count that divides the number of slots
    /// needs only some of them.
    pub(crate) fn covers_partition(self, partition: i32) -> bool {
        let slots = u64::from(SLOTS.cast_unsigned());
        let common = gcd(slots, self.count);
        u64::from(partition.cast_unsigned()) % common == self.index % common
    }

    /// Whether everything of `other` belongs to it.
    pub(crate) fn contains(self, other: Self) -> bool {
        other.count.is_multiple_of(self.count) && other.index % self.count == self.index
    }

    /// Whether some id can belong to both.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let common = gcd(self.count, other.count);
        self.index % common == other.index % common
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use miso_model::slot;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_slice_reads_every_partition_in_which_it_has_guilds(id in any::<u64>(), count in 1_i64..200) {
            let index = i64::try_from((id >> 22) % u64::try_from(count).expect("positive")).expect("small");
            let slice = Slice::new(index, count).expect("in range");
            prop_assert!(slice.covers(id));
            prop_assert!(slice.covers_partition(slot(id)));
        }

        #[test]
        fn contained_slices_cover_no_more(id in any::<u64>(), i in 0_i64..30, n in 1_i64..30, j in 0_i64..30, m in 1_i64..30) {
            let (Some(a), Some(b)) = (Slice::new(i, n), Slice::new(j, m)) else { return Ok(()) };
            if a.contains(b) && b.covers(id) {
                prop_assert!(a.covers(id));
            }
            if a.covers(id) && b.covers(id) {
                prop_assert!(a.overlaps(b));
            }
        }
    }

    #[test]
    fn a_slice_outside_its_count_is_none() {
        assert_eq!(Slice::new(1, 1), None);
        assert_eq!(Slice::new(-1, 2), None);
        assert_eq!(Slice::new(0, 0), None);
        assert!(!Slice::new(1, 2).expect("in range").covers_partition(4));
    }
}
