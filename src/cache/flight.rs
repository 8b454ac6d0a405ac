//! Flights: which callers wait for one request instead of making one each (rule 10).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::key::PartitionKey;
use super::partition::About;
use super::scopes::ScopeSet;

/// What callers queue for: requests with equal keys would get the same answer, so one of them asks.
///
/// Ordered and hashed, for the map of whoever keeps the turns:
///
/// ```
/// use std::collections::BTreeSet;
/// use entra_proto::*;
///
/// # let credential = Credential::secret(Secret::new("s"));
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
/// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
/// let now = Now::new(std::time::Duration::from_secs(1_798_761_600), std::time::Duration::ZERO);
/// let mut in_flight: BTreeSet<FlightKey> = BTreeSet::new();
/// for is_first in [true, false] {
///     let Step::LoadCache(load) = plan.clone().start(Seed::from_bytes([7; 32]), now) else { panic!("another step") };
///     let Step::TakeTurn(take) = load.resume(Ok(Partition::default()), now) else { panic!("another step") };
///     assert_eq!(in_flight.insert(take.key().clone()), is_first);
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct FlightKey {
    partition: PartitionKey,
    asked: Option<Asked>,
    bypass: Bypass,
}

/// What is asked for, shared with the plan. Its scopes tell it apart: their spelling is no part of it, and the rest is in the partition.
#[derive(Clone)]
struct Asked(Arc<About>);

/// Requests that bypass reading join only their like, with the same claims.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Bypass {
    No,
    Yes { claims: Option<String> },
}

impl FlightKey {
    pub(crate) fn token(partition: PartitionKey, asked: Arc<About>, bypass: Bypass) -> Self {
        Self {
            partition,
            asked: Some(Asked(asked)),
            bypass,
        }
    }

    pub(crate) fn fact(partition: PartitionKey) -> Self {
        Self {
            partition,
            asked: None,
            bypass: Bypass::No,
        }
    }
}

impl Asked {
    fn scopes(&self) -> &ScopeSet {
        &self.0.scopes
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.scopes() == other.scopes()
    }
}

impl Eq for Asked {}

impl Hash for FlightKey {
    /// By what nearly all flights differ in.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.partition.hash(state);
        if let Some(asked) = &self.asked {
            asked.scopes().hash(state);
        }
    }
}

impl Ord for Asked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.scopes().cmp(other.scopes())
    }
}

impl PartialOrd for Asked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for FlightKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightKey")
            .field("partition", &self.partition)
            .field("scopes", &self.asked.as_ref().map(Asked::scopes))
            .field("bypass", &(self.bypass != Bypass::No))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::key::digest;
    use super::super::{TokenKind, samples};
    use super::*;

    /// Callers that spell the scopes of one token differently wait for one request, and others don't wait for it. Flights are kept in
    /// tables: were all hashes one, each look-up would go through all flights.
    #[test]
    fn run02_flights_are_told_apart_by_their_scopes_however_those_are_spelled() {
        let flight = |scopes: &str| {
            let about = About {
                kind: TokenKind::Bearer,
                scopes: ScopeSet::of(scopes.split(' ')),
                target: scopes.into(),
            };
            let key = PartitionKey::tokens(samples::key("contoso.com", "app"));
            FlightKey::token(key, Arc::new(about), Bypass::No)
        };
        let (one, same) = (flight("a B"), flight("b A"));
        assert!(one == same && digest(&one) == digest(&same));
        assert_eq!(one.partial_cmp(&same), Some(Ordering::Equal));
        let others = ["a", "b", "a c"].map(flight);
        let mut hashes = BTreeSet::from([digest(&one)]);
        for other in &others {
            assert!(
                one != *other
                    && one.partial_cmp(other) == other.partial_cmp(&one).map(Ordering::reverse)
            );
            hashes.insert(digest(other));
        }
        assert_eq!(hashes.len(), 4);
    }
}
