//! RUN-09 where one tenant has very many tokens: they cost the other tenants neither their tokens nor time.

use entra_proto::*;

use crate::script::{START, Script, granting, seconds};

fn plan(tenant: &str, scope: &str) -> Plan {
    let authority = "https://login.microsoftonline.com/contoso.com";
    let credential = Credential::secret(Secret::new("CANARY-secret"));
    let client = Client::builder("app", authority, credential)
        .build()
        .expect("a client");
    let request = TokenRequest::for_app([scope]).tenant(tenant);
    request.plan(&client).expect("a plan")
}

/// Fetches a token that lives so many seconds.
fn fetch(script: &mut Script, tenant: &str, scope: &str, life: u64) {
    let answer = granting("Bearer", "CANARY", &format!(",\"expires_in\":{life}"));
    let answering = std::mem::replace(script, Script::new()).answers([answer]);
    *script = answering;
    script.run(&plan(tenant, scope)).token();
}

fn of(entries: usize) -> Script {
    let mut script = Script::new();
    script.memory = Memory::new(Limits {
        entries,
        bytes: usize::MAX,
    });
    script
}

fn holds(script: &Script, tenant: &str, scope: &str) -> bool {
    script.hit(&plan(tenant, scope)).is_some()
}

/// GUIDs and names, as tenants have them.
fn quiet() -> Vec<String> {
    let guids = (0..10).map(|n| format!("{n:08x}-85fd-4f47-8d8c-2f3cb9eb7b2e"));
    guids
        .chain((0..10).map(|n| format!("t{n}.example")))
        .collect()
}

#[test]
fn run09_a_tenant_with_very_many_tokens_makes_room_with_its_own() {
    for crowd in ["noisy.example", "f0000000-85fd-4f47-8d8c-2f3cb9eb7b2e"] {
        let mut script = of(100);
        for tenant in quiet() {
            fetch(&mut script, &tenant, "scope", 1_000);
        }
        // All of these end later, so that the others would go first.
        for number in 0..500 {
            fetch(&mut script, crowd, &format!("scope{number}"), 3_000);
        }
        assert_eq!(script.memory.len(), 100);
        for tenant in quiet() {
            assert!(holds(&script, &tenant, "scope"), "{tenant} beside {crowd}");
        }
        let left = (0..500).filter(|number| holds(&script, crowd, &format!("scope{number}")));
        assert_eq!(left.count(), 80);
        assert_eq!(script.memory.crowd(), Some(80));
    }
}

#[test]
fn run09_nobody_goes_below_an_eighth_for_others() {
    // A crowd of 30 among 100 makes room until it has 12, an eighth; from there on what ends first goes.
    let mut script = of(100);
    for number in 0..30 {
        fetch(
            &mut script,
            "noisy.example",
            &format!("scope{number}"),
            3_000,
        );
    }
    let other = |number: u64| format!("other{number}.example");
    for number in 0..70 {
        fetch(&mut script, &other(number), "scope", 1_000 + number);
    }
    assert_eq!(
        (script.memory.len(), script.memory.crowd()),
        (100, Some(30))
    );
    for number in 70..100 {
        fetch(&mut script, &other(number), "scope", 1_000 + number);
    }
    let crowd = (0..30).filter(|number| holds(&script, "noisy.example", &format!("scope{number}")));
    assert_eq!(crowd.count(), 12);
    assert_eq!(script.memory.crowd(), None);
    let gone: Vec<_> = (0..100)
        .filter(|number| !holds(&script, &other(*number), "scope"))
        .collect();
    assert_eq!(gone, (0..12).collect::<Vec<_>>());
}

#[test]
fn run09_what_has_ended_makes_room_before_any_crowd() {
    let mut script = of(40);
    for tenant in quiet() {
        fetch(&mut script, &tenant, "scope", 400);
    }
    for number in 0..20 {
        fetch(
            &mut script,
            "noisy.example",
            &format!("scope{number}"),
            3_000,
        );
    }
    script.pass(seconds(401));
    fetch(&mut script, "late.example", "scope", 3_000);
    assert_eq!(script.memory.len(), 21);
    // And whoever is alone with its crowd lets go of what ends first.
    let mut script = of(20);
    for number in 0..40_u64 {
        let life = 1_000 + (number * 7) % 40;
        fetch(
            &mut script,
            "noisy.example",
            &format!("scope{number}"),
            life,
        );
    }
    assert_eq!((script.memory.len(), script.memory.crowd()), (20, None));
    for number in 0..40_u64 {
        let held = holds(&script, "noisy.example", &format!("scope{number}"));
        assert_eq!(held, (number * 7) % 40 >= 20, "{number}");
    }
}

