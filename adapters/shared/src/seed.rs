//! Seeds of flows. The system's generator is asked for many at a time: each asking takes as long as a tenth of all else that a flow does
//! without a network.

use std::cell::RefCell;

use entra_proto::{Now, Seed};
use zeroize::Zeroizing;

/// How many a thread draws at a time: 2 KiB.
const AT_ONCE: usize = 64;
/// Of a seed's two halves one may be used without the other, as the first is for the correlation id.
const HALF: usize = 16;

type Bytes = [u8; 2 * HALF];

/// What a thread has drawn and not used yet.
#[cfg_attr(test, derive(Clone))]
struct Drawn {
    seeds: Zeroizing<[Bytes; AT_ONCE]>,
    left: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> = RefCell::new(Drawn::nothing());
}

/// Draws a seed from the system's generator.
///
/// Each flow starts with one, as the [crate's documentation](crate) shows. `now` is part of it, so that two processes of which one was
/// forked from the other, and which therefore hold the same draws, have different seeds all the same.
///
/// # Errors
/// When the system has no randomness to give; there is no default (I43).
pub fn seed(now: Now) -> Result<Seed, getrandom::Error> {
    let next = DRAWN.try_with(|drawn| drawn.borrow_mut().next(now));
    // While a thread ends it holds nothing any more.
    let next = next.unwrap_or_else(|_| Drawn::nothing().next(now));
    next.map(Seed::from_bytes)
}

impl Drawn {
    fn nothing() -> Self {
        Self {
            seeds: Zeroizing::new([[0; _]; AT_ONCE]),
            left: 0,
        }
    }

    /// The next one, of which no copy stays, with the time.
    fn next(&mut self, now: Now) -> Result<Bytes, getrandom::Error> {
        if self.left == 0 {
            getrandom::fill(self.seeds.as_flattened_mut())?;
            self.left = AT_ONCE;
        }
        self.left -= 1;
        Ok(mixed(std::mem::take(&mut self.seeds[self.left]), now))
    }
}

/// With the time in both halves. It takes nothing from them: what is random stays so, whatever it is combined with.
fn mixed(mut seed: Bytes, now: Now) -> Bytes {
    let time = now.wall().as_nanos().to_be_bytes();
    for half in seed.chunks_exact_mut(HALF) {
        half.iter_mut().zip(time).for_each(|(byte, of)| *byte ^= of);
    }
    seed
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    const NOW: Now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);

    #[test]
    fn no_two_draws_are_alike() {
        let mut drawn = Drawn::nothing();
        let mut halves = BTreeSet::new();
        for _ in 0..3 * AT_ONCE {
            let seed = drawn.next(NOW).expect("randomness");
            halves.extend(seed.chunks_exact(HALF).map(<[u8]>::to_vec));
        }
        assert_eq!(halves.len(), 6 * AT_ONCE);
        assert!(seed(NOW).unwrap() != seed(NOW).unwrap());
    }

    #[test]
    fn what_was_handed_out_is_not_held_any_more() {
        let mut drawn = Drawn::nothing();
        for left in (0..AT_ONCE).rev() {
            let seed = drawn.next(NOW).expect("randomness");
            assert!(seed != Bytes::default() && drawn.left == left);
            assert!(drawn.seeds[left] == Bytes::default());
        }
    }

    /// As a process and its fork do.
    #[test]
    fn who_holds_the_same_draws_gets_other_seeds_at_another_time() {
        let mut drawn = Drawn::nothing();
        drawn.next(NOW).expect("randomness");
        let mut fork = drawn.clone();
        let later = NOW.after(Duration::from_nanos(1));
        let (one, other) = (drawn.next(NOW).unwrap(), fork.next(later).unwrap());
        assert!(one[..HALF] != other[..HALF] && one[HALF..] != other[HALF..]);
        assert!(mixed(one, NOW) == mixed(other, later));
    }
}
