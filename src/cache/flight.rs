//! Flights: which callers wait for one request instead of making one each (rule 10).

use std::fmt;

use super::key::PartitionKey;
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
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FlightKey {
    partition: PartitionKey,
    scopes: Option<ScopeSet>,
    bypass: Bypass,
}

/// Requests that bypass reading join only their like, with the same claims.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Bypass {
    No,
    Yes { claims: Option<String> },
}

impl FlightKey {
    pub(crate) fn token(partition: PartitionKey, scopes: ScopeSet, bypass: Bypass) -> Self {
        Self {
            partition,
            scopes: Some(scopes),
            bypass,
        }
    }

    pub(crate) fn fact(partition: PartitionKey) -> Self {
        Self {
            partition,
            scopes: None,
            bypass: Bypass::No,
        }
    }
}

impl fmt::Debug for FlightKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightKey")
            .field("partition", &self.partition)
            .field("scopes", &self.scopes)
            .field("bypass", &(self.bypass != Bypass::No))
            .finish()
    }
}
