//! UUIDs (RFC 9562) as text, held in place: correlation ids and the `jti` of assertions cost no allocation.

use std::fmt;

/// 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Uuid([u8; 36]);

impl Uuid {
    /// A random one (version 4, RFC 9562 §5.4) of these bits.
    pub(crate) fn random(bits: u128) -> Self {
        let bits = bits & !(0xf << 76) | (0x4 << 76);
        let bits = bits & !(0x3 << 62) | (0x2 << 62);
        let mut digits = [[0; 2]; 16];
        for (to, byte) in digits.iter_mut().zip(bits.to_be_bytes()) {
            *to = [digit(byte >> 4), digit(byte & 0xf)];
        }
        let mut text = [b'-'; 36];
        // Where its groups are among the digits, and in the text.
        for (from, to) in [
            (0..8, 0..8),
            (8..12, 9..13),
            (12..16, 14..18),
            (16..20, 19..23),
            (20..32, 24..36),
        ] {
            let from = digits.as_flattened().get(from).unwrap_or_default();
            let to = text.get_mut(to).unwrap_or_default();
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        Self(text)
    }

    /// Takes a UUID as it is written.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text: [u8; 36] = text.as_bytes().try_into().ok()?;
        let plain = |(place, byte): (usize, &u8)| match is_hyphen(place) {
            true => *byte == b'-',
            false => byte.is_ascii_hexdigit(),
        };
        text.iter().enumerate().all(plain).then_some(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Half a byte in lower case. Without a look into a table, so that all of them are made at once.
fn digit(half: u8) -> u8 {
    let letter = u8::from(half > 9).wrapping_mul(b'a'.wrapping_sub(b':'));
    half.wrapping_add(b'0').wrapping_add(letter)
}

const fn is_hyphen(place: usize) -> bool {
    matches!(place, 8 | 13 | 18 | 23)
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_one_has_the_version_and_variant_of_rfc_9562() {
        for bits in [0, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let uuid = Uuid::random(bits);
            let text = uuid.as_str();
            assert_eq!(text.as_bytes()[14], b'4');
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
            assert_eq!(Uuid::parse(text), Some(uuid));
        }
        let uuid = Uuid::random(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(uuid.as_str(), "01234567-89ab-4def-8123-456789abcdef");
    }

    #[test]
    fn what_is_written_otherwise_is_none() {
        let plain = "01234567-89ab-4def-8123-456789ABCDEF";
        assert!(Uuid::parse(plain).is_some());
        for other in [
            "",
            "0123456789ab4def8123456789abcdef",
            "01234567-89ab-4def-8123-456789abcde",
            "01234567-89ab-4def-8123-456789abcdef0",
            "01234567-89ab-4def-8123-456789abcdeg",
            "012345678-9ab-4def-8123-456789abcdef",
            "{1234567-89ab-4def-8123-456789abcde}",
        ] {
            assert_eq!(Uuid::parse(other), None, "{other}");
        }
    }

    #[test]
    fn one_prints_as_it_is_written() {
        let uuid = Uuid::random(7);
        assert_eq!(format!("{uuid:?}"), uuid.as_str());
    }
}
