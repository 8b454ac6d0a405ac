//! There is neither a default seed nor a default time: who can't have them can't begin (E0599, E0061, I43).
use entra_proto::{Now, Plan, Seed, Step};

fn driver(plan: Plan) -> (Step, Seed, Now) {
    (plan.start(), Seed::default(), Now::default())
}

fn main() {}
