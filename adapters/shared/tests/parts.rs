//! RUN-09 for a memory in parts: its bounds hold for all parts together, and which part something is in makes no difference.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::time::Duration;

use entra_adapter::Parts;
use entra_proto::*;

const START: Now = Now::new(
    Duration::from_secs(1_798_761_600),
    Duration::from_secs(1_000),
);

fn client() -> Client {
    let authority = "https://login.microsoftonline.com/contoso.com";
    let credential = Credential::secret(Secret::new("not-a-real-secret"));
    Client::builder("app", authority, credential)
        .build()
        .unwrap()
}

fn plan(number: u64) -> Plan {
    plan_for("scope", &format!("t{number}.example"))
}

fn plan_for(scope: &str, tenant: &str) -> Plan {
    let request = TokenRequest::for_app([scope]).tenant(tenant);
    request.plan(&client()).unwrap()
}

/// Fetches a token that lives so many seconds.
fn fetch(parts: &Parts, plan: Plan, life: u64, now: Now) {
    let mut step = plan.start(Seed::from_bytes([7; 32]), now);
    loop {
        step = match step {
            Step::LoadCache(load) => {
                let found = parts.load(&load);
                load.resume(Ok(found), now)
            }
            Step::TakeTurn(take) => take.resume(Turn::Mine, now),
            Step::SendRequest(send) => {
                let body = format!(
                    "{{\"token_type\":\"Bearer\",\"access_token\":\"t\",\"expires_in\":{life}}}"
                );
                send.resume(Ok(http::Response::new(Body::from(body.into_bytes()))), now)
            }
            Step::SaveCache(save) => {
                parts.save(save.key(), save.update(), now);
                save.resume(Ok(()), now)
            }
            Step::Done(done) => {
                done.into_result().unwrap();
                return;
            }
            Step::DiscoverRegion(_)
            | Step::DiscoverInstance(_)
            | Step::ObtainAssertion(_)
            | Step::ObtainCertificate(_)
            | Step::SignAssertion(_)
            | Step::Pause(_) => panic!("nobody asked for this: {step:?}"),
        };
    }
}

fn holds(parts: &Parts, number: u64, now: Now) -> bool {
    let plan = plan(number);
    plan.look().and_then(|look| parts.hit(&look, now)).is_some()
}

const ROOMY: Limits = Limits {
    entries: usize::MAX,
    bytes: usize::MAX,
};

#[test]
fn run09_what_ends_soonest_of_all_parts_makes_room() {
    let one = Parts::new(ROOMY);
    fetch(&one, plan(1_000), 3_600, START);
    for limits in [
        Limits {
            entries: 50,
            ..ROOMY
        },
        Limits {
            // Names of four digits are the longest here.
            bytes: 50 * one.bytes(),
            ..ROOMY
        },
    ] {
        let parts = Parts::new(limits);
        let mut expected = BTreeSet::new();
        for number in 1_000..1_400 {
            // Lives that go up and down, none of them twice.
            let life = 1_000 + (number * 7_919) % 4_001;
            fetch(&parts, plan(number), life, START);
            expected.insert((life, number));
            if expected.len() > 50 {
                expected.pop_first();
            }
            assert_eq!(parts.len(), expected.len());
            assert!(parts.bytes() <= limits.bytes && !parts.is_empty());
        }
        for number in 1_000..1_400 {
            let expected = expected.iter().any(|(_, held)| *held == number);
            assert_eq!(holds(&parts, number, START), expected, "{number}");
        }
    }
}

#[test]
fn run09_what_has_ended_makes_room_whatever_part_it_is_in() {
    let parts = Parts::new(Limits {
        entries: 40,
        ..ROOMY
    });
    for number in 0..20 {
        fetch(&parts, plan(number), 1_000, START);
    }
    for number in 20..40 {
        fetch(&parts, plan(number), 3_600, START);
    }
    let later = START.after(Duration::from_secs(1_001));
    for number in 40..60 {
        fetch(&parts, plan(number), 2_000, later);
    }
    for number in 20..60 {
        assert!(holds(&parts, number, later), "{number}");
    }
    assert_eq!(parts.len(), 40);
}

/// Its tokens end last, so that all others would go first: from whatever part they are in, it makes room with its own.
#[test]
fn run09_a_tenant_with_very_many_tokens_makes_room_with_its_own_in_all_parts() {
    // All tokens of one are in one part: of three, not every one is where the first of the others is.
    for noisy in ["noisy.example", "loud.example", "shrill.example"] {
        let parts = Parts::new(Limits {
            entries: 400,
            ..ROOMY
        });
        for number in 0..20 {
            fetch(&parts, plan(number), 1_000 + number, START);
        }
        for number in 0..2_000 {
            let plan = plan_for(&format!("scope{number}"), noisy);
            fetch(&parts, plan, 3_600, START);
        }
        assert_eq!(parts.len(), 400);
        let gone: Vec<_> = (0..20)
            .filter(|number| !holds(&parts, *number, START))
            .collect();
        assert_eq!(gone, [], "{noisy}");
        // What has ended goes before, wherever it is.
        let later = START.after(Duration::from_secs(1_000));
        fetch(&parts, plan(20), 3_600, later);
        assert_eq!(parts.len(), 400);
        assert!(holds(&parts, 20, later));
    }
}

#[test]
fn run09_a_document_takes_nobodys_place_in_any_part() {
    let full = Parts::new(ROOMY);
    for number in 100..130 {
        fetch(&full, plan(number), 3_600, START);
    }
    let mut document = PortableCache::empty();
    full.add_to(&mut document, START);
    let parts = Parts::new(Limits {
        entries: 25,
        ..ROOMY
    });
    for number in 130..150 {
        fetch(&parts, plan(number), 600, START);
    }
    assert_eq!(parts.load_from(&document, START), 5);
    assert_eq!(parts.len(), 25);
    assert!((130..150).all(|number| holds(&parts, number, START)));
    // By bytes as well: there is room for what there was before, and for no more.
    let parts = Parts::new(Limits {
        bytes: full.bytes(),
        ..ROOMY
    });
    assert_eq!(parts.load_from(&document, START), 30);
    assert_eq!(parts.bytes(), full.bytes());
    assert!((100..130).all(|number| holds(&parts, number, START)));
    // What came with the document makes room like everything else.
    fetch(&parts, plan(150), 3_601, START);
    assert_eq!(parts.len(), 30);
    assert!(holds(&parts, 150, START));
}
