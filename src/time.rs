//! Time as an argument: one value with both clocks, read by the driver and handed in.
//!
//! Tokens expire by the wall clock; a wall clock can jump. So every lifetime counts on the wall clock *and* on the monotonic
//! one, and ends with whichever comes first.

use std::fmt;
use std::time::Duration;

/// What both clocks of the driver say now, as far as nanoseconds reach in 64 bits: 584 years. Every time beyond reads as that one.
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
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Now {
    wall: u64,
    monotonic: u64,
}

impl Now {
    /// `wall` is the time since the Unix epoch; `monotonic` the time since any fixed moment of this process.
    #[must_use]
    #[inline]
    pub const fn new(wall: Duration, monotonic: Duration) -> Self {
        Self::from_nanos(nanos(wall), nanos(monotonic))
    }

    /// The same in nanoseconds.
    ///
    /// ```
    /// use entra_proto::Now;
    ///
    /// let now = Now::from_nanos(1_798_761_600_000_000_000, 60_000_000_000);
    /// assert_eq!(now.wall().as_secs(), 1_798_761_600);
    /// assert_eq!(now.monotonic().as_secs(), 60);
    /// ```
    #[must_use]
    #[inline]
    pub const fn from_nanos(wall: u64, monotonic: u64) -> Self {
        Self { wall, monotonic }
    }

    /// Both clocks moved on by `time`, stopping at the end of time.
    #[must_use]
    #[inline]
    pub const fn after(self, time: Duration) -> Self {
        self.after_nanos(nanos(time))
    }

    const fn after_nanos(self, time: u64) -> Self {
        Self {
            wall: self.wall.saturating_add(time),
            monotonic: self.monotonic.saturating_add(time),
        }
    }

    /// Whether both clocks say less than they do at a `moment`: what ends with whichever comes first is not over.
    ///
    /// ```
    /// use entra_proto::Now;
    ///
    /// let end = Now::from_nanos(20, 10);
    /// assert!(Now::from_nanos(19, 9).precedes(end));
    /// // The wall clock was set back.
    /// assert!(!Now::from_nanos(3, 10).precedes(end));
    /// ```
    #[must_use]
    #[inline]
    pub const fn precedes(self, moment: Self) -> bool {
        self.wall < moment.wall && self.monotonic < moment.monotonic
    }

    /// Time since the Unix epoch.
    #[must_use]
    #[inline]
    pub const fn wall(self) -> Duration {
        Duration::from_nanos(self.wall)
    }

    /// The same in nanoseconds.
    #[inline]
    pub(crate) const fn wall_nanos(self) -> u64 {
        self.wall
    }

    /// How long it has been since `earlier`, by the monotonic clock.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.monotonic.saturating_sub(earlier.monotonic))
    }

    /// Time since the moment that the driver counts from.
    #[must_use]
    #[inline]
    pub const fn monotonic(self) -> Duration {
        Duration::from_nanos(self.monotonic)
    }
}

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Now")
            .field("wall", &self.wall())
            .field("monotonic", &self.monotonic())
            .finish()
    }
}

/// A span that began at `start` and lasts `length` on both clocks.
///
/// Setting the wall clock back lengthens nothing, setting it forward ends the span early (T11, I17, I18 in our
/// threat model's numbering).
///
/// In nanoseconds as well: a third of the room and of the work of durations, for what every hit looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    start: Now,
    length: u64,
}

/// As far as they reach.
#[inline]
pub(crate) const fn nanos(time: Duration) -> u64 {
    let whole = time.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(time.subsec_nanos() as u64)
}

impl Span {
    pub(crate) const fn new(start: Now, length: Duration) -> Self {
        let length = nanos(length);
        Self { start, length }
    }

    /// A span that another process began, so that no more is known of it than the wall clock's `start` and `end`: it ends on both
    /// clocks as much later than now. None, if it is over or has not begun.
    pub(crate) fn resumed(start: Duration, end: Duration, now: Now) -> Option<Self> {
        let (start, end) = (nanos(start), nanos(end));
        let left = end.checked_sub(now.wall).filter(|left| *left != 0)?;
        // It can't have begun before this process did, as its monotonic clock tells time.
        let age = now.wall.checked_sub(start)?.min(now.monotonic);
        let start = Now {
            wall: now.wall.saturating_sub(age),
            monotonic: now.monotonic.saturating_sub(age),
        };
        let length = left.saturating_add(age);
        Some(Self { start, length })
    }

    /// What is left of it: the smaller of what the two clocks say.
    pub(crate) const fn left(self, now: Now) -> Duration {
        Duration::from_nanos(self.left_nanos(now))
    }

    /// The same in nanoseconds.
    #[inline]
    pub(crate) const fn left_nanos(self, now: Now) -> u64 {
        let end = self.start.after_nanos(self.length);
        let by_wall = end.wall.saturating_sub(now.wall);
        let by_monotonic = end.monotonic.saturating_sub(now.monotonic);
        if by_wall < by_monotonic {
            by_wall
        } else {
            by_monotonic
        }
    }

    pub(crate) const fn start(self) -> Now {
        self.start
    }

    /// When it began, for whoever will know no more than the wall clock: the earlier of what the two clocks say, so that setting
    /// the wall clock back makes nothing younger than it is.
    pub(crate) fn began(self, now: Now) -> Duration {
        let by_monotonic = now.wall().saturating_sub(now.since(self.start));
        self.start.wall().min(by_monotonic)
    }

    pub(crate) const fn length(self) -> Duration {
        Duration::from_nanos(self.length)
    }

    /// The moment up to which more than so many nanoseconds are left of it, by both clocks.
    pub(crate) const fn moment_with(self, left: u64) -> Now {
        let end = self.start.after_nanos(self.length);
        Now {
            wall: end.wall.saturating_sub(left),
            monotonic: end.monotonic.saturating_sub(left),
        }
    }

    /// How many nanoseconds are left of it once it has this age; all the time there is, if it is born with it.
    pub(crate) const fn nanos_left_at(self, age: u64) -> u64 {
        match age {
            0 => u64::MAX,
            _ => self.length.saturating_sub(age),
        }
    }

    /// How much of it is over, in nanoseconds.
    #[inline]
    pub(crate) const fn age_nanos(self, now: Now) -> u64 {
        self.length.saturating_sub(self.left_nanos(now))
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
    fn every_time_beyond_the_end_of_time_is_that_one() {
        let end = Now::from_nanos(u64::MAX, u64::MAX);
        assert_eq!(Now::new(Duration::MAX, Duration::MAX), end);
        assert_eq!(at(u64::MAX, u64::MAX).after(SECOND), end);
        assert_eq!(Now::from_nanos(1, 2).after(Duration::MAX), end);
        assert_eq!(end.wall(), Duration::from_nanos(u64::MAX));
        assert_eq!(Span::new(end, SECOND).left(end), Duration::ZERO);
        let precise = Now::new(Duration::new(3, 7), Duration::new(5, 11));
        assert_eq!(precise, Now::from_nanos(3_000_000_007, 5_000_000_011));
        assert_eq!(precise.monotonic(), Duration::new(5, 11));
    }

    #[test]
    fn both_clocks_are_shown() {
        assert_eq!(format!("{:?}", at(3, 5)), "Now { wall: 3s, monotonic: 5s }");
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
