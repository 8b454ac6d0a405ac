//! A user's federated identity credential (`user_fic`): what is sent, and that it never goes over mutual TLS.

use entra_proto::*;

use crate::certificates::{RSA, numbered};
use crate::clients::{client, run, secret};
use crate::grants::{PLAIN, assert_form, federated, upn};
use crate::script::{Script, alone, answer, pair};

#[test]
fn a_federated_users_credential_is_sent_with_one_name_of_the_user() {
    let id = "33333333-3333-3333-3333-333333333333";
    let users = [
        (upn(), ("username", "user@contoso.com")),
        (User::ObjectId(id.to_owned()), ("user_id", id)),
    ];
    let assertion = ("client_assertion", "CANARY.pair.1");
    let kind = (
        "client_assertion_type",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    );
    for (user, name) in users {
        let grant = [
            ("grant_type", "user_fic"),
            ("user_federated_identity_credential", "CANARY.fic"),
            ("client_info", "1"),
            name,
        ];
        let client = client(Credential::signed_assertion_provider());
        let run = run(Script::new().pairs([alone(1)]), federated(user), &client);
        assert_form(&run, &grant, &[kind, assertion]);
        assert_eq!(
            (run.request().host.as_str(), run.request().certificate),
            (PLAIN, None)
        );
        assert!(run.token().account().is_some());
    }
}

/// Over plain transport only: nothing is sent whose certificate says otherwise.
#[test]
fn a_federated_users_credential_never_goes_over_mutual_tls() {
    let by_pair = client(Credential::signed_assertion_provider());
    let refused = run(Script::new().pairs([pair(1)]), federated(upn()), &by_pair);
    assert_eq!(refused.error().code(), "invalid_credential_material");
    assert!(refused.sent.is_empty() && refused.asked.len() == 1);
    // Nor at the second attempt.
    let script = Script::new()
        .pairs([alone(1), pair(2)])
        .answers([answer(503, "")]);
    let refused = run(script, federated(upn()), &by_pair);
    assert_eq!(refused.error().code(), "invalid_credential_material");
    assert_eq!(refused.sent.len(), 1);

    for credential in [
        Credential::certificate(numbered(RSA, 1)).send_over_mtls(),
        Credential::certificate_provider().send_over_mtls(),
    ] {
        let error = federated(upn()).plan(&client(credential)).unwrap_err();
        assert_eq!(error.code(), "invalid_credential_material");
    }
    // A certificate that only signs is no matter.
    for credential in [
        Credential::certificate(numbered(RSA, 1)),
        Credential::certificate_provider(),
        Credential::assertion_provider(),
        secret(),
    ] {
        let run = run(
            Script::new().pairs([pair(1)]),
            federated(upn()),
            &client(credential),
        );
        assert_eq!(
            (run.request().host.as_str(), run.request().certificate),
            (PLAIN, None)
        );
    }
}
/// Rule 16: that is a fault of the request's own, whatever the credential could do.
#[test]
fn r16_a_federated_user_with_proof_of_possession_is_refused_before_the_credential() {
    for credential in [
        secret(),
        Credential::assertion_provider(),
        Credential::signed_assertion_provider(),
        Credential::certificate(numbered(RSA, 1)),
        Credential::certificate_provider().send_over_mtls(),
    ] {
        let request = federated(upn()).proof_of_possession();
        let error = request.plan(&client(credential)).unwrap_err();
        assert_eq!(error.code(), "invalid_request_parameter");
    }
}
