//! Grants about users, over mutual TLS as well as plain, with the server's own record of the handshake (rules 1 to 3).

use std::sync::Arc;

use entra_adapter::ProvidedAssertion;
use entra_emulator::{Application, AuthorizationCode, RequestRecord, TENANT_ID};
use entra_proto::{AccessToken, Credential, Secret, TokenRequest, TokenSource, User};

use crate::world::{CLIENT_ID, ISSUER, SECRET, SUBJECT, World, issue};
use crate::{Assertions, Driver};

const GRAPH: &str = "https://graph.microsoft.com/User.Read";
const REDIRECT: &str = "https://contoso.example/signed-in";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const USER: &str = "ada@contoso.onmicrosoft.com";

/// A world whose application has been sent two authorization codes.
fn world() -> World {
    World::with(|builder| {
        let code = |code| AuthorizationCode::new(code, REDIRECT).user(USER);
        builder.application(
            Application::new(CLIENT_ID)
                .secret(SECRET)
                .federated(ISSUER, SUBJECT)
                .code(code("code-1").challenge_s256(CHALLENGE))
                .code(code("code-2")),
        )
    })
}

fn redeem(code: &str) -> TokenRequest {
    TokenRequest::redeeming(Secret::new(code), REDIRECT, [GRAPH])
}

/// The latest request went over mutual TLS with this certificate, as a pair's, and asked for no other kind of token.
#[track_caller]
fn assert_bound(world: &World, grant: &str) -> RequestRecord {
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(request.host, "westus3.mtlsauth.microsoft.com");
    assert_eq!(
        request.client_certificate.as_deref(),
        Some(world.alpha.certificate_der())
    );
    assert_eq!(request.form_value("grant_type"), Some(grant));
    assert_eq!(
        request.form_value("client_assertion_type"),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-pop")
    );
    assert_eq!(request.form_value("token_type"), None);
    let connections = world.emulator.connections();
    let connection = connections.iter().find(|one| one.id == request.connection);
    let connection = connection.unwrap();
    assert_eq!(
        connection.client_certificate.as_deref(),
        Some(world.alpha.certificate_der())
    );
    assert!(connection.asked_for_certificate && !connection.resumed);
    request
}