/// A crowd that is over is none: what it has is counted as it goes, for whatever reason it does.
#[test]
fn run09_a_crowd_that_has_ended_is_none() {
    let mut script = of(100);
    for number in 0..50 {
        fetch(&mut script, "noisy.example", &format!("scope{number}"), 400);
    }
    for number in 0..50 {
        fetch(
            &mut script,
            &format!("other{number}.example"),
            "scope",
            2_000 + number,
        );
    }
    // It would go first as well. Whoever asks has it counted.
    assert_eq!((script.memory.len(), script.memory.crowd()), (100, None));
    script.pass(seconds(401));
    for number in 50..110 {
        fetch(
            &mut script,
            &format!("other{number}.example"),
            "scope",
            2_000 + number,
        );
    }
    assert_eq!((script.memory.len(), script.memory.crowd()), (100, None));
    for number in 0..110 {
        let held = holds(&script, &format!("other{number}.example"), "scope");
        assert_eq!(held, number >= 10, "{number}");
    }
}

/// Whatever a flow asks for, it is handed that and what is for several scopes at once, and not the rest.
#[test]
fn a_flow_loads_no_more_than_what_may_serve_it() {
    let mut script = of(10_000);
    let tenant = "noisy.example";
    let both = "https://vault.azure.net/.default https://storage.azure.com/.default";
    let request = |scopes: &[&str]| {
        let authority = "https://login.microsoftonline.com/contoso.com";
        let credential = Credential::secret(Secret::new("CANARY-secret"));
        let client = Client::builder("app", authority, credential).build();
        let request = TokenRequest::for_app(scopes.iter().copied()).tenant(tenant);
        request.plan(&client.expect("a client")).expect("a plan")
    };
    for number in 0..1_000 {
        fetch(&mut script, tenant, &format!("scope{number}"), 3_000);
    }
    let scopes: Vec<&str> = both.split(' ').collect();
    script.run(&request(&scopes)).token();
    let loaded = |plan: &Plan| {
        let seed = Seed::from_bytes([7; 32]);
        let Step::LoadCache(load) = plan.clone().start(seed, START) else {
            panic!("it looks into the cache first");
        };
        let (some, all) = (
            script.memory.load(&load),
            script.memory.partition(load.key()),
        );
        (some.len(), all.len())
    };
    assert_eq!(loaded(&plan(tenant, "scope7")), (2, 1_001));
    assert_eq!(loaded(&plan(tenant, "another")), (1, 1_001));
    assert_eq!(loaded(&request(&scopes)), (1, 1_001));
    // One for several serves whoever wants one of them.
    assert!(script.hit(&plan(tenant, scopes[0])).is_some());
    assert!(script.hit(&plan(tenant, "another")).is_none());
}

/// RUN-16: which of two that serve alike is handed out is not up to where a memory holds them.
#[test]
fn run16_of_two_that_serve_alike_it_is_always_the_same() {
    let client = {
        let authority = "https://login.microsoftonline.com/contoso.com";
        let credential = Credential::secret(Secret::new("CANARY-secret"));
        Client::builder("app", authority, credential).build()
    };
    let client = client.expect("a client");
    let plan = |scopes: &[&str]| {
        let request = TokenRequest::for_app(scopes.iter().copied());
        request.plan(&client).expect("a plan")
    };
    // Each memory makes hashes with a secret of its own.
    for round in 0..64 {
        let mut script = Script::new();
        for other in ["b", "c", "d", "e"] {
            let life = ",\"expires_in\":3600";
            script = script.answers([granting("Bearer", &format!("CANARY-{other}"), life)]);
            script.run(&plan(&["a", other])).token();
        }
        let hit = script.hit(&plan(&["a"]));
        let hit = hit.expect("a token for more");
        assert_eq!(hit.secret().expose(), "CANARY-b", "round {round}");
        let run = script.run(&plan(&["a"]));
        assert_eq!(run.token().secret().expose(), "CANARY-b", "round {round}");
    }
}
