//! What `entra-proto` costs, measured in one run beside what users would pick instead, and a fleet simulated with the real core.
//!
//! `cargo run -p entra-bench --release -- report` takes all figures and writes `docs/PERFORMANCE.md` with its plots. Figures of other
//! days and machines do not compare; ratios within one run do, and so do counts of instructions, allocations and requests.
//!
//! Read in this order: [`world`] (what is asked for and answered), [`sampler`] (how times are taken), [`subjects`] (what is timed and
//! counted), then what is measured in other ways.

#![forbid(unsafe_code)]
#![expect(
    clippy::exhaustive_structs,
    reason = "nobody but this package's own programs and tests uses it"
)]

/// What the core's own sources find at their root where they are compiled here too.
mod secret {
    pub(crate) use entra_proto::Body;
}

pub mod contender;
pub mod counts;
pub mod driver;
pub mod fleet;
pub mod measure;
pub mod report;
pub mod resident;
pub mod sampler;
pub mod scripts;
pub mod server;
pub mod subjects;
pub mod world;
