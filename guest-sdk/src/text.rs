//! Text helpers that are fast in the sandbox.

/// The words of a text: what stands between spaces, tabs, vertical tabs, form feeds and line ends, which is the white space
/// of `tr '[:space:]'` and `wc`. Looked for 16 bytes at a time in WebAssembly.
///
/// ```
/// use wasmstream::text::words;
/// assert_eq!(words(" to be\tor\u{b}not ").collect::<Vec<_>>(), ["to", "be", "or", "not"]);
/// ```
#[cfg(not(all(target_family = "wasm", target_feature = "simd128")))]
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| matches!(c, ' ' | '\t'..='\r')).filter(|word| !word.is_empty())
}

/// The words of a text: what stands between spaces, tabs, vertical tabs, form feeds and line ends, which is the white space
/// of `tr '[:space:]'` and `wc`. Looked for 16 bytes at a time.
#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    simd::Words::new(text)
}

#[cfg(all(target_family = "wasm", target_feature = "simd128"))]
mod simd {
    use core::arch::wasm32::{i8x16_bitmask, u8x16_eq, u8x16_le, u8x16_splat, u8x16_sub, v128, v128_load, v128_or};

    /// Walks over a text in windows of 64 bytes, each with a bit a byte that says whether it is white space.
    pub(super) struct Words<'a> {
        text: &'a str,
        /// Where the window starts.
        base: usize,
        /// White space in the window; what is beyond the end of the text counts as such.
        spaces: u64,
        /// The next byte of the window to look at.
        at: u32,
    }

    impl<'a> Words<'a> {
        #[inline]
        pub(super) fn new(text: &'a str) -> Self {
            Words { text, base: 0, spaces: window(text.as_bytes(), 0), at: 0 }
        }

        /// Goes to the next window; false at the end of the text.
        #[inline]
        fn advance(&mut self) -> bool {
            self.base += 64;
            self.at = 0;
            if self.base >= self.text.len() {
                return false;
            }
            self.spaces = window(self.text.as_bytes(), self.base);
            true
        }
    }

    impl<'a> Iterator for Words<'a> {
        type Item = &'a str;

        #[inline]
        fn next(&mut self) -> Option<&'a str> {
            if self.base >= self.text.len() {
                return None;
            }
            let start = loop {
                let letters = if self.at < 64 { !self.spaces >> self.at } else { 0 };
                if letters != 0 {
                    self.at += letters.trailing_zeros();
                    break self.base + self.at as usize;
                }
                if !self.advance() {
                    return None;
                }
            };
            let end = loop {
                let spaces = if self.at < 64 { self.spaces >> self.at } else { 0 };
                if spaces != 0 {
                    self.at += spaces.trailing_zeros();
                    break self.base + self.at as usize;
                }
                if !self.advance() {
                    break self.text.len();
                }
            };
            // SAFETY: both ends lie in the text, beside ASCII bytes or its ends, so they are character boundaries.
            Some(unsafe { self.text.get_unchecked(start..end.min(self.text.len())) })
        }
    }

    #[inline]
    fn window(bytes: &[u8], base: usize) -> u64 {
        let mut spaces = 0;
        for block in 0..4 {
            let from = base + 16 * block;
            spaces |= u64::from(block_spaces(bytes, from)) << (16 * block);
        }
        spaces
    }

    /// White space in the 16 bytes from `from` on.
    #[inline]
    fn block_spaces(bytes: &[u8], from: usize) -> u16 {
        let len = bytes.len();
        if from + 16 <= len {
            // SAFETY: 16 bytes from `from` on are in the slice.
            return spaces_in(unsafe { v128_load(bytes.as_ptr().add(from).cast()) });
        }
        if from >= len {
            return u16::MAX;
        }
        let rest = len - from;
        let beyond = u16::MAX << rest;
        if len >= 16 {
            // SAFETY: the last 16 bytes are in the slice.
            let last = spaces_in(unsafe { v128_load(bytes.as_ptr().add(len - 16).cast()) });
            return last >> (16 - rest) | beyond;
        }
        let mut padded = [b' '; 16];
        padded[..rest].iter_mut().zip(&bytes[from..]).for_each(|(to, byte)| *to = *byte);
        // SAFETY: the array has 16 bytes.
        spaces_in(unsafe { v128_load(padded.as_ptr().cast()) })
    }

    #[inline]
    fn spaces_in(block: v128) -> u16 {
        // Space, and 9 to 13.
        let controls = u8x16_le(u8x16_sub(block, u8x16_splat(9)), u8x16_splat(4));
        i8x16_bitmask(v128_or(controls, u8x16_eq(block, u8x16_splat(b' '))))
    }
}
