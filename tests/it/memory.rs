//! What one memory holds and for whom: certificates that change, two clients, and its bounds.

use std::collections::BTreeSet;
use std::time::Duration;

use entra_proto::*;

use crate::certificates::{P256, numbered, thumbprint};
use crate::clients::CONTOSO;
use crate::script::{Answer, Record, START, Script, granting, pair, seconds, seed};

fn client(credential: Credential) -> Client {
    let authority = "https://login.microsoftonline.com/contoso.com";
    Client::builder("app", authority, credential)
        .region(RegionSource::Named("westus3".to_owned()))
        .build()
        .expect("a client")
}

fn pop(client: &Client) -> Plan {
    let request = TokenRequest::for_app(["scope"]).proof_of_possession();
    request.plan(client).expect("a plan")
}

fn token(name: &str) -> Answer {
    granting("mtls_pop", name, ",\"expires_in\":3600")
}

/// CACHE-02, BIND-01: a renewed certificate with its old key is another one; each token names its own.
#[test]
fn cache02_bind01_a_renewed_certificate_with_its_old_key_is_a_miss() {
    let plan = pop(&client(Credential::certificate_provider()));
    let renewed = |number| Some(numbered(P256, number));
    let mut script = Script::new().certificates([renewed(1), renewed(2), renewed(2), renewed(1)]);
    for (number, sends) in [(1, true), (2, true), (2, false), (1, false)] {
        let run = script.run(&plan);
        let shown: Vec<_> = run.sent.iter().map(|sent| sent.certificate).collect();
        let expected: Vec<_> = sends
            .then_some(Some(thumbprint(P256, number)))
            .into_iter()
            .collect();
        assert_eq!(shown, expected);
        let named = run.token().binding_certificate().expect("bound");
        assert_eq!(named.thumbprint(), thumbprint(P256, number));
    }
}

/// RUN-08, I17: five minutes before its end, and not a second earlier, a token is no hit any more; either clock says so alone.
#[test]
fn run08_i17_a_token_stops_serving_five_minutes_before_its_end_to_the_second() {
    let plan = pop(&client(Credential::certificate_provider()));
    for (wall, monotonic, serves) in [
        (3_299, 3_299, true),
        (3_300, 3_299, false),
        (3_299, 3_300, false),
        (3_300, 0, false),
        (0, 3_300, false),
        (3_601, 3_601, false),
    ] {
        let named = || Some(numbered(P256, 1));
        let mut script = Script::new()
            .certificates([named(), named()])
            .answers([token("CANARY-0"), token("CANARY-1")]);
        script.run(&plan);
        script.now = Now::new(
            START.wall() + seconds(wall),
            START.monotonic() + seconds(monotonic),
        );
        let sent = script.run(&plan).sent.len();
        assert_eq!(sent, usize::from(!serves), "{wall} s, {monotonic} s");
    }
}

/// CACHE-03: two pairs in turn, a thousand times.
#[test]
fn cache03_two_certificates_in_turn_make_two_requests() {
    let plan = pop(&client(Credential::signed_assertion_provider()));
    let mut script = Script::new()
        .pairs((0..1_000).map(|round| pair(round % 2)))
        .answers([token("CANARY-0"), token("CANARY-1")]);
    for round in 0..1_000 {
        let run = script.run(&plan);
        assert_eq!(run.sent.len(), usize::from(round < 2));
        let (number, token) = (round % 2, run.token());
        assert_eq!(token.secret().expose(), format!("CANARY-{number}"));
        let named = token.binding_certificate().expect("bound").thumbprint();
        assert_eq!(named, thumbprint(P256, number));
        for sent in &run.sent {
            assert_eq!(sent.certificate, Some(thumbprint(P256, number)));
        }
    }
}

/// CACHE-04: another chain above the same leaf is a hit.
#[test]
fn cache04_other_intermediates_are_a_hit() {
    let plan = pop(&client(Credential::certificate_provider()));
    let above = |number| Some(numbered(P256, 1).intermediates(vec![vec![number; 40]]));
    let mut script = Script::new().certificates([above(1), above(2)]);
    let first = script.run(&plan);
    assert_eq!(first.sent.len(), 1);
    let second = script.run(&plan);
    assert!(second.sent.is_empty());
    assert_eq!(second.token().secret(), first.token().secret());
}

