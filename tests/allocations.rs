//! How much one flow allocates, whatever comes in (I30), and that it grows no faster than what comes in does (I40). The allocator
//! gives every byte once, so that what was ever allocated can be counted: more than was held at any one time.
//!
//! One test, since the count is that of the process.

use bump_alloc2::BumpAlloc;
use entra_proto::testing::{Answer, Answerer, Script};
use entra_proto::*;
use http::Response;

#[global_allocator]
static MEMORY: BumpAlloc = BumpAlloc::with_size(4 * 1024 * 1024 * 1024);

const KIB: usize = 1_024;

/// What comes of `work`, and how many bytes it allocates.
fn allocated<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = MEMORY.allocated();
    let done = work();
    (MEMORY.allocated() - before, done)
}

fn client() -> Client {
    let credential = Credential::secret(Secret::new("CANARY"));
    let builder = Client::builder(
        "app",
        "https://login.microsoftonline.com/contoso.com",
        credential,
    );
    builder.build().expect("a client")
}

fn plan(request: TokenRequest) -> Plan {
    request.plan(&client()).expect("a plan")
}

fn bearer() -> TokenRequest {
    TokenRequest::for_app(["scope"])
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
    Ok(response)
}

fn granting(rest: &str) -> String {
    format!("{{\"token_type\":\"Bearer\",\"access_token\":\"CANARY\",\"expires_in\":3600{rest}}}")
}

/// What a flow allocates from its first step to its end, and that. The answers are made before.
fn flow(plan: Plan, answers: Vec<Answer>, memory: Memory) -> (usize, Done) {
    let mut world = Answerer::remembering(Script::default().answering(answers), memory);
    allocated(|| world.run(plan, Seed::from_bytes([7; 32])))
}

/// What a request allocates that ends in a token.
fn granted(request: &TokenRequest, answers: Vec<Answer>, memory: Memory) -> usize {
    let (planning, plan) = allocated(|| plan(request.clone()));
    let (bytes, done) = flow(plan, answers, memory);
    assert!(done.result().is_ok(), "{done:?}");
    planning + bytes
}

fn asked(request: &TokenRequest) -> usize {
    granted(request, vec![], Memory::default())
}

fn answered(body: &str) -> usize {
    granted(&bearer(), vec![answer(200, body)], Memory::default())
}

fn members(count: usize) -> String {
    (0..count)
        .map(|number| format!(",\"m{number:05}\":1{number:05}"))
        .collect()
}

fn fill(count: usize, what: &str) -> String {
    what.chars().cycle().take(count).collect()
}

/// A memory with so many tokens under one key.
fn remembering(count: usize) -> Memory {
    let mut world = Answerer::new(Script::default());
    for number in 0..count {
        let request = TokenRequest::for_app([format!("scope{number:05}")]);
        world
            .run(plan(request), Seed::from_bytes([7; 32]))
            .into_result()
            .expect("a token");
    }
    assert_eq!(world.memory().len(), count);
    world.memory().clone()
}

/// A stored cache with so many tokens.
fn stored(count: usize) -> Vec<u8> {
    let mut cache = PortableCache::empty();
    cache.add_from(&remembering(count), Answerer::new(Script::default()).now());
    cache.write().expose().to_vec()
}

