//! The main flows, step by step: a plan, a script, the steps seen, the result.

mod attempts;
mod bound;
mod cache;
mod discovery;
mod providers;
mod steps;
