//! One integration binary; one module per behaviour.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at one kind of step or value, and at the others only to go on"
)]

mod acceptance;
mod accounts;
mod answers;
mod canary;
mod certificates;
mod challenges;
mod claims;
mod clients;
mod compile_fail;
mod crowd;
mod documents;
mod edges;
mod examples;
mod federated;
mod flows;
mod grants;
mod hosts;
mod invariants;
mod journey;
mod load;
mod memory;
mod metadata;
mod model;
mod order;
mod parameters;
mod parts;
mod portable;
mod printed;
mod properties;
mod purity;
mod script;
mod tenants;
mod testing;
mod turns;
mod users;
mod walk;
