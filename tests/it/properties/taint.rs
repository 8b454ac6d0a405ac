//! I07: what comes from the network names no place to go to. Every answer is full of one word, and nothing that leaves may have
//! it where it would count.

use entra_proto::testing::{
    Answer, Answerer, Script, clients, credentials, failures, seeds, token_requests,
};
use entra_proto::*;
use http::HeaderValue;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::cases;
use crate::script::{Answer as Received, answer, with_header};

/// A region's name could be this.
const TAINT: &str = "tainted1";

/// Everything about a host or a place that an answer may have.
fn tainted(status: u16, extra: Value) -> Received {
    let url = format!("https://{TAINT}.example/{TAINT}");
    let mut document = json!({
        "token_type": "Bearer",
        "access_token": TAINT,
        "expires_in": 3_600,
        "refresh_in": 1,
        "refresh_token": TAINT,
        "id_token": TAINT,
        "error": TAINT,
        "error_uri": url,
        "tenant_discovery_endpoint": url,
        "issuer": url,
        "authorization_endpoint": url,
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": format!("{TAINT}.example"),
            "preferred_cache": format!("{TAINT}.example"),
            "aliases": ["login.microsoftonline.com", format!("{TAINT}.example")],
        }],
        "mtls_endpoint_aliases": { "token_endpoint": url },
        "newest-versions": [TAINT, "2025-04-07"],
        "location": TAINT,
        "region": TAINT,
        "token_endpoint": url,
    });
    for (name, value) in extra.as_object().into_iter().flatten() {
        document[name.as_str()] = value.clone();
    }
    let mut received = answer(status, document.to_string());
    for name in [
        "location",
        "content-location",
        "host",
        "www-authenticate",
        "link",
        "x-ms-region",
        "set-cookie",
    ] {
        received = with_header(received, name, &format!("https://{TAINT}.example/{TAINT}"));
    }
    received
}

fn tainted_answers() -> impl Strategy<Value = Vec<Received>> {
    // Of a provider that is who it should be.
    let own = |token: &str, bound: &str| {
        json!({
            "issuer": "https://issuer.example",
            "token_endpoint": token.replace("TAINT", TAINT),
            "mtls_endpoint_aliases": { "token_endpoint": bound.replace("TAINT", TAINT) },
        })
    };
    let at_home = "https://issuer.example/TAINT";
    let extra = select(vec![
        json!({}),
        json!({ "location": format!("{TAINT}.example/x") }),
        json!({ "token_type": "mtls_pop" }),
        own(at_home, at_home),
        own(at_home, "https://TAINT.example/x"),
        own("https://TAINT.example/x", at_home),
        own("http://issuer.example/TAINT", at_home),
        own("https://issuer.example@TAINT.example/", at_home),
        json!({ "client_info": "eyJ1aWQiOiJ1c2VyLTEiLCJ1dGlkIjoiaG9tZS0xIn0" }),
    ]);
    let status = select(vec![
        200_u16, 200, 200, 302, 307, 400, 401, 408, 429, 500, 503,
    ]);
    let tainted = (status, extra, any::<bool>()).prop_map(|(status, extra, soon)| {
        let tainted = tainted(status, extra);
        if soon {
            with_header(tainted, "retry-after", "1")
        } else {
            tainted
        }
    });
    vec(
        prop_oneof![8 => tainted, 1 => failures().prop_map(Err)],
        0..6,
    )
}

/// Clients of an OpenID provider, which has its endpoints from a document.
fn of_provider() -> impl Strategy<Value = Client> {
    let authority = Authority::oidc("https://issuer.example").expect("an authority");
    credentials().prop_map(move |credential| {
        let client = Client::builder("app", authority.clone(), credential).build();
        client.expect("a client")
    })
}

/// The audience of an assertion that is to be signed.
fn audience(message: &[u8]) -> Option<String> {
    use base64::Engine;
    let claims = std::str::from_utf8(message).ok()?.split('.').nth(1)?;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["aud"].as_str().map(str::to_owned)
}