/// IMP-01 on behalf of a user: the same transport, and a partition for each user.
pub fn imp01_on_behalf_of_a_user_over_mtls<D: Driver>() {
    let world = world();
    let (provider, calls) = world.pairs(&world.alpha);
    let client = D::build(world.with_provider(provider)).unwrap();
    let user = |name| Secret::new(world.emulator.issue_user_token(CLIENT_ID, name));
    let (ada, bob) = (user(USER), user("bob@contoso.onmicrosoft.com"));
    let ask = |user: &Secret| {
        D::token(&client, &TokenRequest::on_behalf_of(user.clone(), [GRAPH])).unwrap()
    };
    let first = ask(&ada);
    let request = assert_bound(&world, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(request.form_value("assertion"), Some(ada.expose()));
    assert_eq!(
        request.form_value("requested_token_use"),
        Some("on_behalf_of")
    );
    let other = ask(&bob);
    assert_ne!(first.secret(), other.secret());
    let again = ask(&ada);
    assert_eq!(
        (again.source(), again.secret()),
        (TokenSource::Cache, first.secret())
    );
    assert_eq!(
        (
            world.token_requests(),
            calls.load(std::sync::atomic::Ordering::SeqCst)
        ),
        (2, 2)
    );
}

/// IMP-01 for an authorization code with PKCE, and what it brings: an account that needs neither code nor user again.
pub fn imp01_a_code_and_its_account_over_mtls<D: Driver>() {
    let world = world();
    let (provider, _) = world.pairs(&world.alpha);
    let client = D::build(world.with_provider(provider)).unwrap();
    let wrong = redeem("code-1").code_verifier(Secret::new("x".repeat(43)));
    let error = D::token(&client, &wrong).unwrap_err();
    assert_eq!(error.code(), "invalid_grant");
    let right = redeem("code-1").code_verifier(Secret::new(VERIFIER));
    let token = D::token(&client, &right).unwrap();
    let request = assert_bound(&world, "authorization_code");
    assert_eq!(request.form_value("code_verifier"), Some(VERIFIER));
    assert!(token.refresh_token().is_some() && token.id_token().is_some());

    let account = token.account().unwrap().clone();
    let of = |scope| TokenRequest::for_account(account.clone(), [scope]);
    let hit = D::token(&client, &of(GRAPH)).unwrap();
    assert_eq!(
        (hit.source(), hit.secret(), hit.id_token()),
        (TokenSource::Cache, token.secret(), token.id_token())
    );
    // Another resource: the remembered refresh token brings it.
    let more = D::token(&client, &of("https://vault.azure.net/user_impersonation")).unwrap();
    let request = assert_bound(&world, "refresh_token");
    assert_eq!(
        request.form_value("refresh_token"),
        token.refresh_token().map(Secret::expose)
    );
    assert_eq!(more.account(), Some(&account));
}

/// IMP-01 for a refresh token that the application kept.
pub fn imp01_a_refresh_token_over_mtls<D: Driver>() {
    let world = world();
    let (provider, _) = world.pairs(&world.alpha);
    let client = D::build(world.with_provider(provider)).unwrap();
    let kept = |token: &AccessToken| token.refresh_token().unwrap().clone();
    let first = D::token(&client, &redeem("code-2")).unwrap();
    let request = TokenRequest::refreshing(kept(&first), [GRAPH]);
    let second = D::token(&client, &request).unwrap();
    assert_eq!(second.source(), TokenSource::Network);
    let sent = assert_bound(&world, "refresh_token");
    assert_eq!(
        sent.form_value("refresh_token"),
        Some(kept(&first).expose())
    );
    let garbage = TokenRequest::refreshing(Secret::new("garbage"), [GRAPH]);
    assert_eq!(
        D::token(&client, &garbage).unwrap_err().code(),
        "invalid_grant"
    );
}

/// IMP-02 for users: without a certificate the same grants stay on plain TLS.
pub fn imp02_users_over_plain_tls<D: Driver>() {
    let world = world();
    let client = world.client(Credential::secret(Secret::new(SECRET)));
    let client = D::build(world.setup(client.build().unwrap())).unwrap();
    let token = D::token(&client, &redeem("code-2")).unwrap();
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(
        (request.host.as_str(), &request.client_certificate),
        ("westus3.login.microsoft.com", &None)
    );
    let account = token.account().unwrap().clone();
    let hit = D::token(&client, &TokenRequest::for_account(account, [GRAPH])).unwrap();
    assert_eq!(hit.source(), TokenSource::Cache);
    let nobody = entra_proto::Account::from_home_id("nobody.nowhere");
    let error = D::token(&client, &TokenRequest::for_account(nobody, [GRAPH])).unwrap_err();
    assert_eq!(error.code(), "no_tokens_found");
    assert_eq!(world.token_requests(), 1);
}

/// A user's federated identity credential: over plain transport, and not with a provider that binds.
pub fn user_fic_goes_over_plain_tls_only<D: Driver>() {
    let world = world();
    let emulator = Arc::clone(&world.emulator);
    let provider: Assertions =
        Arc::new(move |_| Ok(ProvidedAssertion::new(issue(&emulator, None))));
    let client = D::build(world.with_provider(provider)).unwrap();
    let ask = || {
        let user = User::PrincipalName(USER.to_owned());
        TokenRequest::federated_user(world.assertion(None), user, [GRAPH])
    };
    let token = D::token(&client, &ask()).unwrap();
    assert!(
        token
            .account()
            .unwrap()
            .home_id()
            .ends_with(&format!(".{TENANT_ID}"))
    );
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(
        (request.host.as_str(), &request.client_certificate),
        ("westus3.login.microsoft.com", &None)
    );
    assert_eq!(request.form_value("grant_type"), Some("user_fic"));
    assert_eq!(request.form_value("username"), Some(USER));

    let (pairs, _) = world.pairs(&world.alpha);
    let bound = D::build(world.with_provider(pairs)).unwrap();
    let error = D::token(&bound, &ask()).unwrap_err();
    assert_eq!(error.code(), "invalid_credential_material");
    assert_eq!(world.token_requests(), 1);
}
