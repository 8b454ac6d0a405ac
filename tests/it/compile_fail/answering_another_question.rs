//! Each step takes its own kind of answer (E0308, I03).
use entra_proto::{Now, Partition, SignAssertion, Step};

fn driver(sign: SignAssertion, found: Partition, now: Now) -> Step {
    sign.resume(Ok(found), now)
}

fn main() {}
