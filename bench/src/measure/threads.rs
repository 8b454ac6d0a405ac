//! Calls of one thread against calls of two on different keys of one client: whether anything is shared that is written to.

use std::sync::Barrier;
use std::time::Instant;

use crate::sampler::{Effort, Subject, quantile};
use crate::subjects::{self, Azure, Cached, Held};

/// How many calls are made in a second, by the number of threads.
#[derive(Clone, Debug)]
pub struct Threads {
    /// Whose calls.
    pub name: &'static str,
    /// The number of threads and what they did together.
    pub calls: Vec<(usize, f64)>,
}

impl Threads {
    /// How many times the calls of one thread so many make.
    #[must_use]
    pub fn gain(&self, threads: usize) -> f64 {
        let of = |wanted| {
            let found = self.calls.iter().find(|(threads, _)| *threads == wanted);
            found.map_or(0.0, |(_, calls)| *calls)
        };
        of(threads) / of(1)
    }
}

/// Measures up to so many threads, each with keys of its own.
#[must_use]
pub fn threads(most: usize, effort: Effort) -> Vec<Threads> {
    // With so many keys each, two threads meet in the parts of a memory, which are not many more.
    const KEYS: usize = 8;
    let client = subjects::entra(most * KEYS);
    let azure = Azure::cached(most);
    let held = |thread: usize| -> Box<dyn Subject + Send> {
        // A source for each thread: callers of different keys share the client alone.
        Box::new(Held::of(&client, thread * KEYS))
    };
    let cached = |thread: usize| -> Box<dyn Subject + Send> {
        Box::new(Cached::of(&client, thread * KEYS..(thread + 1) * KEYS))
    };
    let alone = |thread: usize| -> Box<dyn Subject + Send> {
        Box::new(Cached::of(&client, thread * KEYS..thread * KEYS + 1))
    };
    let peer = |thread: usize| -> Box<dyn Subject + Send> { Box::new(azure.only(thread)) };
    // What shares nothing: no more can be had from this machine.
    let control = |_| -> Box<dyn Subject + Send> { Box::new(subjects::Read::default()) };
    vec![
        measured("held", most, effort, &held),
        measured("cached-alone", most, effort, &alone),
        measured("cached", most, effort, &cached),
        measured("azure-cached", most, effort, &peer),
        measured("read", most, effort, &control),
    ]
}

fn measured(
    name: &'static str,
    most: usize,
    effort: Effort,
    make: &dyn Fn(usize) -> Box<dyn Subject + Send>,
) -> Threads {
    let mut subjects: Vec<_> = (0..most).map(make).collect();
    let mut times = 1_u64;
    while together(&mut subjects[..1], times) < effort.batch.as_secs_f64() {
        times *= 2;
    }
    let mut rates = vec![Vec::new(); most];
    for _ in 0..effort.samples {
        // In turn, so that both meet the same neighbours.
        for (before, rates) in rates.iter_mut().enumerate() {
            let threads = before + 1;
            let taken = together(&mut subjects[..threads], times);
            rates.push(times as f64 * threads as f64 / taken);
        }
    }
    let median = |mut rates: Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        quantile(&rates, 0.5)
    };
    Threads {
        name,
        calls: rates
            .into_iter()
            .enumerate()
            .map(|(before, rates)| (before + 1, median(rates)))
            .collect(),
    }
}

/// How long it takes, in seconds, until each subject has run on a thread of its own, all beginning at the same time.
fn together(subjects: &mut [Box<dyn Subject + Send>], times: u64) -> f64 {
    let barrier = Barrier::new(subjects.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = subjects
            .iter_mut()
            .map(|subject| {
                scope.spawn(|| {
                    barrier.wait();
                    let begin = Instant::now();
                    subject.run(times);
                    (begin, Instant::now())
                })
            })
            .collect();
        let spans: Vec<_> = threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect();
        let begin = spans.iter().map(|(begin, _)| *begin).min();
        let end = spans.iter().map(|(_, end)| *end).max();
        match (begin, end) {
            (Some(begin), Some(end)) => (end - begin).as_secs_f64(),
            _ => 0.0,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_contender_is_measured_with_one_thread_and_with_two() {
        let measured = threads(2, Effort::QUICK);
        assert_eq!(measured.len(), 5);
        for threads in measured {
            assert_eq!(threads.calls.len(), 2);
            assert!(threads.gain(2) > 0.0 && threads.gain(1) == 1.0);
        }
    }
}
