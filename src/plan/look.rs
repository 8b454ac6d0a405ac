//! Where to look first: what nearly every call comes to is a token that is remembered, and that takes no plan.

use crate::cache::{Look, PartitionKey, ScopeSet};
use crate::client::{BearerIsolation, Client};
use crate::metadata::Hit;
use crate::request::{Grant, TokenRequest};

use super::Plan;

/// Where a flow looks before it asks anybody for anything.
#[derive(Clone)]
pub(super) struct FirstLook {
    pub(super) key: PartitionKey,
    pub(super) scopes: ScopeSet,
    /// How it went if a token is found.
    pub(super) hit: Hit,
}

impl Plan {
    /// Where its token is looked for before anything else, if it may be remembered and its key is known without asking anybody: for
    /// [`Memory::hit`](crate::Memory::hit), which has an example.
    #[must_use]
    pub fn look(&self) -> Option<Look<'_>> {
        let FirstLook { key, scopes, hit } = self.first_look.as_ref()?;
        Some(Look::new(key.of_tokens()?, scopes, hit))
    }

    /// The key of that look.
    pub(crate) fn first_look(&self) -> Option<&PartitionKey> {
        self.first_look.as_ref().map(|look| &look.key)
    }
}

impl TokenRequest {
    /// Where its token is looked for, as its [plan](Plan::look) would say, but without one: for the plainest requests, which are for Bearer
    /// tokens for the application itself, in the authority's tenant or in one that is named by its GUID (in lower case), with nothing else
    /// that is part of the key. None means nothing but that it takes a plan to say.
    ///
    /// [`Memory::hit`](crate::Memory::hit) has an example.
    #[must_use]
    pub fn look<'a>(&'a self, client: &'a Client) -> Option<Look<'a>> {
        let configuration = client.configuration();
        if !self.is_plain() || configuration.bearer_isolation == BearerIsolation::PerCertificate {
            return None;
        }
        let key = match &self.tenant {
            None => configuration.own_key.of_tokens()?,
            Some(tenant) if configuration.authority.takes_tenant() => {
                configuration.plain_key.in_tenant(tenant.part)?
            }
            Some(_) => return None,
        };
        Some(Look::new(key, self.scopes.set()?, Hit::PLAIN))
    }

    /// Whether its key follows from its tenant and its scopes.
    fn is_plain(&self) -> bool {
        let Self {
            grant,
            scopes: _,
            pop,
            bypass,
            tenant: _,
            options,
            // Bearer tokens that are shared have no certificate in their key.
            offered: _,
            deadline: _,
        } = self;
        matches!(grant, Grant::ClientCredentials) && !pop && !bypass && options.is_none()
    }
}
