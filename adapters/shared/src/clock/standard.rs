//! The clocks as the standard library tells them, for systems that have none that cost less.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use entra_proto::Now;

/// The moment that is counted from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin(Instant);

impl Origin {
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    pub(super) fn read(&self) -> Now {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Now::new(wall, self.0.elapsed())
    }

    pub(super) fn read_about(&self) -> Now {
        self.read()
    }
}
