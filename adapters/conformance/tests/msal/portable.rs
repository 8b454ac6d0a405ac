//! The token cache goes back and forth: what one of the two was given serves in the other, without a request for a token.

use entra_blocking::EntraClient;
use entra_conformance::world::{SUBJECT, bearer, pop};
use entra_proto::{
    Account, Client, Credential, PortableCache, RegionSource, Secret, TokenRequest, TokenSource,
    User,
};

use super::{
    AssertionSpec, CLIENT_ID, ISSUER, LOGIN, Peer, SCOPE, SECRET, TENANT_ID, Value, application,
    configuration, json, newest,
};

/// The user of the tests.
const USER: &str = "33333333-3333-3333-3333-333333333333";
const USER_SCOPE: &str = "https://graph.microsoft.com/User.Read";

fn for_client() -> Value {
    json!(["acquire_token_for_client", { "scopes": [SCOPE] }])
}

fn silent() -> Value {
    json!(["acquire_token_silent", { "scopes": [USER_SCOPE] }])
}

impl Peer {
    /// Ours, with a secret.
    fn ours(&self) -> EntraClient {
        self.ours_with(Credential::secret(Secret::new(SECRET)), |client| client)
    }

    fn ours_with(
        &self,
        credential: Credential,
        configure: impl FnOnce(entra_proto::ClientBuilder) -> entra_proto::ClientBuilder,
    ) -> EntraClient {
        let client = configure(Client::builder(CLIENT_ID, LOGIN, credential));
        EntraClient::builder(client.build().unwrap())
            .network(self.world.network())
            .identity(entra_conformance::world::identity(&self.world.rsa))
            .build()
            .unwrap()
    }

    /// Has msal call these with this cache. For its metadata it goes over the network in any case.
    fn theirs(&self, cache: Option<&str>, calls: &[Value]) -> Value {
        let trusted = Some(self.world.emulator.ca_pem());
        let said = self.call(trusted, &application(&json!(SECRET)), cache, calls);
        assert!(said["raised"].is_null(), "{said}");
        said
    }

    fn assertion(&self) -> String {
        let spec = AssertionSpec::new(ISSUER, SUBJECT);
        self.world.emulator.issue_assertion(&spec)
    }
}

fn text(document: &entra_proto::Body) -> String {
    String::from_utf8(document.expose().to_vec()).unwrap()
}

#[track_caller]
fn assert_served(answer: &Value, token: &Secret) {
    assert_eq!(answer["token_source"], "cache", "{answer}");
    assert_eq!(answer["token_type"], "Bearer", "{answer}");
    assert_eq!(answer["access_token"], token.expose(), "{answer}");
}

#[test]
fn the_peer_serves_a_token_of_ours_without_a_request_for_one() {
    let Some(peer) = Peer::new() else { return };
    let ours = peer.ours();
    let token = ours.token(&bearer()).unwrap();
    let for_path = ours.token(&bearer().fmi_path("a/b")).unwrap();
    let document = text(&ours.export_cache());
    peer.world.emulator.clear_records();
    let with_path = json!(["acquire_token_for_client", { "scopes": [SCOPE], "fmi_path": "a/b" }]);
    let said = peer.theirs(Some(&document), &[for_client(), with_path, for_client()]);
    let answers = said["answers"].as_array().unwrap();
    assert_served(&answers[0], token.secret());
    assert_served(&answers[1], for_path.secret());
    assert_served(&answers[2], token.secret());
    assert_eq!(peer.seen(newest(&said)), [configuration(LOGIN)]);
    assert!(peer.world.emulator.token_requests().is_empty());
}

#[test]
fn a_token_of_the_peer_serves_here_without_a_request() {
    let Some(peer) = Peer::new() else { return };
    let said = peer.theirs(None, &[for_client()]);
    let theirs = said["answers"][0]["access_token"].as_str().unwrap();
    let ours = peer.ours();
    let document = said["cache"].as_str().unwrap();
    assert_eq!(ours.import_cache(document.as_bytes()).unwrap(), 1);
    peer.world.emulator.clear_records();
    let token = ours.token(&bearer()).unwrap();
    assert_eq!(token.secret().expose(), theirs);
    assert_eq!(token.source(), TokenSource::Cache);
    assert!(peer.world.emulator.requests().is_empty());
}

