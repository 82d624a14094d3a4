//! Random numbers by a seed that is printed: a test that fails can be run again.

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    /// Seeded from `SHADOWTAP_SEED`, else from `fallback`; prints the seed.
    pub fn new(fallback: u64) -> Self {
        let seed = std::env::var("SHADOWTAP_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(fallback);
        println!("seed {seed} (SHADOWTAP_SEED={seed} repeats it)");
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to but not `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// Cuts `length` into at most `pieces` ranges, in order, none empty.
    pub fn cuts(&mut self, length: usize, pieces: usize) -> Vec<std::ops::Range<usize>> {
        let mut at: Vec<usize> = (1..pieces).map(|_| 1 + self.below(length - 1)).chain([0, length]).collect();
        at.sort_unstable();
        at.dedup();
        at.windows(2).map(|w| w[0]..w[1]).collect()
    }
}