/// CACHE-06: two clients of one id that differ in their certificate share a memory.
#[test]
fn cache06_one_memory_keeps_two_clients_certificates_apart() {
    let of = |number| pop(&client(Credential::certificate(numbered(P256, number))));
    let (alpha, beta) = (of(1), of(2));
    let mut script = Script::new().answers([token("CANARY-alpha"), token("CANARY-beta")]);
    for (plan, name, sends) in [
        (&alpha, "CANARY-alpha", 1),
        (&beta, "CANARY-beta", 1),
        (&alpha, "CANARY-alpha", 0),
        (&beta, "CANARY-beta", 0),
    ] {
        let run = script.run(plan);
        assert_eq!(run.sent.len(), sends);
        assert_eq!(run.token().secret().expose(), name);
    }
}

/// RUN-09: whatever is written, the memory stays below both bounds. What has ended goes first, and then what ends soonest.
/// (A million tenants, and what the process takes for them, are shown with the adapters' state.)
#[test]
fn run09_a_memory_stays_below_its_bounds_and_lets_go_of_what_ends_soonest() {
    let client = client(Credential::secret(Secret::new("CANARY-secret")));
    let in_entries = Limits {
        entries: 100,
        bytes: usize::MAX,
    };
    let in_bytes = Limits {
        entries: usize::MAX,
        bytes: 50_000,
    };
    for limits in [in_entries, in_bytes] {
        let mut script = Script::new();
        script.memory = Memory::new(limits);
        // What should be there: when it ends, and whose it is.
        let mut model: BTreeSet<(Duration, u64)> = BTreeSet::new();
        let plan = |number: u64| {
            let request = TokenRequest::for_app(["scope"]).tenant(format!("t{number}.example"));
            request.plan(&client).expect("a plan")
        };
        for number in 0..3_000_u64 {
            script.pass(seconds(number % 20));
            // Lives that go up and down, texts that are short and long.
            let life = 400 + (number * 7_919) % 3_000;
            let text = "CANARY".repeat(1 + usize::try_from(number % 50).expect("small"));
            let answer = granting("Bearer", &text, &format!(",\"expires_in\":{life}"));
            script = script.answers([answer]);
            script.run(&plan(number));
            model.insert((script.now.monotonic() + seconds(life), number));
            model.retain(|(end, _)| *end > script.now.monotonic());
            let kept = script.memory.len();
            assert!(kept <= limits.entries && script.memory.bytes() <= limits.bytes);
            assert!(kept > 10 || number < 20, "it does hold something");
            while model.len() > kept {
                model.pop_first();
            }
            assert_eq!(model.len(), kept, "nothing that has ended is held");
        }
        // Those that end last are there, as long as they may serve.
        let mut served = 0;
        for (end, number) in model {
            let left = end - script.now.monotonic();
            let run = script.run(&plan(number));
            assert_eq!(run.sent.is_empty(), left > seconds(300), "tenant {number}");
            if !run.sent.is_empty() {
                break;
            }
            served += 1;
        }
        assert!(served > 10, "{served}");
    }
}

/// RUN-09: all that callers can make long is counted, so that nobody fills a memory past its bound by long names.
#[test]
fn run09_long_names_are_counted() {
    let long = || "x".repeat(8_000);
    let client = client(Credential::secret(Secret::new("CANARY")));
    let held = |request: TokenRequest| {
        let mut script = Script::new();
        let run = script.run(&request.plan(&client).expect("a plan"));
        assert!(run.done.result().is_ok());
        script.memory.bytes()
    };
    let app = || TokenRequest::for_app(["scope"]);
    let plain = held(app());
    for (what, request) in [
        ("scope", TokenRequest::for_app([long()])),
        ("partition", app().partition(long())),
        ("fmi_path", app().fmi_path(long())),
        ("assertion_fmi_path", app().assertion_fmi_path(long())),
        (
            "claims",
            app().client_claims(format!("{{\"a\":\"{}\"}}", long())),
        ),
        ("body", app().body_parameter("name", long())),
        ("query", app().query_parameter(long(), "value")),
    ] {
        assert!(held(request) >= plain + 8_000, "{what}");
    }
    // A refresh token is a note of its own, and counts with its text.
    let signed_in = |refresh: &str| {
        let info = crate::script::client_info(crate::script::ALICE);
        let rest = format!(",\"expires_in\":3600,\"refresh_token\":\"{refresh}\"{info}");
        let mut script = Script::new().answers([granting("Bearer", "CANARY", &rest)]);
        let redeeming = crate::users::redeeming().plan(&client).expect("a plan");
        script.run(&redeeming).token();
        script.memory.bytes()
    };
    assert!(signed_in(&long()) >= signed_in("CANARY") + 8_000 - 6);
    // Whose it is counts as well: once with the access token, and once with the refresh token.
    let in_partition = |name: String| {
        let mut script = Script::new();
        let redeeming = crate::users::redeeming().partition(name);
        script
            .run(&redeeming.plan(&client).expect("a plan"))
            .token();
        assert_eq!(script.memory.len(), 2);
        script.memory.bytes()
    };
    assert!(in_partition(long()) >= in_partition("x".to_owned()) + 2 * (8_000 - 1));
    // The token itself, of course.
    let token = format!("CANARY{}", long());
    let mut script = Script::new().answers([granting("Bearer", &token, ",\"expires_in\":3600")]);
    script.run(&app().plan(&client).expect("a plan"));
    assert!(script.memory.bytes() >= plain + 8_000 - 100);
}

