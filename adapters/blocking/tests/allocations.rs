//! What a token costs that is there already: no allocation.
//!
//! Counted is what the test's own thread allocates: the harness's main thread does so too, whenever it gets its turn.

#![forbid(unsafe_code)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use allocation_counter::measure;
use entra_blocking::{AccessToken, Body, Client, Credential, EntraClient, Secret, TokenRequest};
use entra_proto::{Memory, Now, PortableCache, Seed, Step, Turn};

fn client() -> Client {
    let authority = "https://login.microsoftonline.com/contoso.com";
    Client::builder("app", authority, Credential::secret(Secret::new("secret")))
        .build()
        .unwrap()
}

fn request() -> TokenRequest {
    TokenRequest::for_app(["https://vault.azure.net/.default"])
}

/// A stored cache that has the token.
fn stored() -> Body {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = Now::new(wall, Duration::ZERO);
    let mut memory = Memory::default();
    let plan = request().plan(&client()).unwrap();
    let mut step = plan.start(Seed::from_bytes([7; 32]), now);
    loop {
        step = match step {
            Step::LoadCache(load) => {
                let found = memory.load(&load);
                load.resume(Ok(found), now)
            }
            Step::TakeTurn(take) => take.resume(Turn::Mine, now),
            Step::SendRequest(send) => {
                let answer = r#"{"token_type":"Bearer","access_token":"token","expires_in":3599}"#;
                send.resume(
                    Ok(http::Response::new(Body::from(answer.as_bytes().to_vec()))),
                    now,
                )
            }
            Step::SaveCache(save) => {
                memory.save(save.key(), save.update(), now);
                save.resume(Ok(()), now)
            }
            Step::Done(_) => break,
            Step::DiscoverRegion(_)
            | Step::DiscoverInstance(_)
            | Step::ObtainAssertion(_)
            | Step::ObtainCertificate(_)
            | Step::SignAssertion(_)
            | Step::Pause(_) => panic!("a secret needs none of these"),
        };
    }
    let mut cache = PortableCache::empty();
    cache.add_from(&memory, now);
    cache.write()
}

/// How often this allocates, done a thousand times.
fn count(mut ask: impl FnMut()) -> u64 {
    let counted = measure(|| (0..1_000).for_each(|_| ask()));
    counted.count_total
}

fn check(token: &AccessToken) {
    assert_eq!(token.secret().expose(), "token");
}

#[test]
fn run17_a_token_that_is_there_is_handed_out_without_an_allocation() {
    let client = EntraClient::builder(client()).build().unwrap();
    client.import_cache(stored().expose()).unwrap();
    let mut source = client.source(&request()).unwrap();
    // From the memory into the source.
    check(source.token().unwrap());
    assert_eq!(count(|| check(source.token().unwrap())), 0);
    assert_eq!(count(|| check(&source.remembered().unwrap())), 0);
}
