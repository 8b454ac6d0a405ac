//! What is remembered: tokens, and notes about regions, hosts and throttling. Plain values; look-up and merge are pure.

mod key;
mod kins;
mod memory;
mod partition;
mod parts;
mod portable;
mod shares;
mod tokens;

pub use key::{FlightKey, PartitionKey, TokenKind};
pub use memory::{Limits, Memory};
pub use partition::{CacheUpdate, Partition};
pub use parts::Remembered;
pub use portable::PortableCache;

pub(crate) use key::{Bypass, Fact, Further, GrantKey, ScopeSet, TokenKey};
pub(crate) use partition::{About, Beside, Entry, Held, Issued, Note, Wanted};
