//! Time as an argument: one value with both clocks, read by the driver and handed in.
//!
//! Tokens expire by the wall clock; a wall clock can jump. So every lifetime counts on the wall clock *and* on the monotonic
//! one, and ends with whichever comes first.

use std::time::Duration;

/// What both clocks of the driver say now.
///
/// ```
/// use std::time::Duration;
/// use entra_proto::Now;
///
/// let now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);
/// let later = now.after(Duration::from_secs(60));
/// assert_eq!(later.wall(), Duration::from_secs(1_798_761_660));
/// assert_eq!(later.monotonic(), Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Now {
    wall: Duration,
    monotonic: Duration,
}

impl Now {
    /// `wall` is the time since the Unix epoch; `monotonic` the time since any fixed moment of this process.
    #[must_use]
    pub const fn new(wall: Duration, monotonic: Duration) -> Self {
        Self { wall, monotonic }
    }

    /// Both clocks moved on by `time`, stopping at the end of time.
    #[must_use]
    pub const fn after(self, time: Duration) -> Self {
        Self {
            wall: self.wall.saturating_add(time),
            monotonic: self.monotonic.saturating_add(time),
        }
    }

    /// Time since the Unix epoch.
    #[must_use]
    pub const fn wall(self) -> Duration {
        self.wall
    }

    /// How long it has been since `earlier`, by the monotonic clock.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }

    /// Time since the moment that the driver counts from.
    #[must_use]
    pub const fn monotonic(self) -> Duration {
        self.monotonic
    }
}

/// A span that began at `start` and lasts `length` on both clocks.
///
/// Setting the wall clock back lengthens nothing, setting it forward ends the span early (T11, I17, I18 in our
/// threat model's numbering).
///
/// In nanoseconds, which reach 584 years: a third of the room and of the work of durations, for what every hit looks at. A start
/// beyond that reads as earlier than it was, so that the span ends early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    wall: u64,
    monotonic: u64,
    length: u64,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Span {
    pub(crate) fn new(start: Now, length: Duration) -> Self {
        Self {
            wall: nanos(start.wall),
            monotonic: nanos(start.monotonic),
            length: nanos(length),
        }
    }

    /// A span that another process began, so that no more is known of it than the wall clock's `start` and `end`: it ends on both
    /// clocks as much later than now. None, if it is over or has not begun.
    pub(crate) fn resumed(start: Duration, end: Duration, now: Now) -> Option<Self> {
        let left = end.checked_sub(now.wall).filter(|left| !left.is_zero())?;
        // It can't have begun before this process did, as its monotonic clock tells time.
        let age = now.wall.checked_sub(start)?.min(now.monotonic);
        let start = Now {
            wall: now.wall.saturating_sub(age),
            monotonic: now.monotonic.saturating_sub(age),
        };
        Some(Self::new(start, left.saturating_add(age)))
    }

    /// What is left of it: the smaller of what the two clocks say.
    pub(crate) fn left(self, now: Now) -> Duration {
        let left = |start: u64, now: Duration| {
            start.saturating_add(self.length).saturating_sub(nanos(now))
        };
        let by_wall = left(self.wall, now.wall);
        let by_monotonic = left(self.monotonic, now.monotonic);
        Duration::from_nanos(by_wall.min(by_monotonic))
    }

    pub(crate) const fn start(self) -> Now {
        Now {
            wall: Duration::from_nanos(self.wall),
            monotonic: Duration::from_nanos(self.monotonic),
        }
    }

    /// When it began, for whoever will know no more than the wall clock: the earlier of what the two clocks say, so that setting
    /// the wall clock back makes nothing younger than it is.
    pub(crate) fn began(self, now: Now) -> Duration {
        let by_monotonic = now.wall.saturating_sub(now.since(self.start()));
        self.start().wall.min(by_monotonic)
    }

    pub(crate) const fn length(self) -> Duration {
        Duration::from_nanos(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(wall: u64, monotonic: u64) -> Now {
        Now::new(Duration::from_secs(wall), Duration::from_secs(monotonic))
    }

    #[test]
    fn i18_setting_the_wall_clock_back_lengthens_nothing() {
        let span = Span::new(at(1_000, 0), SECOND * 100);
        assert_eq!(span.left(at(0, 100)), Duration::ZERO);
        assert_eq!(span.left(at(0, 40)), SECOND * 60);
    }

    #[test]
    fn i17_setting_the_wall_clock_forward_ends_it_early() {
        let span = Span::new(at(1_000, 0), SECOND * 100);
        assert_eq!(span.left(at(1_100, 1)), Duration::ZERO);
        assert_eq!(span.left(at(u64::MAX, 1)), Duration::ZERO);
    }

    #[test]
    fn t11_setting_the_wall_clock_makes_nothing_younger() {
        let span = Span::new(at(1_000, 10), SECOND * 100);
        for (wall, began) in [(1_040, 1_000), (500, 460), (5_000, 1_000), (20, 0)] {
            assert_eq!(span.began(at(wall, 50)), SECOND * began, "{wall}");
        }
    }

    #[test]
    fn t11_a_span_of_another_process_ends_on_both_clocks_when_it_would_have_ended() {
        let resumed = |start, end, now| Span::resumed(SECOND * start, SECOND * end, now);
        // Begun before and after this process.
        for monotonic in [10, 5_000] {
            let now = at(1_060, monotonic);
            let span = resumed(1_000, 1_100, now).unwrap();
            assert_eq!(span.left(now), SECOND * 40);
            assert_eq!(span.left(at(0, monotonic + 30)), SECOND * 10);
            assert_eq!(span.left(at(0, monotonic + 40)), Duration::ZERO);
            assert_eq!(span.left(at(1_100, monotonic)), Duration::ZERO);
            assert!(span.start().monotonic() < now.monotonic());
        }
        let now = at(1_000, 10);
        assert_eq!(resumed(1_001, 2_000, now), None);
        assert_eq!(resumed(0, 1_000, now), None);
        assert_eq!(resumed(1_000, 999, now), None);
    }
}
