//! SEC-02: no secret is left in memory that the core has freed. Its allocator never uses a block twice, so that whatever was
//! in one when it was freed is still there; and the system lets a process read its own memory as a file, without unsafe code.

#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bump_alloc2::BumpAlloc;
use entra_proto::*;

#[global_allocator]
static NEVER_FREES: BumpAlloc = BumpAlloc::with_size(1 << 30);

const RSA: &[u8] = include_bytes!("it/fixtures/rsa.der");
const P256: &[u8] = include_bytes!("it/fixtures/p256.der");
const NOW: Now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);
/// How long a canary is. Letters alone: a form, JSON and a token take them as they are.
const LENGTH: usize = 24;

/// The secrets, by what they are.
#[derive(Clone, Copy, Debug)]
enum What {
    ClientSecret,
    Assertion,
    OwnClaims,
    Signature,
    UserAssertion,
    RefreshToken,
    Code,
    Verifier,
    AccessToken,
    AccessTokenWithEscapes,
    NewRefreshToken,
    IdToken,
    Description,
    Freed,
}

const ALL: [What; 14] = [
    What::ClientSecret,
    What::Assertion,
    What::OwnClaims,
    What::Signature,
    What::UserAssertion,
    What::RefreshToken,
    What::Code,
    What::Verifier,
    What::AccessToken,
    What::AccessTokenWithEscapes,
    What::NewRefreshToken,
    What::IdToken,
    What::Description,
    What::Freed,
];

impl What {
    /// One letter of its canary. There is no text of it anywhere until somebody asks for one.
    fn letter(self, place: usize) -> u8 {
        let number = self as usize + 1;
        b'A' + u8::try_from((number * 11 + place * place * (number + 3) + place * 5) % 26)
            .expect("a letter")
    }

    /// Into a buffer that has room for it and so never moves, with what stands round it.
    fn write(self, before: &str, after: &str, into: &mut Vec<u8>) {
        let room = into.capacity();
        into.extend_from_slice(before.as_bytes());
        into.extend((0..LENGTH).map(|place| self.letter(place)));
        into.extend_from_slice(after.as_bytes());
        assert_eq!(into.capacity(), room, "it moved");
    }

    fn within(self, before: &str, after: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(before.len() + LENGTH + after.len());
        self.write(before, after, &mut bytes);
        bytes
    }

    fn text(self) -> String {
        String::from_utf8(self.within("", "")).expect("letters")
    }

    fn secret(self) -> Secret {
        Secret::new(self.text())
    }

    /// What gives it away, as it is and in base64 at each of its three shifts, every byte changed so that this list itself
    /// gives nothing away. What base64 makes of its neighbours is left out.
    fn traces(self) -> Vec<Vec<u8>> {
        let mut plain = [b'x'; LENGTH + 2];
        let mut encoded = [0; 2 * LENGTH];
        let mut traces = vec![(0..LENGTH).map(|place| !self.letter(place)).collect()];
        for before in 0..3 {
            for place in 0..LENGTH {
                plain[before + place] = self.letter(place);
            }
            let bytes = &plain[..before + LENGTH];
            let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut encoded);
            let first = (before * 8).div_ceil(6);
            let last = written.map_or(0, |_| (before + LENGTH) * 8 / 6);
            traces.push(encoded[first..last].iter().map(|byte| !byte).collect());
        }
        traces
    }
}

