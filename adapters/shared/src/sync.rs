//! What is shared between threads is made of these. `tests/interleavings` compiles the same sources against loom's instead, and
//! tries every order in which threads can meet there.

pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