/// What a memory may hold is what it may hold: the last byte, and the last entry, are room as well.
#[test]
fn run09_what_is_just_full_lets_go_of_nothing() {
    let client = client(Credential::secret(Secret::new("CANARY")));
    let plan = |scope: &str| {
        let request = TokenRequest::for_app([scope]);
        request.plan(&client).expect("a plan")
    };
    let mut script = Script::new();
    for scope in ["a", "b"] {
        script.run(&plan(scope)).token();
    }
    let (entries, bytes) = (script.memory.len(), script.memory.bytes());
    for (limits, held) in [
        (Limits { entries, bytes }, 2),
        (
            Limits {
                entries: entries - 1,
                bytes,
            },
            1,
        ),
        (
            Limits {
                entries,
                bytes: bytes - 1,
            },
            1,
        ),
    ] {
        let mut script = Script::new();
        script.memory = Memory::new(limits);
        for scope in ["a", "b"] {
            script.run(&plan(scope)).token();
        }
        assert_eq!(script.memory.len(), held, "{limits:?}");
    }
}

/// A note that made room is gone: a user whose refresh token went is not served any more.
#[test]
fn run09_a_refresh_token_that_made_room_serves_nobody() {
    use crate::script::{ALICE, BOB, granting_user};
    use crate::users::redeeming;
    let client = client(Credential::secret(Secret::new("CANARY")));
    let plan = |request: TokenRequest| request.plan(&client).expect("a plan");
    let life = ",\"expires_in\":3600";
    let mut script = Script::new().answers([
        granting_user("Bearer", ALICE, 1, life),
        granting_user("Bearer", BOB, 2, life),
    ]);
    script.memory = Memory::new(Limits {
        entries: 1,
        bytes: 1 << 20,
    });
    script.run(&plan(redeeming())).token();
    script.run(&plan(redeeming())).token();
    let of = |user: &str| {
        let account = Account::from_home_id(user);
        plan(TokenRequest::for_account(account, ["another"]))
    };
    assert_eq!(script.run(&of(ALICE)).error().code(), "no_tokens_found");
}

