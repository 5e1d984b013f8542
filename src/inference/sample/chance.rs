//! Chance that can be repeated.

/// SplitMix64: a counter whose every value is mixed. Its numbers depend on the seed alone, on every machine and in
/// every version of this appliance.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 17.
pub(super) struct Chance {
    state: u64,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Chance {
        Chance { state: seed }
    }

    /// The next number from 0 to just below 1, a multiple of 2⁻⁵³.
    pub(super) fn below_one(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn the_numbers_are_the_published_ones() {
        // The first values for the seed 1234567 that implementations of the generator are checked by.
        let mut chance = Chance::new(1_234_567);
        let published = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([chance.next(), chance.next(), chance.next()], published);
    }

    #[test]
    fn numbers_fill_the_range_evenly() {
        let mut chance = Chance::new(0);
        let mut tenths = [0_u32; 10];
        for _ in 0..100_000 {
            tenths[(chance.below_one() * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (9_700..10_300).contains(&count)), "{tenths:?}");
    }
}
