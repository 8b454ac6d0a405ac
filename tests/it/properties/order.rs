//! Rule 16: the order of errors.

use entra_proto::*;

use crate::certificates::{P256, numbered};
use crate::script::{Script, failure};

/// One thing each that is wrong, from the first that is judged to the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wrong {
    ClientId,
    Scopes,
    Tenant,
    Claims,
    Parameter,
    Assertion,
    Certificate,
    Door,
    Region,
    Host,
    Network,
}

/// RUN-14: of any two faults the earlier one is reported, and what comes later has not been touched.
#[test]
fn run14_r16_the_earlier_of_two_faults_is_reported() {
    use Wrong::*;
    let order = [
        (ClientId, "invalid_client_id"),
        (Scopes, "invalid_scope"),
        (Tenant, "invalid_tenant"),
        (Claims, "invalid_json_claims_format"),
        (Parameter, "invalid_request_parameter"),
        (Assertion, "invalid_client_assertion"),
        (Certificate, "mtls_certificate_not_provided"),
        (Door, "missing_tenanted_authority"),
        (Region, "mtls_pop_without_region"),
        (Host, "mtls_pop_not_supported_for_environment"),
        (Network, "tls_failed"),
    ];
    for (place, (first, expected)) in order.iter().enumerate() {
        for (second, _) in &order[place..] {
            let wrong = |what: Wrong| what == *first || what == *second;
            let seen = with_faults(&wrong);
            assert_eq!(seen.0, *expected, "{first:?} and {second:?}");
            assert_eq!(
                seen.1,
                usize::from(place >= 5),
                "the provider is asked only where it has to be"
            );
            assert_eq!(
                seen.2,
                usize::from(*first == Network),
                "{first:?} and {second:?}"
            );
        }
    }
}

/// The code, how often the provider was asked, how many requests were sent.
fn with_faults(wrong: &dyn Fn(Wrong) -> bool) -> (String, usize, usize) {
    let host = if wrong(Wrong::Host) {
        "login.usgovcloudapi.net"
    } else {
        "login.microsoftonline.us"
    };
    let door = if wrong(Wrong::Door) {
        "organizations"
    } else {
        "contoso.com"
    };
    let id = if wrong(Wrong::ClientId) { "" } else { "app" };
    let region = if wrong(Wrong::Region) {
        RegionSource::Unset
    } else {
        RegionSource::Named("r".to_owned())
    };
    let client = Client::builder(
        id,
        format!("https://{host}/{door}"),
        Credential::signed_assertion_provider(),
    )
    .region(region)
    .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return (error.code().to_owned(), 0, 0),
    };
    let mut request = TokenRequest::for_app([if wrong(Wrong::Scopes) { "\n" } else { "s" }])
        .proof_of_possession();
    if wrong(Wrong::Tenant) {
        request = request.tenant("..");
    }
    if wrong(Wrong::Claims) {
        request = request.claims("[]");
    }
    if wrong(Wrong::Parameter) {
        request = request.correlation_id("1");
    }
    let plan = match request.plan(&client) {
        Ok(plan) => plan,
        Err(error) => return (error.code().to_owned(), 0, 0),
    };
    let text = Secret::new(if wrong(Wrong::Assertion) {
        " "
    } else {
        "CANARY.jwt"
    });
    let pair = if wrong(Wrong::Certificate) {
        ClientAssertion::new(text)
    } else {
        ClientAssertion::bound(text, numbered(P256, 1))
    };
    let run = Script::new()
        .pairs([pair])
        .answers([Err(failure(FailureKind::Tls))])
        .run(&plan);
    (
        run.error().code().to_owned(),
        run.asked.len(),
        run.sent.len(),
    )
}
