//! The portable cache: what one client exported serves the next, of the same application and with the same certificate.

use entra_emulator::TestIdentity;
use entra_proto::{Body, Credential, Secret, TokenSource};

use crate::Driver;
use crate::world::{SECRET, World, bearer, pop};

/// CACHE-06, I31: a PoP token keeps its certificate, serves nobody who has another, and the resource takes it over connections
/// with that certificate.
pub fn cache06_i31_the_next_client_finds_the_tokens_of_the_one_before<D: Driver>() {
    let world = World::new();
    let with =
        |of: &TestIdentity| D::build(world.with_certificate(of, |credential| credential)).unwrap();
    let first = with(&world.alpha);
    let (token, bound) = (D::token(&first, &bearer()), D::token(&first, &pop()));
    let (token, bound) = (token.unwrap(), bound.unwrap());
    let document = D::export_cache(&first);
    assert_eq!(format!("{document:?}"), "Body([redacted])");

    let next = with(&world.alpha);
    assert_eq!(D::import_cache(&next, document.expose()).unwrap(), 2);
    world.emulator.clear_records();
    for (request, before) in [(bearer(), &token), (pop(), &bound)] {
        let found = D::token(&next, &request).unwrap();
        assert_eq!(found.secret(), before.secret());
        assert_eq!(found.source(), TokenSource::Cache);
        assert_eq!(found.binding_certificate(), before.binding_certificate());
    }
    assert!(world.emulator.requests().is_empty());
    let url = format!("https://{}/secrets/answer", world.emulator.resource_host());
    let request = http::Request::get(url).body(Body::empty()).unwrap();
    let found = D::token(&next, &pop()).unwrap();
    assert_eq!(D::send(&next, &found, request).unwrap().status(), 200);
    let last = world.emulator.requests().pop().unwrap();
    let shown = last.client_certificate.as_deref();
    assert_eq!(shown, Some(world.alpha.certificate_der()));

    // The same key, another certificate: the Bearer token serves, the bound one does not.
    let renewed = with(&world.alpha.renew().unwrap());
    assert_eq!(D::import_cache(&renewed, document.expose()).unwrap(), 2);
    let shared = D::token(&renewed, &bearer()).unwrap();
    assert_eq!(shared.source(), TokenSource::Cache);
    let other = D::token(&renewed, &pop());
    assert!(other.is_err_and(|error| error.code() == "invalid_client"));
}

/// T25: neither what is remembered nor what was imported before is touched.
pub fn t25_a_document_that_is_none_changes_nothing<D: Driver>() {
    let world = World::new();
    let client = world.client(Credential::secret(Secret::new(SECRET)));
    let client = D::build(world.setup(client.build().unwrap())).unwrap();
    let foreign = br#"{"Foreign":{"a":[1,null]}}"#;
    assert_eq!(D::import_cache(&client, foreign).unwrap(), 0);
    let token = D::token(&client, &bearer()).unwrap();
    let before = D::export_cache(&client);
    for document in [&b"{\"AccessToken\":"[..], b"[]", b"\xff"] {
        let error = D::import_cache(&client, document).unwrap_err();
        assert_eq!(error.code(), "json_parse_failed");
    }
    assert_eq!(D::export_cache(&client), before);
    let text = String::from_utf8_lossy(before.expose());
    assert!(text.contains(r#""Foreign":{"a":[1,null]}"#));
    assert!(text.contains(token.secret().expose()));
    let again = D::token(&client, &bearer()).unwrap();
    assert_eq!(again.secret(), token.secret());
    assert_eq!(world.token_requests(), 1);
}