/// How often each secret is found in all memory that was ever allocated.
fn found() -> Vec<(What, usize)> {
    const CHUNK: usize = 1 << 16;
    let traces: Vec<(What, Vec<Vec<u8>>)> = ALL.map(|what| (what, what.traces())).into();
    let mut buffer = vec![0; CHUNK + 2 * LENGTH];
    let memory = File::open("/proc/self/mem").expect("our memory");
    let maps = fs::read_to_string("/proc/self/maps").expect("our memory's map");
    // Blocks are taken from the end of the allocator's space downwards.
    let latest = Box::new(0_u8);
    let begin = std::ptr::from_ref(&*latest).addr();
    let end = maps
        .lines()
        .filter_map(|line| line.split_once(' ')?.0.split_once('-'))
        .filter_map(|(from, to)| {
            let address = |text| usize::from_str_radix(text, 16).ok();
            Some(address(from)?..address(to)?)
        })
        .find(|range| range.contains(&begin))
        .expect("the allocator's space")
        .end;
    let mut counts = vec![0; ALL.len()];
    for at in (begin..end).step_by(CHUNK) {
        let length = buffer.len().min(end - at);
        let chunk = &mut buffer[..length];
        memory.read_exact_at(chunk, at as u64).expect("readable");
        for place in 0..length.min(CHUNK) {
            for (count, (_, traces)) in counts.iter_mut().zip(&traces) {
                let shown = |trace: &Vec<u8>| {
                    !chunk[place] == trace[0]
                        && chunk[place..].len() >= trace.len()
                        && trace.iter().zip(&chunk[place..]).all(|(t, c)| *t == !c)
                };
                *count += traces.iter().filter(|trace| shown(trace)).count();
            }
        }
        // What was read must not be found again as a part of this very buffer.
        chunk.fill(0);
    }
    ALL.into_iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn client(credential: Credential) -> Client {
    let authority = "https://login.microsoftonline.com/contoso.com";
    Client::builder("app", authority, credential)
        .region(RegionSource::Named("westus3".to_owned()))
        .build()
        .expect("a client")
}

fn certificate(der: &[u8]) -> CertificateChain {
    CertificateChain::new(der.to_vec())
}

fn answered(status: u16, body: Vec<u8>) -> http::Response<Body> {
    let mut response = http::Response::new(Body::from(body));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    response
}

/// An answer with all kinds of tokens, in one buffer.
fn granted(kind: &str, what: What) -> http::Response<Body> {
    let mut body = Vec::with_capacity(512);
    body.extend_from_slice(br#"{"expires_in":3600,"token_type":""#);
    body.extend_from_slice(kind.as_bytes());
    // Anything may be escaped; a token needs it no more than other text.
    let tail = if matches!(what, What::AccessTokenWithEscapes) {
        r#"\u002e\/\"tail""#
    } else {
        r#"""#
    };
    what.write(r#"","access_token":""#, tail, &mut body);
    What::NewRefreshToken.write(r#","refresh_token":""#, r#"""#, &mut body);
    What::IdToken.write(r#","id_token":""#, r#"\/"}"#, &mut body);
    answered(200, body)
}

/// Runs a flow to its end with these answers, over a memory of its own, and drops everything.
fn run(credential: Credential, request: TokenRequest, answers: Vec<http::Response<Body>>) {
    let mut answers = answers.into_iter();
    let mut memory = Memory::default();
    let plan = request.plan(&client(credential)).expect("a plan");
    // The second time it is served from memory, or asks again if that was an error.
    for _ in 0..2 {
        let mut now = NOW;
        let mut step = plan.clone().start(Seed::from_bytes([7; 32]), now);
        loop {
            step = match step {
                Step::LoadCache(load) => {
                    let found = memory.load(&load);
                    load.resume(Ok(found), now)
                }
                Step::TakeTurn(take) => take.resume(Turn::Mine, now),
                Step::ObtainAssertion(ask) => {
                    let pair = ClientAssertion::bound(What::Assertion.secret(), certificate(P256));
                    ask.resume(Ok(pair), now)
                }
                Step::SignAssertion(sign) => {
                    let mut bytes = Vec::with_capacity(256);
                    What::Signature.write("", "", &mut bytes);
                    bytes.resize(256, b'.');
                    sign.resume(Ok(Signature::new(bytes)), now)
                }
                Step::SendRequest(send) => match answers.next() {
                    Some(answer) => send.resume(Ok(answer), now),
                    None => break,
                },
                Step::Pause(pause) => {
                    now = Now::new(now.wall(), pause.until());
                    pause.resume(now)
                }
                Step::SaveCache(save) => {
                    memory.save(save.key(), save.update(), now);
                    save.resume(Ok(()), now)
                }
                Step::Done(_) => break,
                Step::DiscoverRegion(_)
                | Step::DiscoverInstance(_)
                | Step::ObtainCertificate(_) => panic!("nobody asked for this: {step:?}"),
            };
        }
    }
}

#[test]
fn sec02_i35_no_secret_is_left_in_memory_that_was_freed() {
    let app = || TokenRequest::for_app(["scope"]);
    let refused = |status| {
        let what = What::Description;
        answered(
            status,
            what.within(
                r#"{"error":"invalid_client","error_description":"\"AADSTS7000215: "#,
                r#"\n"}"#,
            ),
        )
    };
    let both = || {
        vec![
            granted("Bearer", What::AccessToken),
            granted("Bearer", What::AccessTokenWithEscapes),
        ]
    };
    let own = String::from_utf8(What::OwnClaims.within(r#"{"own":"\/"#, r#""}"#));
    let own = own.expect("text");
    let signed = Credential::certificate_with_claims(certificate(RSA), own).send_x5c();

    run(
        Credential::secret(What::ClientSecret.secret()),
        app(),
        both(),
    );
    run(
        Credential::secret(What::ClientSecret.secret()),
        app().bypassing_cache(),
        vec![
            refused(400),
            granted("Bearer", What::AccessTokenWithEscapes),
        ],
    );
    run(
        Credential::secret(What::ClientSecret.secret()),
        app(),
        vec![
            refused(500),
            refused(500),
            granted("mtls_pop", What::AccessToken),
        ],
    );
    run(
        Credential::static_assertion(What::Assertion.secret()),
        TokenRequest::on_behalf_of(What::UserAssertion.secret(), ["scope"]),
        both(),
    );
    run(
        Credential::signed_assertion_provider(),
        app().proof_of_possession(),
        vec![granted("mtls_pop", What::AccessToken)],
    );
    run(
        Credential::secret(What::ClientSecret.secret()),
        TokenRequest::refreshing(What::RefreshToken.secret(), ["scope"]),
        both(),
    );
    run(
        Credential::secret(What::ClientSecret.secret()),
        TokenRequest::redeeming(What::Code.secret(), "https://app.example/", ["scope"])
            .code_verifier(What::Verifier.secret()),
        both(),
    );
    run(signed, app(), both());
    // Half read, with a copy made of it, before it turns out to be no JSON.
    let what = What::AccessTokenWithEscapes;
    let spoiled = answered(200, what.within(r#"{"access_token":"\/"#, r#"\q"}"#));
    run(
        Credential::secret(What::ClientSecret.secret()),
        app(),
        vec![spoiled],
    );
    let none: Vec<(What, usize)> = Vec::new();
    assert_eq!(format!("{:?}", found()), format!("{none:?}"));

    // The search does find what is freed and not wiped.
    drop(What::Freed.text());
    drop(URL_SAFE_NO_PAD.encode(What::Freed.text()));
    assert_eq!(format!("{:?}", found()), "[(Freed, 3)]");
}
