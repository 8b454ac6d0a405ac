//! What a caller writes into a request's fields is refused exactly if it is blank, malformed, reserved or has control characters, and then nothing is sent; else one POST goes to the one endpoint with the same header fields as ever, and its form and query decode to exactly the intended names, each once, with these values.
#![no_main]

#[path = "request_form/fields.rs"]
mod fields;
#[path = "request_form/meant.rs"]
mod meant;
#[path = "../support.rs"]
mod support;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_proto::*;
use http::{Method, Request};
use libfuzzer_sys::fuzz_target;
use support::*;

use fields::{decoded, is_uuid};
use meant::Meant;
use script::{Record, Script, seed};
use tree::Tree;

/// Every header field, and its value where that is always the same.
const HEADERS: &[(&str, Option<&str>)] = &[
    ("accept", Some("application/json")),
    ("client-request-id", None),
    ("content-type", Some("application/x-www-form-urlencoded")),
    ("return-client-request-id", Some("true")),
    ("x-client-sku", Some("entra-proto")),
    ("x-client-ver", None),
    ("x-ms-lib-capability", Some("retry-after, h429")),
];

/// A request as it left, and what was signed for it.
struct Sent {
    request: Request<Body>,
    mtls: bool,
    signed: Option<SigningInput>,
}

/// The first token request, or why there is none.
fn sent(meant: &Meant<'_>) -> Result<Sent, Error> {
    let plan = meant.request().plan(&meant.client()?)?;
    let (mut script, mut record, mut signed) = (Script::new(), Record::default(), None);
    let mut step = plan.start(seed(7), script.now);
    for _ in 0..32 {
        canary::assert_silent(&step);
        step = match step {
            Step::ObtainAssertion(ask) => {
                check_told(meant, ask.asked_for());
                ask.resume(Ok(meant.pair()), script.now)
            }
            Step::ObtainCertificate(ask) => {
                check_told(meant, ask.asked_for());
                script.answer(Step::ObtainCertificate(ask), &mut record)
            }
            Step::SignAssertion(sign) => {
                signed = Some(sign.input().clone());
                script.answer(Step::SignAssertion(sign), &mut record)
            }
            Step::SendRequest(send) => {
                return Ok(Sent {
                    request: send.request().clone(),
                    mtls: *send.transport() != Transport::Plain,
                    signed,
                });
            }
            Step::Done(done) => return Err(done.into_result().expect_err("nothing was sent")),
            step => script.answer(step, &mut record),
        };
    }
    panic!("no end in sight");
}

/// A provider is told what the caller wrote (rule 3).
fn check_told(meant: &Meant<'_>, told: &ProviderContext) {
    let authority = format!("https://login.microsoftonline.com/{}", meant.tenant());
    assert_eq!(told.client_id(), meant.id());
    assert_eq!(told.tenant(), Some(meant.tenant()));
    assert_eq!(told.authority(), authority);
    assert_eq!(
        told.token_endpoint(),
        format!("{authority}/oauth2/v2.0/token")
    );
    let capabilities = told.capabilities().iter().map(String::as_str);
    assert!(capabilities.eq(meant.fields.all(b'x')));
    assert_eq!(told.claims(), meant.fields.last(b'c'));
    assert_eq!(told.fmi_path(), meant.fields.last(b'a'));
    let id = meant.fields.last(b'i');
    assert!(id.is_none_or(|id| id == told.correlation_id()));
}

fn check_error(error: &Error) {
    let text = error.to_string();
    assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && text.len() <= 2_048);
    assert!(canary::is_silent(&text), "{text}");
    canary::assert_silent(error);
    assert_eq!(error.fault(), Fault::Caller);
}

/// I06: one place, one way.
fn check_head(meant: &Meant<'_>, sent: &Sent) {
    let request = &sent.request;
    assert_eq!(request.method(), Method::POST);
    assert_eq!(sent.mtls, meant.mtls());
    assert_eq!(request.uri().host(), Some(meant.host()));
    let url = url::Url::parse(&request.uri().to_string()).expect("a URL");
    let place = (url.scheme(), url.host_str(), url.port(), url.path());
    let path = meant.path();
    assert_eq!(place, ("https", Some(meant.host()), None, path.as_str()));
    let odd = (url.username(), url.password(), url.fragment());
    assert_eq!(odd, ("", None, None));
    let query = url.query().map(decoded).unwrap_or_default();
    assert_eq!(query, meant.fields.parameters(b'q'));
    let mut headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
        .collect();
    headers.sort_unstable();
    assert_eq!(headers.len(), HEADERS.len());
    for ((name, value), (expected, fixed)) in headers.iter().zip(HEADERS) {
        assert_eq!(name, expected);
        assert!(fixed.is_none_or(|fixed| fixed == *value), "{name}: {value}");
    }
    let id = headers[1].1;
    assert!(is_uuid(id));
    assert!(meant.fields.last(b'i').is_none_or(|asked| asked == id));
}

/// Our own assertion is about this client and for this very URL.
fn assertion(meant: &Meant<'_>, input: &SigningInput) -> String {
    let message = std::str::from_utf8(input.message()).expect("base64url");
    let claims = message.split_once('.').expect("two parts").1;
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims = Tree::object(&claims).expect("JSON");
    let said = |name| claims.get(name).and_then(Tree::text);
    assert_eq!(
        (said("iss"), said("sub")),
        (Some(meant.id()), Some(meant.id()))
    );
    let url = format!("https://{}{}", meant.host(), meant.path());
    assert_eq!(said("aud"), Some(url.as_str()));
    let signature = URL_SAFE_NO_PAD.encode(b"CANARY..".repeat(32));
    format!("{message}.{signature}")
}

/// I08: exactly what was meant.
fn check_form(meant: &Meant<'_>, sent: &Sent) {
    let mut expected = meant.form();
    assert_eq!(sent.signed.is_some(), meant.signs());
    if let Some(input) = &sent.signed {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        expected.push(("client_assertion_type".to_owned(), kind.to_owned()));
        expected.push(("client_assertion".to_owned(), assertion(meant, input)));
    }
    let form = std::str::from_utf8(sent.request.body().expose()).expect("ASCII");
    let mut form = decoded(form);
    let place = form.iter().position(|(name, _)| name == "claims");
    let claims = place.map(|place| form.remove(place).1);
    let claims = claims.map(|text| Tree::object_of(text.as_bytes(), usize::MAX).expect("JSON"));
    assert_eq!(Some(claims), meant.claims());
    expected.sort_unstable();
    form.sort_unstable();
    assert_eq!(form, expected);
}

/// Encoded, what a caller writes may look like a secret though none is in it: `]QU5BUl` becomes `%5DQU5BUl`, and `DQU5BUl` is what
/// base64 makes of one.
fn looks_secret(meant: &Meant<'_>) -> bool {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(meant.fields.parameters(b'q'));
    !canary::is_silent(&query.finish())
}

fuzz_target!(|data: &[u8]| {
    let Some(meant) = Meant::read(data).filter(|meant| !looks_secret(meant)) else {
        return;
    };
    match sent(&meant) {
        Ok(sent) => {
            assert!(meant.is_sound(), "it was to be refused");
            check_head(&meant, &sent);
            check_form(&meant, &sent);
        }
        Err(error) => {
            check_error(&error);
            assert!(!meant.is_sound(), "{error}");
        }
    }
});
