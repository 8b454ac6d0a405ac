//! A step is consumed by its answer (E0382, I03).
use entra_proto::{Now, SignAssertion, Signature, Step};

fn driver(sign: SignAssertion, now: Now) -> (Step, Step) {
    let first = sign.resume(Ok(Signature::new(vec![])), now);
    let again = sign.resume(Ok(Signature::new(vec![])), now);
    (first, again)
}

fn main() {}
