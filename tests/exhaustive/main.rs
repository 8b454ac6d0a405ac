//! The table of decisions, cell by cell.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most of what is matched on here has one value that matters"
)]

#[path = "../it/certificates.rs"]
#[expect(dead_code, reason = "shared with the tests that need more of it")]
mod certificates;
mod symptoms;