#[test]
fn a_document_of_both_keeps_what_either_wrote_and_what_neither_knows() {
    let Some(peer) = Peer::new() else { return };
    let other =
        json!(["acquire_token_for_client", { "scopes": ["https://graph.microsoft.com/.default"] }]);
    let said = peer.theirs(None, std::slice::from_ref(&other));
    let mut before: Value = serde_json::from_str(said["cache"].as_str().unwrap()).unwrap();
    before["Unknown"] = json!({"a": [1.5, null, "é\n"]});
    for item in before["AccessToken"].as_object_mut().unwrap().values_mut() {
        item["unknown"] = json!({"b": {}});
    }
    let ours = peer.ours();
    assert_eq!(ours.import_cache(before.to_string().as_bytes()).unwrap(), 1);
    let token = ours.token(&bearer()).unwrap();
    let document = text(&ours.export_cache());
    let after: Value = serde_json::from_str(&document).unwrap();
    for (name, root) in before.as_object().unwrap() {
        if name == "AccessToken" {
            let items = after[name].as_object().unwrap();
            assert_eq!(items.len(), 2);
            for (name, item) in root.as_object().unwrap() {
                assert_eq!(items[name], *item);
            }
        } else {
            assert_eq!(after[name], *root);
        }
    }
    peer.world.emulator.clear_records();
    let again = peer.theirs(Some(&document), &[for_client(), other]);
    assert_served(&again["answers"][0], token.secret());
    let theirs = said["answers"][0]["access_token"].as_str().unwrap();
    assert_served(&again["answers"][1], &Secret::new(theirs));
    assert!(peer.world.emulator.token_requests().is_empty());
    // And here they are once more.
    let next = peer.ours();
    let document = again["cache"].as_str().unwrap();
    assert_eq!(next.import_cache(document.as_bytes()).unwrap(), 2);
    assert_eq!(next.token(&bearer()).unwrap().secret(), token.secret());
    assert!(text(&next.export_cache()).contains(r#""Unknown":"#));
}

/// T13: msal looks neither at a token's type nor at its partition nor at whose behalf it is on.
#[test]
fn t13_no_token_of_ours_serves_the_peer_for_what_it_is_not() {
    let Some(peer) = Peer::new() else { return };
    let over_mtls = |client: entra_proto::ClientBuilder| {
        client.region(RegionSource::Named("westus3".to_owned()))
    };
    let certificate = || {
        let identity = entra_conformance::world::identity(&peer.world.rsa);
        Credential::certificate(identity.chain())
    };
    let bound = peer.ours_with(certificate(), over_mtls);
    bound.token(&pop()).unwrap();
    let isolated = peer.ours_with(certificate().send_over_mtls(), |client| {
        over_mtls(client).bearer_isolation(entra_proto::BearerIsolation::PerCertificate)
    });
    isolated.token(&bearer()).unwrap();
    let obo = peer.ours();
    let user = User::ObjectId(USER.to_owned());
    let scope = format!("api://{CLIENT_ID}/access");
    let mine = TokenRequest::federated_user(Secret::new(peer.assertion()), user, [scope]);
    let mine = peer.ours().token(&mine).unwrap();
    obo.token(&TokenRequest::on_behalf_of(mine.secret().clone(), [SCOPE]))
        .unwrap();
    let apart = peer.ours();
    for request in [
        bearer().partition("mine"),
        bearer().fmi_path("a/b"),
        bearer().client_claims("{\"access_token\":{}}"),
        bearer().query_parameter("slice", "test"),
    ] {
        apart.token(&request).unwrap();
    }
    for (ours, tokens) in [(bound, 1), (isolated, 1), (obo, 1), (apart, 4)] {
        let document = text(&ours.export_cache());
        let written: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(written["AccessToken"].as_object().unwrap().len(), tokens);
        let said = peer.theirs(Some(&document), &[for_client()]);
        assert_eq!(
            said["answers"][0]["token_source"], "identity_provider",
            "{document}"
        );
    }
}

/// A token that has ended is taken out by msal, whatever it is.
#[test]
fn the_peer_outlives_tokens_of_ours_that_have_ended() {
    let Some(peer) = Peer::new() else { return };
    let ours = peer.ours();
    ours.token(&bearer().fmi_path("a/b")).unwrap();
    let mut ended: Value = serde_json::from_str(&text(&ours.export_cache())).unwrap();
    for item in ended["AccessToken"].as_object_mut().unwrap().values_mut() {
        item["expires_on"] = json!("1700000000");
    }
    let said = peer.theirs(Some(&ended.to_string()), &[for_client()]);
    assert_eq!(said["answers"][0]["token_source"], "identity_provider");
}

#[test]
fn a_user_of_ours_is_known_to_the_peer() {
    let Some(peer) = Peer::new() else { return };
    let ours = peer.ours();
    let user = User::ObjectId(USER.to_owned());
    let request = TokenRequest::federated_user(Secret::new(peer.assertion()), user, [USER_SCOPE]);
    let token = ours.token(&request).unwrap();
    let document = text(&ours.export_cache());
    peer.world.emulator.clear_records();
    let said = peer.theirs(Some(&document), &[silent()]);
    assert_served(&said["answers"][0], token.secret());
    assert!(peer.world.emulator.token_requests().is_empty());
    // Another scope, for which it takes the refresh token.
    let other =
        json!(["acquire_token_silent", { "scopes": ["https://graph.microsoft.com/Mail.Read"] }]);
    let said = peer.theirs(Some(&document), &[other]);
    assert_eq!(
        said["answers"][0]["token_source"], "identity_provider",
        "{said}"
    );
    let request = peer.world.emulator.token_requests().pop().unwrap();
    assert_eq!(request.form_value("grant_type"), Some("refresh_token"));
    // msal renews the token that it has in the document: here it is.
    let next = peer.ours();
    let document = said["cache"].as_str().unwrap();
    assert_eq!(next.import_cache(document.as_bytes()).unwrap(), 3);
    let account = Account::from_home_id(&format!("{USER}.{TENANT_ID}"));
    let again = next
        .token(&TokenRequest::for_account(account, [USER_SCOPE]))
        .unwrap();
    assert_eq!(again.secret(), token.secret());
}

#[test]
fn a_user_of_the_peer_is_known_here() {
    let Some(peer) = Peer::new() else { return };
    let fic = json!(["acquire_token_by_user_federated_identity_credential", {
        "scopes": [USER_SCOPE],
        "assertion": peer.assertion(),
        "user_object_id": USER,
    }]);
    let said = peer.theirs(None, &[fic]);
    let theirs = said["answers"][0]["access_token"].as_str().unwrap();
    let document = said["cache"].as_str().unwrap();
    let ours = peer.ours();
    assert_eq!(ours.import_cache(document.as_bytes()).unwrap(), 2);
    peer.world.emulator.clear_records();
    let account = Account::from_home_id(&format!("{USER}.{TENANT_ID}"));
    let request = |scope| TokenRequest::for_account(account.clone(), [scope]);
    let token = ours.token(&request(USER_SCOPE)).unwrap();
    assert_eq!(token.secret().expose(), theirs);
    assert!(token.id_token().is_some());
    assert!(peer.world.emulator.requests().is_empty());
    ours.token(&request("https://graph.microsoft.com/Mail.Read"))
        .unwrap();
    let request = peer.world.emulator.token_requests().pop().unwrap();
    assert_eq!(request.form_value("grant_type"), Some("refresh_token"));
    // The document has one account and no more of anything than there is.
    let after = PortableCache::read(ours.export_cache().expose()).unwrap();
    let after: Value = serde_json::from_slice(after.write().expose()).unwrap();
    let count = |section: &str| after[section].as_object().map_or(0, |items| items.len());
    let counts = ["AccessToken", "RefreshToken", "IdToken", "Account"].map(count);
    assert_eq!(counts, [2, 1, 1, 1], "{after}");
}