/// Whether a URL leads where an answer wanted it to. A region that passed its check is the first label of one of Entra's hosts;
/// and where an OpenID provider is, its own host or one that the application listed says at which path.
fn misled(client: &Client, url: &str) -> bool {
    let url = url::Url::parse(url).expect("a URL");
    let host = url.host_str().unwrap_or_default();
    let kind = client.authority().kind();
    let rest = match host.split_once('.') {
        Some((TAINT, rest)) if kind == AuthorityKind::Entra => rest,
        _ => host,
    };
    let evil = rest == "example" || rest.contains(TAINT);
    evil || (url.path().contains(TAINT) && kind != AuthorityKind::Oidc)
}

proptest! {
    #![proptest_config(cases(1_024))]

    #[test]
    fn i07_no_answer_chooses_where_a_request_goes(
        client in prop_oneof![3 => clients(), 1 => of_provider()],
        requests in vec(token_requests(), 1..3),
        tokens in tainted_answers(),
        documents in (tainted_answers(), tainted_answers()),
        seed in seeds(),
    ) {
        let mut world = Answerer::new(Script::default());
        let (mut tokens, mut regions, mut instances) = (tokens.into_iter(), documents.0.into_iter(), documents.1.into_iter());
        // Later requests meet what the earlier ones were told.
        for request in requests {
            let Ok(plan) = request.plan(&client) else { continue };
            for _ in 0..2 {
                let mut step = plan.clone().start(seed.clone(), world.now());
                loop {
                    let now = world.now();
                    step = match step {
                        Step::SendRequest(send) => {
                            let url = send.request().uri().to_string();
                            prop_assert!(!misled(&client, &url), "{}", url);
                            let host = send.request().headers().get("host").map(HeaderValue::as_bytes);
                            prop_assert_eq!(host, None);
                            match tokens.next() {
                                Some(answer) => send.resume(answer, now),
                                None => { let answer: Answer = world.send(send.request(), send.transport()); send.resume(answer, now) }
                            }
                        }
                        Step::DiscoverRegion(ask) => {
                            let url = ask.request().uri().to_string();
                            prop_assert!(url.starts_with("http://169.254.169.254/metadata/instance/compute"), "{}", url);
                            prop_assert!(!url.contains(TAINT), "{}", url);
                            ask.resume(regions.next().unwrap_or_else(|| tainted(200, json!({}))), now)
                        }
                        Step::DiscoverInstance(ask) => {
                            let url = ask.request().uri().to_string();
                            prop_assert!(!url.contains(TAINT), "{}", url);
                            ask.resume(instances.next().unwrap_or_else(|| tainted(200, json!({}))), now)
                        }
                        Step::SignAssertion(sign) => {
                            let aud = audience(sign.input().message()).expect("an audience");
                            prop_assert!(!misled(&client, &aud), "{}", aud);
                            let signature = world.sign(sign.input());
                            sign.resume(signature, now)
                        }
                        Step::Done(_) => break,
                        step => world.answer(step),
                    };
                }
            }
        }
    }
}

/// The word is where it would be taken, were it taken: as a region it is, and nowhere else.
#[test]
fn i07_a_discovered_region_is_the_first_label_and_no_more() {
    let client = Client::builder(
        "app",
        "https://login.microsoftonline.com/contoso.com",
        Credential::secret(Secret::new("CANARY")),
    );
    let client = client
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    let plan = TokenRequest::for_app(["scope"])
        .plan(&client)
        .expect("a plan");
    let mut world = Answerer::new(Script::default());
    let mut step = plan.start(Seed::from_bytes([7; 32]), world.now());
    let url = loop {
        step = match step {
            Step::DiscoverRegion(ask) => ask.resume(tainted(200, json!({})), world.now()),
            Step::SendRequest(send) => break send.request().uri().to_string(),
            step => world.answer(step),
        };
    };
    let expected = format!("https://{TAINT}.login.microsoft.com/contoso.com/oauth2/v2.0/token");
    assert_eq!(url, expected);
    assert!(!misled(&client, &url));
    for elsewhere in [
        format!("https://login.microsoft.com/{TAINT}"),
        format!("https://{TAINT}.example/x"),
        format!("https://eastus.{TAINT}.example/x"),
    ] {
        assert!(misled(&client, &elsewhere), "{elsewhere}");
    }
}
