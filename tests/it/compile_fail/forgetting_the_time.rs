//! The time is part of the answer (E0061, I03).
use entra_proto::{SignAssertion, Signature, Step};

fn driver(sign: SignAssertion) -> Step {
    sign.resume(Ok(Signature::new(vec![])))
}

fn main() {}
