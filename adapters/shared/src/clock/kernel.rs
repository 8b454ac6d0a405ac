//! The clocks as the kernel of Linux tells them: without the checks of the standard library's, which cost more than the clocks do.

use entra_proto::Now;
use rustix::time::{ClockId, clock_gettime};

/// The moment that is counted from, in nanoseconds of the kernel's clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    precise: u64,
    /// A tick before the same moment, by the coarse clock.
    coarse: u64,
}

/// How far behind the coarse clocks may be, in nanoseconds: a tick, and the slowest kernels tick 100 times a second.
const TICK: u64 = 10_000_000;

impl Origin {
    pub(super) fn now() -> Self {
        Self {
            precise: read(ClockId::Monotonic),
            coarse: read(ClockId::MonotonicCoarse).saturating_sub(TICK),
        }
    }

    #[inline]
    pub(super) fn read(&self) -> Now {
        let monotonic = read(ClockId::Monotonic).saturating_sub(self.precise);
        Now::from_nanos(read(ClockId::Realtime), monotonic)
    }

    /// Up to two ticks late, never early. It costs a load.
    #[inline]
    pub(super) fn read_about(&self) -> Now {
        let monotonic = read(ClockId::MonotonicCoarse).saturating_sub(self.coarse);
        let wall = read(ClockId::RealtimeCoarse).saturating_add(TICK);
        Now::from_nanos(wall, monotonic)
    }
}

/// What one of the kernel's clocks says. Before 1970 there is nothing to say but nought.
#[inline]
fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    // Never negative; if it were, it would be late, which ends tokens.
    let nanos = time.tv_nsec.cast_unsigned();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}
