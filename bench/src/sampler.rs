//! Times: medians of batches that take turns, so that whatever else the machine does meets all contenders alike.
//!
//! Criterion and divan run one benchmark after another and keep their figures to themselves. A ratio that is to hold on a machine
//! with neighbours needs the two sides in turn, and the report needs the numbers.

use std::time::{Duration, Instant};

/// Something that is done again and again.
pub trait Subject {
    /// Makes what the next `times` calls use up, outside of what is measured.
    fn prepare(&mut self, times: u64) {
        let _ = times;
    }

    /// How many calls are prepared at a time: of what is used up, no more than the processor keeps at hand, as it does what has just
    /// come from a network.
    fn portion(&self) -> u64 {
        u64::MAX
    }

    /// Does it so many times.
    fn run(&mut self, times: u64);

    /// Does it so many times, prepared, and says how long that took.
    fn timed(&mut self, times: u64) -> Duration {
        let mut taken = Duration::ZERO;
        let mut left = times;
        while left > 0 {
            let portion = left.min(self.portion());
            self.prepare(portion);
            let begin = Instant::now();
            self.run(portion);
            taken += begin.elapsed();
            left -= portion;
        }
        taken
    }
}

/// So many assertions and answers of 2 KiB each fit into a second-level cache with room to spare, and what is around a portion is no
/// part of what it takes: two readings of a clock.
pub const PORTION: u64 = 64;

/// How much time a measurement may take.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many batches of each contender.
    pub samples: usize,
    /// How long a batch takes at least.
    pub batch: Duration,
}

impl Effort {
    /// What the committed figures are taken with. Long batches: a contender in a process of its own begins each with nothing at hand in the
    /// processor, which is to count for little; and what a neighbour of the machine does for a moment is to be in few of them.
    pub const FULL: Self = Self {
        samples: 21,
        batch: Duration::from_millis(50),
    };
    /// Enough to see that everything works.
    pub const QUICK: Self = Self {
        samples: 3,
        batch: Duration::from_micros(200),
    };
}

/// What the batches of one contender took, in nanoseconds a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// Half of the batches took less.
    pub median: f64,
    /// A quarter of the batches took less.
    pub low: f64,
    /// A quarter of the batches took more.
    pub high: f64,
}

impl Sampled {
    /// The one in the middle of several, by their medians.
    #[must_use]
    pub fn middle(mut several: Vec<Self>) -> Option<Self> {
        several.sort_by(|one, other| one.median.total_cmp(&other.median));
        several.get(several.len() / 2).copied()
    }

    /// Of these times, in any order; of none, all are nought.
    #[must_use]
    pub fn of(mut nanoseconds: Vec<f64>) -> Self {
        nanoseconds.sort_by(f64::total_cmp);
        Self {
            median: quantile(&nanoseconds, 0.5),
            low: quantile(&nanoseconds, 0.25),
            high: quantile(&nanoseconds, 0.75),
        }
    }
}

/// The value below which this share of the sorted values lies, between two values in proportion.
#[must_use]
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = share.clamp(0.0, 1.0) * last as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

/// Measures all contenders in turn, in changing order.
pub fn race(contenders: &mut [Box<dyn Subject + '_>], effort: Effort) -> Vec<Sampled> {
    let times: Vec<u64> = contenders
        .iter_mut()
        .map(|subject| calibrated(&mut **subject, effort.batch))
        .collect();
    let mut taken = vec![Vec::with_capacity(effort.samples); contenders.len()];
    for round in 0..effort.samples {
        for turn in 0..contenders.len() {
            let which = (round + turn) % contenders.len();
            let batch = contenders[which].timed(times[which]);
            taken[which].push(batch.as_nanos() as f64 / times[which] as f64);
        }
    }
    taken.into_iter().map(Sampled::of).collect()
}

/// How many calls fill a batch; finding out warms up.
fn calibrated(subject: &mut dyn Subject, batch: Duration) -> u64 {
    let mut times = 1;
    while subject.timed(times) < batch {
        times *= 2;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Counted {
        prepared: u64,
        done: u64,
    }

    impl Subject for &mut Counted {
        fn prepare(&mut self, times: u64) {
            self.prepared += times;
        }

        fn run(&mut self, times: u64) {
            self.done += times;
            std::thread::sleep(Duration::from_micros(times));
        }
    }

    #[test]
    fn quantiles_lie_between_the_values_in_proportion() {
        assert_eq!(quantile(&[], 0.5), 0.0);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.5);
        assert_eq!(quantile(&[0.0, 10.0], 0.99), 9.9);
        let sampled = Sampled::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]);
        let expected = Sampled {
            median: 3.0,
            low: 2.0,
            high: 4.0,
        };
        assert_eq!(sampled, expected);
        let of = |median| Sampled { median, ..sampled };
        let several = [7.0, 1.0, 5.0].map(of);
        assert_eq!(Sampled::middle(several.to_vec()), Some(several[2]));
        assert_eq!(Sampled::middle(Vec::new()), None);
    }

    #[test]
    fn every_call_is_prepared_and_each_contender_has_its_samples() {
        let (mut one, mut other) = (Counted::default(), Counted::default());
        let sampled = race(
            &mut [Box::new(&mut one), Box::new(&mut other)],
            Effort::QUICK,
        );
        assert_eq!(sampled.len(), 2);
        assert!(sampled.iter().all(|sampled| sampled.median >= 1_000.0));
        assert!(one.done > 0 && one.prepared == one.done && other.prepared == other.done);
    }
}
