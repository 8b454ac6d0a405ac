//! Texts of kilobytes judged whole: an assertion and a token are gone through byte by byte before they go anywhere.

/// Whether this holds for every byte. Without a way out before the end, so that many bytes are judged at once.
pub(crate) fn all_are(text: &[u8], is: impl Fn(u8) -> bool) -> bool {
    text.iter().fold(true, |all, byte| all & is(*byte))
}

/// Whether it is one of so many bytes from the first on. As numbers with a sign, because the plainest of today's processors compare sixteen
/// of those at once and none without.
#[inline]
pub(crate) fn is_within(byte: u8, first: u8, count: u8) -> bool {
    let from_least = |offset: u8| offset.wrapping_add(0x80).cast_signed();
    from_least(byte.wrapping_sub(first)) < from_least(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_within_from_the_first_to_the_last() {
        for (first, last) in [(0, 0), (b'a', b'z'), (b'!', b'~'), (0x70, 0x90), (0, 254)] {
            let within = |byte| is_within(byte, first, last - first + 1);
            assert!((0..=u8::MAX).all(|byte| within(byte) == (first..=last).contains(&byte)));
        }
    }

    #[test]
    fn one_byte_that_fails_is_found_wherever_it_is() {
        for length in [0, 1, 31, 32, 33, 64, 100] {
            let text = vec![b'a'; length];
            assert!(all_are(&text, |byte| byte == b'a'));
            for place in 0..length {
                let mut text = text.clone();
                text[place] = b'b';
                assert!(!all_are(&text, |byte| byte == b'a'), "{place} of {length}");
            }
        }
    }
}
