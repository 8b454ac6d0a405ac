//! One integration binary; one module per behaviour.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at one kind of step or value, and at the others only to go on"
)]

mod acceptance;
mod canary;
mod certificates;
mod compile_fail;

mod flows;
mod hosts;
mod journey;
mod load;
mod memory;
mod properties;
mod purity;
mod script;
mod turns;
mod walk;
