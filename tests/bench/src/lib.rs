//! Inputs for the benchmarks: the same bytes for the same arguments, on every machine.

/// A pseudo-random generator (SplitMix64): small, seeded, the same everywhere.
pub struct Random(u64);

impl Random {
    /// A generator with this seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Zipf-distributed ranks (exponent 1) below `n`.
pub struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    /// Ranks 0 to `n - 1`.
    pub fn new(n: usize) -> Self {
        let mut sum = 0.0;
        let cumulated = (1..=n).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        Zipf { cumulated: cumulated.collect() }
    }

    /// The next rank.
    pub fn rank(&self, random: &mut Random) -> usize {
        let at = random.unit() * self.cumulated[self.cumulated.len() - 1];
        self.cumulated.partition_point(|sum| *sum < at).min(self.cumulated.len() - 1)
    }
}

/// The word of a rank: lower-case letters, short for low ranks, as in a language.
pub fn word(rank: usize) -> String {
    let mut n = rank;
    let mut letters = Vec::new();
    loop {
        letters.push(b'a' + (n % 26) as u8);
        n /= 26;
        if n == 0 {
            break;
        }
    }
    // A tail that depends on the rank, so that words have between 2 and 9 letters.
    let tail = (rank.wrapping_mul(2_654_435_761) >> 7) % 6 + 1;
    letters.extend((0..tail).map(|i| b'a' + ((rank >> i) % 26) as u8));
    letters.push(b'a' + (tail as u8));
    String::from_utf8_lossy(&letters).into_owned()
}
