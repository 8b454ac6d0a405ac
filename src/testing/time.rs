//! Clocks, delays and dice.

use std::time::Duration;

use proptest::prelude::*;

use crate::secret::Seed;
use crate::time::Now;

/// What two clocks may say: mostly these years on a machine that has been up for a while, now and then the edges of both.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn moments() -> impl Strategy<Value = Now> {
    let wall = prop_oneof![
        8 => 1_767_225_600_u64..2_082_758_400,
        1 => 0..4_294_967_296_u64,
        1 => Just(0),
        1 => Just(u64::MAX),
    ];
    let monotonic = prop_oneof![
        8 => 0..10_000_000_u64,
        1 => Just(0),
        1 => Just(u64::MAX),
    ];
    (wall, monotonic, 0..1_000_000_000_u32).prop_map(|(wall, monotonic, nanoseconds)| {
        Now::new(
            Duration::new(wall, nanoseconds),
            Duration::new(monotonic, nanoseconds),
        )
    })
}

/// How long an answer may take: nothing mostly, now and then what makes pairs, tokens and callers grow old.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn delays() -> impl Strategy<Value = Duration> {
    prop_oneof![
        12 => Just(Duration::ZERO),
        4 => (0..3_000_u64).prop_map(Duration::from_millis),
        1 => (0..120_u64).prop_map(Duration::from_secs),
        1 => (0..100_000_u64).prop_map(Duration::from_secs),
    ]
}

/// The dice of one flow.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn seeds() -> impl Strategy<Value = Seed> {
    any::<[u8; 32]>().prop_map(Seed::from_bytes)
}
