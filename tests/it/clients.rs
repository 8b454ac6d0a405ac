//! Clients and requests that most tests begin with.

use entra_proto::*;

use crate::script::{Run, Script};

pub(crate) const SCOPE: &str = "https://vault.azure.net/.default";
pub(crate) const CONTOSO: &str = "https://login.microsoftonline.com/contoso.com";

pub(crate) fn builder(credential: Credential) -> ClientBuilder {
    Client::builder("11111111-1111-1111-1111-111111111111", CONTOSO, credential)
}

/// A client in the region westus3.
pub(crate) fn client(credential: Credential) -> Client {
    in_region(builder(credential), "westus3")
}

pub(crate) fn in_region(builder: ClientBuilder, region: &str) -> Client {
    let source = RegionSource::Named(region.to_owned());
    builder.region(source).build().expect("a client")
}

pub(crate) fn secret() -> Credential {
    Credential::secret(Secret::new("CANARY&secret=1 %"))
}

pub(crate) fn bearer() -> TokenRequest {
    TokenRequest::for_app([SCOPE])
}

pub(crate) fn pop() -> TokenRequest {
    bearer().proof_of_possession()
}

#[track_caller]
pub(crate) fn plan(request: TokenRequest, client: &Client) -> Plan {
    request.plan(client).expect("a plan")
}

/// One flow in a world of its own.
#[track_caller]
pub(crate) fn run(script: Script, request: TokenRequest, client: &Client) -> Run {
    let mut script = script;
    script.run(&plan(request, client))
}
