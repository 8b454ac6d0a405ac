//! What is shared between threads is made of these. `tests/interleavings` compiles the same sources against loom's instead, and
//! tries every order in which threads can meet there.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many parts a memory has: so many that two threads with a few keys each seldom meet in one, and so few that the tables of each
/// are shared by enough tokens.
pub(crate) const PARTS: usize = 16;
