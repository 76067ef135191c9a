//! A small seeded generator, so that the demo's rows are the same on every machine and in every test.
//! Not for secrets: anybody can predict it.

use super::date::Date;

/// Pseudo-random numbers from a seed (Weyl sequence with a 64-bit mix).
#[derive(Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of `low..=high`, all equally likely. `low` where the range is empty.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high.saturating_sub(low)) + 1;
        low + u32::try_from(self.next() % span).unwrap_or(0)
    }

    /// A number of `0..count` that is more likely to be small: some products sell better than others.
    pub(super) fn skewed(&mut self, count: u32) -> u32 {
        let last = count.saturating_sub(1);
        let a = u64::from(self.between(0, last));
        let b = u64::from(self.between(0, last));
        u32::try_from(a * b / u64::from(last.max(1))).unwrap_or(0)
    }

    /// True in `percent` of 100 cases.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.between(1, 100) <= percent
    }

    /// One of the words; empty where there are none.
    pub(super) fn pick(&mut self, words: &[&'static str]) -> &'static str {
        let last = u32::try_from(words.len().saturating_sub(1)).unwrap_or(0);
        words.get(self.between(0, last) as usize).copied().unwrap_or_default()
    }

    /// A day of the years `first..=last`.
    pub(super) fn date(&mut self, first: u32, last: u32) -> Date {
        Date { year: self.between(first, last), month: self.between(1, 12), day: self.between(1, 28) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..20).map(|_| random.between(0, 1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn numbers_stay_in_range() {
        let mut random = Random::new(1);
        for _ in 0..1_000 {
            assert!((3..=5).contains(&random.between(3, 5)));
            assert!(random.skewed(10) < 10);
        }
        assert_eq!(random.between(9, 2), 9);
        assert_eq!(random.pick(&[]), "");
    }
}