/// Notes count as well: an error, a region or a URL is not held for nothing.
#[test]
fn run09_notes_are_counted() {
    let client = client(Credential::secret(Secret::new("CANARY")));
    let plan = TokenRequest::for_app(["scope"])
        .plan(&client)
        .expect("a plan");
    let throttled = crate::script::with_header(
        crate::script::answer(429, r#"{"error":"throttled"}"#),
        "retry-after",
        "60",
    );
    let mut script = Script::new().answers([throttled]);
    assert!(script.run(&plan).done.result().is_err());
    assert_eq!(script.memory.len(), 1);
    assert!(script.memory.bytes() >= 512, "{}", script.memory.bytes());
}

/// Refresh tokens outlive everything, so they make room where they are more than half, and only there.
#[test]
fn run09_as_many_refresh_tokens_as_others_make_no_room() {
    use crate::script::{ALICE, BOB, granting_user};
    use crate::users::redeeming;
    let client = client(Credential::secret(Secret::new("CANARY")));
    let plan = |request: TokenRequest| request.plan(&client).expect("a plan");
    let life = ",\"expires_in\":3600";
    let mut script = Script::new().answers([
        granting_user("Bearer", ALICE, 1, life),
        granting_user("Bearer", BOB, 2, life),
    ]);
    // Two of each sort come, and there is room for three: an access token goes, and both users stay signed in.
    script.memory = Memory::new(Limits {
        entries: 3,
        bytes: 1 << 20,
    });
    script.run(&plan(redeeming()));
    script.run(&plan(redeeming()));
    assert_eq!(script.memory.len(), 3);
    let alice = Account::from_home_id(ALICE);
    let run = script.run(&plan(TokenRequest::for_account(alice, ["another"])));
    assert!(run.done.result().is_ok(), "{:?}", run.seen);
}

/// What is remembered besides, such as a region, is nobody's: it counts among the others, and signs nobody out.
#[test]
fn run09_only_refresh_tokens_make_room_for_others_of_their_sort() {
    let client = Client::builder("app", CONTOSO, crate::clients::secret())
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    let mut script = Script::new();
    // The region, the refresh token and the access token are one too many.
    script.memory = Memory::new(Limits {
        entries: 2,
        bytes: 1 << 20,
    });
    let plan = |request: TokenRequest| request.plan(&client).expect("a plan");
    script.run(&plan(crate::users::redeeming())).token();
    assert_eq!(script.memory.len(), 2);
    let alice = Account::from_home_id(crate::script::ALICE);
    let run = script.run(&plan(TokenRequest::for_account(alice, ["another"])));
    assert!(run.done.result().is_ok(), "{:?}", run.seen);
    assert!(!run.seen.contains(&"DiscoverRegion"), "{:?}", run.seen);
}

/// RUN-09: a driver that keeps its memory in parts learns where to make room, and makes it there one by one: what has ended first,
/// then what ends soonest; but refresh tokens where they are more than half.
#[test]
fn run09_a_part_of_a_memory_says_what_ends_first_and_lets_one_go_at_a_time() {
    use crate::script::{ALICE, BOB, granting_user};
    use crate::users::redeeming;
    let client = client(Credential::secret(Secret::new("CANARY")));
    let plan = |request: TokenRequest| request.plan(&client).expect("a plan");
    let life = |seconds: u64| format!(",\"expires_in\":{seconds}");
    // Two users' refresh tokens and three tokens.
    let mut script = Script::new().answers([
        granting_user("Bearer", ALICE, 1, &life(0)),
        granting_user("Bearer", BOB, 2, &life(0)),
        granting("Bearer", "CANARY-a", &life(3_000)),
        granting("Bearer", "CANARY-b", &life(2_000)),
        granting("Bearer", "CANARY-c", &life(4_000)),
    ]);
    assert_eq!(script.memory.first_end(), None);
    script.memory.let_one_go(START);
    for request in [redeeming(), redeeming()]
        .into_iter()
        .chain(["a", "b", "c"].map(|scope| TokenRequest::for_app([scope])))
    {
        script.run(&plan(request)).token();
    }
    let refresh_token = seconds(90 * 24 * 3_600);
    let (now, later) = (START, START.after(seconds(4_000)));
    for (now, expected) in [
        // With one token left, the refresh tokens are more than half.
        (now, vec![2_000, 3_000, 4_000, 4_000]),
        // But it has ended.
        (later, vec![2_000, 3_000, 4_000]),
    ] {
        let mut memory = script.memory.clone();
        let mut expected: Vec<_> = expected.into_iter().map(seconds).collect();
        expected.resize(5, refresh_token);
        for (gone, expected) in expected.into_iter().enumerate() {
            let end = memory.first_end().map(|end| end - START.monotonic());
            assert_eq!((memory.len(), end), (5 - gone, Some(expected)), "{now:?}");
            memory.let_one_go(now);
        }
        assert!(memory.is_empty() && memory.bytes() == 0 && memory.first_end().is_none());
    }
    // What may be held changes with the bounds.
    let mut memory = script.memory.clone();
    memory.set_limits(Limits {
        entries: 3,
        ..Limits::default()
    });
    std::mem::swap(&mut script.memory, &mut memory);
    script.run(&plan(TokenRequest::for_app(["d"]))).token();
    assert_eq!((script.memory.len(), memory.len()), (3, 5));
}

/// A document is made of all parts of a memory, and goes into the part that has the key.
#[test]
fn a_memory_in_parts_is_one_in_a_document() {
    let client = client(Credential::secret(Secret::new("CANARY")));
    let plan = |number: u64| {
        let request = TokenRequest::for_app(["scope"]).tenant(format!("t{number}.example"));
        request.plan(&client).expect("a plan")
    };
    let place = |plan: &Plan| {
        let look = plan.look().expect("a key");
        usize::from(look.digest().is_multiple_of(2))
    };
    let mut scripts = [Script::new(), Script::new()];
    for number in 0..20 {
        let plan = plan(number);
        scripts[place(&plan)].run(&plan).token();
    }
    let mut cache = PortableCache::empty();
    cache.add_from_all(scripts.iter().map(|script| &script.memory), START);
    let mut parts = [Memory::default(), Memory::default()];
    let found = cache.load_into_part(START, |key, load| {
        load(&mut parts[usize::from(key.digest().is_multiple_of(2))])
    });
    assert_eq!(found, 20);
    for (script, part) in scripts.iter().zip(&parts) {
        assert!(part.len() == script.memory.len() && !part.is_empty());
    }
    for number in 0..20 {
        let plan = plan(number);
        let hit = |part: &Memory| part.hit(&plan.look()?, START);
        assert!(hit(&parts[place(&plan)]).is_some());
        assert!(hit(&parts[1 - place(&plan)]).is_none());
    }
    // What was there already is no news.
    let again = cache.load_into_part(START, |key, load| {
        load(&mut parts[usize::from(key.digest().is_multiple_of(2))])
    });
    assert_eq!(again, 0);
}

/// A driver with a store of its own applies each update there: a token takes the place of the one for the very same scopes, and of no
/// other.
#[test]
fn an_update_takes_the_place_of_what_is_for_the_same_scopes() {
    let client = client(Credential::secret(Secret::new("CANARY")));
    let mut store = Partition::default();
    let mut script = Script::new();
    for (scope, held) in [("a", 1), ("a", 1), ("b", 2), ("b", 2), ("c", 3), ("a", 3)] {
        let request = || TokenRequest::for_app([scope]);
        let plan = |request: TokenRequest| request.plan(&client).expect("a plan");
        let mut step = plan(request().bypassing_cache()).start(seed(1), script.now);
        let mut record = Record::default();
        let fetched = loop {
            if let Step::SaveCache(save) = &step {
                save.update().apply(&mut store);
            }
            step = match script.answer(step, &mut record) {
                Step::Done(done) => break done.into_result().expect("a token"),
                step => step,
            };
        };
        assert_eq!(store.len(), held, "{scope}");
        let Step::LoadCache(load) = plan(request()).start(seed(1), script.now) else {
            panic!("the cache comes first");
        };
        let Step::Done(done) = load.resume(Ok(store.clone()), script.now) else {
            panic!("{scope} is not served");
        };
        let served = done.into_result().expect("a token");
        assert_eq!(served.secret(), fetched.secret(), "{scope}");
    }
}

/// What a driver loads is equal to what has the same tokens and the same note.
#[test]
fn partitions_are_equal_if_tokens_and_note_are() {
    let client = client(Credential::secret(Secret::new("CANARY")));
    let plan = |scope: &str| {
        let request = TokenRequest::for_app([scope]);
        request.plan(&client).expect("a plan")
    };
    let mut script = Script::new();
    let key = script.run(&plan("a")).loaded.swap_remove(0);
    let (nothing, one) = (Partition::default(), script.memory.partition(&key));
    script.run(&plan("b"));
    let two = script.memory.partition(&key);
    assert!(one != nothing && one != two && two == script.memory.partition(&key));

    let throttled = crate::script::answer(429, r#"{"error":"throttled"}"#);
    let throttled = crate::script::with_header(throttled, "retry-after", "60");
    let mut script = Script::new().answers([throttled]);
    script.run(&plan("a"));
    let loaded = script.run(&plan("a")).loaded;
    let mut found = loaded.iter().map(|key| script.memory.partition(key));
    let note = found.rfind(|found| !found.is_empty());
    let note = note.expect("a note");
    assert_eq!(note.len(), 1);
    assert!(note != nothing && note == note.clone());
}
