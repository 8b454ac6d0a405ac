//! Who asks: five clients with credentials of all sorts, and what they ask for.

use std::collections::BTreeSet;

use entra_proto::*;

use super::program::{Bypass, Wish};
use crate::certificates::{P256, numbered, thumbprint};

/// How many parties there are.
pub(super) const COUNT: usize = 5;

/// A client, and what the model knows of it.
pub(super) struct Party {
    pub(super) client: Client,
    pub(super) proof: Proof,
    /// Bearer tokens are kept apart by certificate.
    pub(super) isolated: bool,
    /// Where it runs; none if it has to ask.
    pub(super) region: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proof {
    /// A provider of assertions with their certificates.
    Pairs,
    /// A provider of certificates, which are presented and sign.
    Certificates,
    /// A fixed certificate, which signs, and is presented for PoP.
    Certificate,
    Secret,
}

impl Proof {
    pub(super) fn asks_provider(self) -> bool {
        match self {
            Self::Pairs | Self::Certificates => true,
            Self::Certificate | Self::Secret => false,
        }
    }
}

pub(super) const TENANTS: [&str; 2] = ["contoso.com", "fabrikam.com"];
const SCOPES: [&[&str]; 4] = [&["a"], &["a", "b"], &["B", "a"], &["a", "b", "c"]];
const CLAIMS: [&str; 2] = [r#"{"x":{"a":1}}"#, r#"{"x":{"a":2}}"#];
/// The fixed certificate has this number; those of providers count from it.
pub(super) const FIRST: u32 = 1;

pub(super) fn parties() -> [Party; COUNT] {
    let chain = || numbered(P256, FIRST);
    [
        (
            "app-0",
            Credential::signed_assertion_provider(),
            Proof::Pairs,
            false,
            true,
        ),
        (
            "app-1",
            Credential::signed_assertion_provider(),
            Proof::Pairs,
            true,
            true,
        ),
        (
            "app-2",
            Credential::certificate_provider().send_over_mtls(),
            Proof::Certificates,
            false,
            false,
        ),
        (
            "app-3",
            Credential::certificate(chain()),
            Proof::Certificate,
            false,
            true,
        ),
        (
            "app-4",
            Credential::secret(Secret::new("CANARY-secret")),
            Proof::Secret,
            false,
            true,
        ),
    ]
    .map(|(id, credential, proof, isolated, named)| {
        let region = named.then_some("westus3");
        let source = match region {
            Some(region) => RegionSource::Named(region.to_owned()),
            None => RegionSource::Discover,
        };
        let isolation = match isolated {
            true => BearerIsolation::PerCertificate,
            false => BearerIsolation::Shared,
        };
        let authority = "https://login.microsoftonline.com/contoso.com";
        let client = Client::builder(id, authority, credential)
            .region(source)
            .bearer_isolation(isolation)
            .build()
            .expect("a client");
        Party {
            client,
            proof,
            isolated,
            region,
        }
    })
}

impl Wish {
    /// The scopes as a set, in lower case.
    pub(super) fn scope_set(&self) -> BTreeSet<String> {
        let scopes = SCOPES[self.scopes].iter();
        scopes.map(|scope| scope.to_ascii_lowercase()).collect()
    }

    pub(super) fn kind(&self) -> TokenKind {
        match self.pop {
            true => TokenKind::MtlsPop,
            false => TokenKind::Bearer,
        }
    }

    /// Whether a provider's answer is part of what the token is remembered under (rule 4).
    pub(super) fn answer_names_key(&self, party: &Party) -> bool {
        party.proof.asks_provider() && (self.pop || party.isolated)
    }

    /// The certificate that the driver names beforehand.
    pub(super) fn offered(&self, party: &Party, current: u32) -> Option<Thumbprint> {
        let reads = self.bypass == Bypass::No;
        let of_use = reads && self.answer_names_key(party);
        (self.offers && of_use).then(|| thumbprint(P256, current))
    }

    pub(super) fn plan(&self, party: &Party, current: u32) -> Result<Plan, Error> {
        let mut request = TokenRequest::for_app(SCOPES[self.scopes].iter().copied())
            .tenant(TENANTS[self.tenant])
            .deadline(std::time::Duration::from_secs(self.deadline));
        if self.pop {
            request = request.proof_of_possession();
        }
        request = match self.bypass {
            Bypass::No => request,
            Bypass::Forced => request.bypassing_cache(),
            Bypass::Challenged(which) => request.claims(CLAIMS[which]),
        };
        if self.offers {
            request = request.offering(thumbprint(P256, current));
        }
        request.plan(&party.client)
    }
}
