//! How often a flow allocates: never for a hit by the short way, and a pinned number of times for a miss.
//!
//! Counted is what the test's own thread allocates: the harness's main thread does so too, whenever it gets its turn.

#![forbid(unsafe_code)]

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use entra_proto::*;
use http::Response;

const START: Now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);
/// What a miss costs today, saving the token included; the answer's own bytes are the transport's. A memory that grows allocates
/// besides, now and then. One of them is what is known of the flow, beside the token so that what a hit hands out is small.
const MISS: u64 = 9;
const AUTHORITY: &str = "https://login.microsoftonline.com/contoso.com";
const RSA: &[u8] = include_bytes!("it/fixtures/rsa.der");
const VAULT: &str = "https://vault.azure.net/.default";

/// What comes of `work`, and how often it allocates.
fn counted<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let (info, done) = measured(work);
    (info.count_total, done)
}

fn measured<T>(work: impl FnOnce() -> T) -> (AllocationInfo, T) {
    let mut done = None;
    let info = measure(|| done = Some(work()));
    (info, done.expect("it was done"))
}

fn client() -> Client {
    let credential = Credential::secret(Secret::new("secret"));
    Client::builder("app", AUTHORITY, credential)
        .build()
        .expect("a client")
}

fn answer(kind: TokenKind) -> Response<Body> {
    let token = "t".repeat(1_500);
    let body = format!(
        "{{\"token_type\":\"{kind}\",\"expires_in\":3599,\"ext_expires_in\":3599,\"access_token\":\"{token}\"}}"
    );
    Response::new(Body::from(body.into_bytes()))
}

/// A driver with an instant transport.
fn run(plan: Plan, memory: &mut Memory, answer: Response<Body>) -> AccessToken {
    done(plan, memory, answer).into_result().expect("a token")
}

fn done(plan: Plan, memory: &mut Memory, answer: Response<Body>) -> Done {
    let mut answer = Some(answer);
    let mut step = plan.start(Seed::from_bytes([7; 32]), START);
    loop {
        step = match step {
            Step::LoadCache(load) => {
                let found = memory.load(&load);
                load.resume(Ok(found), START)
            }
            Step::TakeTurn(take) => take.resume(Turn::Mine, START),
            Step::SendRequest(send) => send.resume(Ok(answer.take().expect("one request")), START),
            Step::SaveCache(save) => {
                memory.save(save.key(), save.update(), START);
                save.resume(Ok(()), START)
            }
            Step::Done(done) => return done,
            Step::DiscoverRegion(_)
            | Step::DiscoverInstance(_)
            | Step::ObtainAssertion(_)
            | Step::ObtainCertificate(_)
            | Step::SignAssertion(_)
            | Step::Pause(_) => panic!("a secret needs none of these"),
        };
    }
}

#[test]
fn a_hit_allocates_nothing_and_a_miss_little() {
    let client = client();
    let of = |request: TokenRequest| request.plan(&client).expect("a plan").ready();
    let plan = |scope: &str| of(TokenRequest::for_app([scope]));
    let in_tenant = |number: usize| {
        let tenant = format!("{number:08x}-2222-4222-8222-222222222222");
        of(TokenRequest::for_app([VAULT]).tenant(tenant))
    };
    let mut memory = Memory::default();
    // The first token brings the tables that all are held in.
    run(in_tenant(0), &mut memory, answer(TokenKind::Bearer));
    let ready = in_tenant(1);
    let (missed, token) = counted({
        let (plan, answer) = (ready.clone(), answer(TokenKind::Bearer));
        let memory = &mut memory;
        move || run(plan, memory, answer)
    });

    let (hit, served) = counted(|| {
        (0..1_000)
            .map(|_| memory.hit(&ready.look()?, START))
            .map(|hit| hit.expect("a hit"))
            .filter(|again| {
                again.secret() == token.secret() && START.precedes(again.serves_until())
            })
            .count()
    });
    assert_eq!((hit, served), (0, 1_000));
    let other = plan("https://graph.microsoft.com/.default");
    let (missing, none) = counted(|| memory.hit(&other.look()?, START));
    assert!(missing == 0 && none.is_none());

    assert_eq!(missed, MISS);

    // What a flow looks at first: the tokens of a tenant, which are one for most.
    let key = ready.held_under().expect("a token that may be held");
    let (loading, found) = counted(|| memory.partition(key));
    assert_eq!((loading, found.len()), (0, 1));

    // However much is remembered already.
    let many: Vec<_> = (0..1_000)
        .map(|number| (in_tenant(number + 2), answer(TokenKind::Bearer)))
        .collect();
    let (missed, ()) = counted(|| {
        for (plan, answer) in many {
            run(plan, &mut memory, answer);
        }
    });
    assert!(missed <= 1_000 * MISS + 200, "{missed}");
}

