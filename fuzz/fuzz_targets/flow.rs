//! Whatever clients, requests and answers the bytes script, every flow ends within the bound of steps, sends at most twice, goes to hosts of the closed table, keeps pairs whole, hands tokens only to whom they were issued, prints no secret and does not panic.
#![no_main]

#[path = "../support.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use support::*;

use journey::{Dice, World};

/// A byte for each decision. When there are no more, whatever is most common happens.
struct Bytes<'a>(std::slice::Iter<'a, u8>);

impl Dice for Bytes<'_> {
    fn roll(&mut self, sides: u32) -> u32 {
        match self.0.next() {
            Some(byte) => u32::from(*byte) % sides,
            None => sides - 1,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let mut world = World::new();
    let mut bytes = Bytes(data.iter());
    for _ in 0..6 {
        world.walk(&mut bytes, |_, _| ());
        if bytes.0.as_slice().is_empty() {
            break;
        }
    }
});
