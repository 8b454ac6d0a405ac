//! What is remembered: tokens, and notes about regions, hosts and throttling. Plain values; look-up and merge are pure.

mod ends;
mod flight;
mod key;
mod key_parts;
mod kins;
mod look;
mod memory;
mod partition;
mod parts;
mod portable;
mod renewals;
#[cfg(test)]
mod samples;
mod scopes;
mod shares;
mod table;
mod token_key;
mod tokens;

pub use flight::FlightKey;
pub use key::PartitionKey;
pub use look::Look;
pub use memory::{Limits, Memory};
pub use partition::{CacheUpdate, Partition};
pub use parts::Remembered;
pub use portable::PortableCache;
pub use renewals::Renewals;
pub use token_key::TokenKind;

pub(crate) use flight::Bypass;
pub(crate) use key::Fact;
pub(crate) use key_parts::{TenantPart, TenantlessKey};
pub(crate) use partition::{About, Beside, Entry, Held, Issued, Note, Wanted};
pub(crate) use scopes::ScopeSet;
pub(crate) use token_key::{Further, GrantKey, TokenKey};
