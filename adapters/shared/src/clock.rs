//! The clocks, the seed and the environment: what the core takes as arguments, read here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use entra_proto::{Environment, Now, Seed};

/// Reads both clocks. One per client: the monotonic readings of two are not comparable.
///
/// ```
/// use std::time::Duration;
///
/// let clock = entra_adapter::Clock::start();
/// let now = clock.now();
/// assert!(clock.until(now.monotonic() + Duration::from_secs(60)) <= Duration::from_secs(60));
/// assert_eq!(clock.until(now.monotonic()), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// A tick before the same moment, by the kernel's coarse clock and in nanoseconds.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    coarse_origin: u64,
}

/// How far behind the kernel's coarse clocks may be, in nanoseconds: a tick, and the slowest kernels tick 100 times a second.
#[cfg(any(target_os = "linux", target_os = "android"))]
const TICK: u64 = 10_000_000;

/// What one of the kernel's coarse clocks says, in nanoseconds.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[inline]
fn coarse(clock: rustix::time::ClockId) -> u64 {
    let time = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

impl Clock {
    /// A clock that counts from now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            coarse_origin: coarse(rustix::time::ClockId::MonotonicCoarse).saturating_sub(TICK),
        }
    }

    /// What both clocks say, or up to 20 ms later and never earlier: enough for whoever asks whether a token has five minutes left,
    /// and what it costs is a load.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[must_use]
    #[inline]
    pub fn about_now(&self) -> Now {
        use rustix::time::ClockId::{MonotonicCoarse, RealtimeCoarse};
        let monotonic = coarse(MonotonicCoarse).saturating_sub(self.coarse_origin);
        Now::from_nanos(coarse(RealtimeCoarse).saturating_add(TICK), monotonic)
    }

    /// What both clocks say: this system has none that cost less.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    #[must_use]
    #[inline]
    pub fn about_now(&self) -> Now {
        self.now()
    }

    /// What both clocks say. A wall clock before 1970 reads as 1970, where no token serves.
    #[must_use]
    pub fn now(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now::new(wall, self.origin.elapsed())
    }

    /// How long until a moment of the monotonic clock.
    #[must_use]
    pub fn until(&self, moment: Duration) -> Duration {
        moment.saturating_sub(self.origin.elapsed())
    }
}

/// Draws a seed from the system's generator.
///
/// Each flow starts with one, as the [crate's documentation](crate) shows.
///
/// # Errors
/// When the system has no randomness to give; there is no default (I43).
pub fn seed() -> Result<Seed, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Seed::from_bytes(bytes))
}

/// Reads the variables that matter from the process's environment.
///
/// ```no_run
/// use entra_proto::{Client, Credential, RegionSource};
///
/// let credential = Credential::signed_assertion_provider();
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential)
///     .region(RegionSource::Discover)
///     .environment(entra_adapter::read_environment())
///     .build()?;
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[must_use]
pub fn read_environment() -> Environment {
    Environment::read(|name| std::env::var(name).ok())
}