/// Where a request goes is known before it is asked for, if nobody has to say what region this is: in Entra's plain and mutual TLS,
/// and in all that has no regions.
#[test]
fn what_is_worked_out_beforehand_is_not_worked_out_again() {
    let secret = || Credential::secret(Secret::new("secret"));
    let certificate = || Credential::certificate(CertificateChain::new(RSA.to_vec()));
    let westus3 = || RegionSource::Named("westus3".to_owned());
    let (entra, dsts) = (AUTHORITY, "https://login.example.com/dstsv2/contoso.com");
    let app = || TokenRequest::for_app([VAULT]);
    for (what, authority, credential, region, request) in [
        ("plain", entra, secret(), westus3(), app()),
        (
            "mutual TLS",
            entra,
            certificate(),
            westus3(),
            app().proof_of_possession(),
        ),
        ("no regions", dsts, secret(), RegionSource::Discover, app()),
    ] {
        let client = Client::builder("app", authority, credential).region(region);
        let plan = request
            .plan(&client.build().expect("a client"))
            .expect("a plan");
        let count = |plan: Plan| {
            let (mut memory, answer) = (Memory::default(), answer(plan.token_kind()));
            counted(|| drop(run(plan, &mut memory, answer))).0
        };
        let ready = plan.clone().ready();
        assert!(count(ready) < count(plan), "{what}");
    }
    // And nothing is that is never needed: only a pair may go either way.
    let getting_ready = |credential: Credential, request: TokenRequest| {
        let client = Client::builder("app", entra, credential).region(westus3());
        let client = client.build().expect("a client");
        let plan = request.plan(&client).expect("a plan");
        counted(|| plan.ready()).0
    };
    let either = getting_ready(Credential::signed_assertion_provider(), app());
    assert!(getting_ready(secret(), app()) < either);
    assert!(getting_ready(certificate(), app().proof_of_possession()) < either);
}

/// RUN-09: the bound of a memory is one of what it takes from the allocator, and does not keep much more from being held.
#[test]
fn run09_a_memory_counts_no_less_than_it_takes() {
    const COUNT: usize = 5_000;
    let client = client();
    let in_tenant = |number: usize| {
        let tenant = format!("{number:08x}-3333-4333-8333-333333333333");
        TokenRequest::for_app([VAULT]).tenant(tenant)
    };
    let refused = || {
        let mut refused = Response::new(Body::from(Vec::new()));
        *refused.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
        let wait = http::HeaderValue::from_static("3600");
        refused
            .headers_mut()
            .insert(http::header::RETRY_AFTER, wait);
        refused
    };
    // Such a tenant's token has nothing in common with another's.
    let named = |number: usize| TokenRequest::for_app([VAULT]).tenant(format!("{number}.example"));
    let tokens = |number: usize| (in_tenant(number), answer(TokenKind::Bearer));
    let apart = |number: usize| (named(number), answer(TokenKind::Bearer));
    let notes = |number: usize| (in_tenant(number), refused());
    let mixed: [(&str, &dyn Fn(usize) -> _); 3] = [
        ("tokens", &tokens),
        ("tokens of named tenants", &apart),
        ("notes", &notes),
    ];
    for (what, of) in mixed {
        let (taken, memory) = measured(|| {
            let mut memory = Memory::default();
            for number in 0..COUNT {
                let (request, answer) = of(number);
                let plan = request.plan(&client).expect("a plan");
                drop(done(plan, &mut memory, answer));
            }
            memory
        });
        // What is asked for, and a word for each block, in which allocators keep its length.
        let blocks = usize::try_from(taken.count_current).expect("a memory takes something");
        let asked = usize::try_from(taken.bytes_current).expect("a memory takes something");
        let taken = asked + blocks * size_of::<usize>();
        let counted = memory.bytes();
        assert_eq!(memory.len(), COUNT, "{what}");
        let most = taken + taken / 2;
        assert!(
            (taken..=most).contains(&counted),
            "{what}: {taken}, {counted}"
        );
    }
}

/// The copy of a text with escapes has room for that text, not for all that comes after it: a document of many would take the square
/// of its length.
#[test]
fn t35_texts_with_escapes_take_no_more_than_their_length() {
    let texts = vec![r#""a\/b""#; 1_000].join(",");
    let document = format!("{{\"Unknown\":[{texts}]}}").into_bytes();
    let (info, read) = measured(|| PortableCache::read(&document));
    let (taken, length) = (info.bytes_total, document.len() as u64);
    assert!(read.is_ok() && taken < 10 * length, "{taken} bytes");
}
