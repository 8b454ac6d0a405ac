//! What is measured in other ways than by calling a subject again and again: threads, crowds, stalls, connections, rotations.

mod acquisition;
mod crowd;
mod rotation;
mod stall;
mod threads;

pub use acquisition::{Acquisition, Bare, First, Kept, acquisition};
pub use crowd::{Crowd, at_once_over, azure_refused, azure_side_by_side, crowd, side_by_side};
pub use rotation::{Moment, rotation};
pub use stall::{Latencies, azure_stall, stall};
pub use threads::{Threads, threads};
