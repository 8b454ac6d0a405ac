//! The clocks, the seed and the environment: what the core takes as arguments, read here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use entra_proto::{Environment, Now, Seed};

/// Reads both clocks. One per client: the monotonic readings of two are not comparable.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that counts from now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
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
/// # Errors
/// When the system has no randomness to give; there is no default (I43).
pub fn seed() -> Result<Seed, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Seed::from_bytes(bytes))
}

/// Reads the variables that matter from the process's environment.
#[must_use]
pub fn read_environment() -> Environment {
    Environment::read(|name| std::env::var(name).ok())
}