/// One thing that may be twice as large.
type Growing = (&'static str, usize, fn(usize) -> usize);

const GROWING: &[Growing] = &[
    ("members of an answer", 48, |count| {
        answered(&granting(&members(count)))
    }),
    ("a token", 16 * KIB, |count| {
        answered(&granting("").replace("CANARY", &fill(count, "CANARY")))
    }),
    ("a text nobody asked for", 16 * KIB, |count| {
        answered(&granting(&format!(",\"x\":\"{}\"", fill(count, "CANARY"))))
    }),
    ("a text that is escaped", 16 * KIB, |count| {
        answered(&granting(&format!(",\"x\":\"{}\"", fill(count, "\\n"))))
    }),
    ("a refusal's numbers", 48, |count| {
        let numbers = vec!["7000215"; count].join(",");
        let body = format!("{{\"error\":\"invalid_client\",\"error_codes\":[{numbers}]}}");
        let (bytes, done) = flow(plan(bearer()), vec![answer(400, body)], Memory::default());
        assert_eq!(
            done.result().as_ref().err().map(Error::code),
            Some("invalid_client")
        );
        bytes
    }),
    ("scopes", 256, |count| {
        let scopes: Vec<String> = (0..count)
            .map(|number| format!("scope{number:05}"))
            .collect();
        let request = TokenRequest::for_app(scopes);
        asked(&request)
    }),
    ("claims", 32, |count| {
        let claims = format!("{{\"x\":0{}}}", members(count));
        let request = bearer().claims(claims);
        asked(&request)
    }),
    ("parameters", 64, |count| {
        let with =
            |request: TokenRequest, number| request.body_parameter(format!("x{number:05}"), "y");
        let request = (0..count).fold(bearer(), with);
        asked(&request)
    }),
    ("a user's token", 16 * KIB, |count| {
        let request = TokenRequest::on_behalf_of(Secret::new(fill(count, "CANARY")), ["scope"]);
        asked(&request)
    }),
    ("tokens under one key", 64, |count| {
        let memory = remembering(count);
        granted(&TokenRequest::for_app(["scope00001"]), vec![], memory)
    }),
    ("a stored cache", 64, |count| {
        let document = stored(count);
        allocated(|| {
            let cache = PortableCache::read(&document).expect("what was written");
            let mut memory = Memory::default();
            cache.load_into(&mut memory, Answerer::new(Script::default()).now());
            assert_eq!(memory.len(), count);
            cache.write()
        })
        .0
    }),
    ("a field with a challenge", 2 * KIB, |count| {
        let field = format!(
            "Basic realm=\"{}\", Bearer claims=\"{{}}\"",
            fill(count, "CANARY")
        );
        let (bytes, found) = allocated(|| ClaimsChallenge::find([field.as_str()]));
        assert!(found.expect("challenges").is_some());
        bytes
    }),
];

/// I30: the largest and the oddest answers that are read at all.
fn answers_as_large_as_they_may_be() -> Vec<(&'static str, Vec<u8>)> {
    let cap = SendRequest::MAX_RESPONSE;
    let filled = |head: &str, what: &str, tail: &str| {
        let text = fill(cap - head.len() - tail.len(), what);
        format!("{head}{text}{tail}").into_bytes()
    };
    let head = granting("");
    let head = head.trim_end_matches('}');
    vec![
        ("blanks", vec![b' '; cap]),
        ("brackets", vec![b'['; cap]),
        ("braces", fill(cap, "{\"\":").into_bytes()),
        ("bytes that are no text", vec![0xff; cap]),
        (
            "one text",
            filled(&format!("{head},\"x\":\""), "CANARY", "\"}"),
        ),
        (
            "escapes",
            filled(&format!("{head},\"x\":\""), "\\u00e9", "\"}"),
        ),
        ("an array", filled(&format!("{head},\"x\":[0"), ",1", "]}")),
        (
            "an array of objects",
            filled(&format!("{head},\"x\":[0"), ",{}", "]}"),
        ),
        ("members", filled(head, ",\"a\":0", "}")),
        (
            "numbers of errors",
            filled("{\"error\":\"x\",\"error_codes\":[0", ",7", "]}"),
        ),
    ]
}

#[test]
fn i30_i40_a_flow_allocates_little_and_no_faster_than_what_comes_in() {
    for (what, body) in answers_as_large_as_they_may_be() {
        // The last two are tried once more.
        for (status, attempts) in [(200, 1), (400, 1), (429, 1), (408, 2), (500, 2)] {
            let body = body.clone();
            let answers = vec![answer(status, body.clone()), answer(status, body)];
            let (bytes, _) = flow(plan(bearer()), answers, Memory::default());
            let most = attempts * SendRequest::MAX_RESPONSE + 64 * KIB;
            assert!(bytes <= most, "{what}, {status}: {bytes} bytes");
        }
    }
    for (what, count, work) in GROWING {
        let (once, twice, four_times) = (work(*count), work(2 * count), work(4 * count));
        assert!(once > 0, "{what}");
        assert!(5 * twice <= 11 * once, "{what}: {once}, then {twice}");
        assert!(
            5 * four_times <= 11 * twice,
            "{what}: {twice}, then {four_times}"
        );
    }
}
