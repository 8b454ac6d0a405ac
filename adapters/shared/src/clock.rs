//! The clocks and the environment: what the core takes as arguments, read here.

use std::time::Duration;

use entra_proto::{Environment, Now};

#[cfg_attr(
    any(target_os = "linux", target_os = "android"),
    path = "clock/kernel.rs"
)]
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    path = "clock/standard.rs"
)]
mod origin;

use origin::Origin;

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
pub struct Clock(Origin);

impl Clock {
    /// A clock that counts from now.
    #[must_use]
    pub fn start() -> Self {
        Self(Origin::now())
    }

    /// What both clocks say, or up to 20 ms later and never earlier: enough for whoever asks whether a token has five minutes left,
    /// and on Linux what it costs is a load.
    #[must_use]
    #[inline]
    pub fn about_now(&self) -> Now {
        self.0.read_about()
    }

    /// What both clocks say. A wall clock before 1970 reads as 1970, where no token serves.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Now {
        self.0.read()
    }

    /// How long until a moment of the monotonic clock.
    #[must_use]
    pub fn until(&self, moment: Duration) -> Duration {
        moment.saturating_sub(self.now().monotonic())
    }
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
