//! Only the core ends a flow (E0451, I03).
use entra_proto::{AccessToken, Done, Step};

fn driver(token: AccessToken) -> Step {
    Step::Done(Done {
        result: Ok(token),
        renewal: None,
    })
}

fn main() {}
