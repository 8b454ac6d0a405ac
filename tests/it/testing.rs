//! What `entra_proto::testing` offers: that it is what it says, and that it leaves nothing out.

use std::collections::BTreeSet;
use std::fmt::Debug;

use entra_proto::testing::{
    Answerer, CANARY, Script, accounts, app_requests, authorities, certificate_chains,
    challenge_fields, claims, client_assertions, clients, clients_with, credentials, delays,
    environments, failures, instance_documents, moments, odd_certificate_chains,
    odd_client_assertions, odd_responses, refusals, region_documents, region_sources, scopes,
    scripts, secrets, seeds, token_requests, token_responses,
};
use entra_proto::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::canary::is_silent;
use crate::script::name;

/// So many values of a strategy, the same ones each time.
fn drawn<T: Debug>(count: usize, strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    let mut draw = || strategy.new_tree(&mut runner).expect("a value").current();
    (0..count).map(|_| draw()).collect()
}

fn words<T>(values: &[T], word: impl Fn(&T) -> String) -> BTreeSet<String> {
    values.iter().map(word).collect()
}

fn bearer_by(credential: Credential) -> Plan {
    let authority = "https://login.microsoftonline.com/contoso.com";
    let client = Client::builder("app", authority, credential)
        .region_policy(RegionPolicy::Optional)
        .region(RegionSource::Named("eastus".to_owned()))
        .build();
    let request = TokenRequest::for_app(["scope"]);
    request.plan(&client.expect("a client")).expect("a plan")
}

fn secret_plan() -> Plan {
    bearer_by(Credential::secret(Secret::new("CANARY")))
}

const SEED: [u8; 32] = [7; 32];

/// The result of one flow over this script.
fn result(script: Script, plan: Plan) -> Result<AccessToken, Error> {
    let mut world = Answerer::new(script);
    world.run(plan, Seed::from_bytes(SEED)).into_result()
}

#[test]
fn credentials_are_of_every_kind_and_with_every_option() {
    let kinds = words(&drawn(2_000, credentials()), |credential| {
        format!("{credential:?}")
    });
    // Seven kinds; the two that take options with each of both.
    assert_eq!(kinds.len(), 5 + 2 * 4, "{kinds:#?}");
    for credential in drawn(100, credentials()) {
        let kind = format!("{credential:?}");
        let clients = drawn(1, clients_with(Just(credential)));
        let needs_nothing = kind.contains("\"secret\"") || kind.contains("static assertion");
        assert_eq!(clients[0].needs() == Needs::Nothing, needs_nothing);
    }
}

#[test]
fn authorities_are_of_every_kind_and_clients_of_every_policy() {
    let kinds = words(&drawn(500, authorities()), |authority| {
        format!("{:?}", authority.kind())
    });
    assert_eq!(
        kinds,
        ["Adfs", "B2c", "Ciam", "Dsts", "Entra", "Oidc"]
            .map(str::to_owned)
            .into()
    );
    let sources = words(&drawn(500, region_sources()), |source| {
        let text = format!("{source:?}");
        text.split('(').next().unwrap_or_default().to_owned()
    });
    assert_eq!(
        sources,
        ["Discover", "Named", "Unset"].map(str::to_owned).into()
    );
    let default = Environment::default();
    let environments = drawn(300, environments());
    assert!(environments.contains(&default));
    for says in [
        "region_name: Some",
        "force_region: Some",
        "disable_region: true",
    ] {
        let says = |other: &Environment| format!("{other:?}").contains(says);
        assert!(environments.iter().any(says));
    }
    let clients = drawn(300, clients());
    for region in ["eastus", "westus3"] {
        let is = |client: &Client| client.region().is_some_and(|own| own.as_str() == region);
        assert!(clients.iter().any(is), "{region}");
    }
    assert!(clients.iter().any(|client| client.region().is_none()));
}

#[test]
fn requests_are_of_every_grant_and_most_of_them_can_be_planned() {
    let requests = drawn(1_000, token_requests());
    let grants = words(&requests, |request| {
        let text = format!("{request:?}");
        text.split('"').nth(1).unwrap_or_default().to_owned()
    });
    let all = [
        "account",
        "authorization code",
        "client credentials",
        "federated user",
        "on-behalf-of",
        "refresh token",
    ];
    assert_eq!(grants, all.map(str::to_owned).into());
    let apps = words(&drawn(100, app_requests()), |request| {
        format!("{request:?}")
    });
    assert!(
        apps.iter()
            .all(|request| request.contains("client credentials"))
    );
    // With a credential that takes them all, next to nothing is wrong with a request itself.
    let credential = Credential::certificate_provider().send_over_mtls();
    let clients = drawn(1_000, clients_with(Just(credential)));
    let plans = clients
        .iter()
        .zip(requests)
        .map(|(client, request)| request.plan(client));
    let (planned, refused): (Vec<_>, Vec<_>) = plans.partition(Result::is_ok);
    assert!(planned.len() > 700, "{}", planned.len());
    let codes = words(&refused, |refused| {
        refused.as_ref().expect_err("refused").code().to_owned()
    });
    assert!(!codes.contains("invalid_scope"), "{codes:?}");
    let kinds: BTreeSet<&str> = planned
        .iter()
        .flatten()
        .map(|plan| plan.token_kind().as_str())
        .collect();
    assert_eq!(kinds, ["Bearer", "mtls_pop"].into());
}

#[test]
fn every_kind_of_failure_is_drawn() {
    let kinds = words(&drawn(500, failures()), |failure| {
        format!("{:?}", failure.kind())
    });
    assert_eq!(kinds.len(), 11, "{kinds:?}");
}

#[test]
fn scripts_lead_through_every_step_and_to_every_sort_of_end() {
    let mut seen = BTreeSet::new();
    let mut codes = BTreeSet::new();
    let mut sources = BTreeSet::new();
    let drawn = drawn(3_000, (clients(), token_requests(), scripts(), seeds()));
    for (client, request, script, seed) in drawn {
        let Ok(plan) = request.plan(&client) else {
            continue;
        };
        let mut world = Answerer::new(script);
        for _ in 0..2 {
            let mut step = plan.clone().start(seed.clone(), world.now());
            loop {
                seen.insert(name(&step));
                step = match world.answer(step) {
                    Step::Done(done) => {
                        match done.into_result() {
                            Ok(token) => drop(sources.insert(format!("{:?}", token.source()))),
                            Err(error) => drop(codes.insert(error.code().to_owned())),
                        }
                        break;
                    }
                    step => step,
                };
            }
        }
    }
    // Three subjects have turns, five are looked up and saved; the eight other kinds of step have one subject.
    assert_eq!(seen.len(), 3 + 5 + 5 + 8, "{seen:?}");
    assert_eq!(sources.len(), 2);
    assert!(codes.len() >= 25, "{} codes: {codes:?}", codes.len());
}

#[test]
fn an_answerer_remembers_and_grants_what_it_is_asked_for() {
    let seed = || Seed::from_bytes(SEED);
    let mut world = Answerer::new(Script::default());
    assert!(world.run(secret_plan(), seed()).result().is_ok());
    assert_eq!(world.memory().len(), 1);
    *world.memory_mut() = Memory::default();
    assert!(world.memory().is_empty());

    let authority = "https://login.microsoftonline.com/contoso.com";
    let client = Client::builder("app", authority, Credential::certificate_provider())
        .region(RegionSource::Named("eastus".to_owned()))
        .build()
        .expect("a client");
    let mut token = |request: TokenRequest| {
        let plan = request.plan(&client).expect("a plan");
        let token = world.run(plan, seed()).into_result();
        token.expect("a token")
    };
    let request = || TokenRequest::for_app(["scope"]);
    assert_eq!(token(request()).token_type(), TokenKind::Bearer);
    let bound = token(request().proof_of_possession());
    assert_eq!(bound.token_type(), TokenKind::MtlsPop);
    assert!(bound.binding_certificate().is_some());
    for user in ["user-1.home-1", "user-2.home-1"] {
        let known = Secret::new(format!("{CANARY}-{user}"));
        let token = token(TokenRequest::refreshing(known, ["scope"]));
        assert_eq!(token.account().map(Account::home_id), Some(user));
    }
}

#[test]
fn scripts_take_time_unless_they_are_to_take_none_and_memories_may_fail() {
    let takes_time = |script: Script| {
        let mut world = Answerer::new(script);
        let begun = world.now();
        (0..20).for_each(|_| drop(world.turn()));
        world.now() != begun
    };
    let forgets = |script: Script| {
        let mut world = Answerer::new(script);
        let done = world.run(secret_plan(), Seed::from_bytes(SEED));
        done.result().is_ok() && world.memory().is_empty()
    };
    let scripts = drawn(1_000, scripts());
    assert!(scripts.iter().cloned().any(takes_time));
    assert!(!scripts.iter().cloned().map(Script::at_once).any(takes_time));
    // Else all but the delays stays as it is.
    let begins = |script: &Script| Answerer::new(script.clone()).now();
    assert!(
        scripts
            .iter()
            .all(|script| begins(&script.clone().at_once()) == begins(script))
    );
    assert!(scripts.iter().cloned().any(forgets));
}

proptest! {
    #![proptest_config(crate::properties::cases(256))]

    #[test]
    fn what_is_valid_is_taken(
        chain in certificate_chains(),
        response in token_responses(TokenKind::Bearer),
        claims in claims(),
        scopes in scopes(),
        pair in client_assertions(),
        pop in any::<bool>(),
    ) {
        prop_assert!(Certificate::parse(chain.clone()).is_ok());
        prop_assert!(ClaimsChallenge::from_json(&claims).is_ok());
        prop_assert!(result(Script::default().answering([Ok(response)]), secret_plan()).is_ok());
        let client = drawn(1, clients_with(Just(Credential::signed_assertion_provider()))).remove(0);
        let request = TokenRequest::for_app([scopes[0].clone()]).tenant("contoso.com");
        if let Ok(plan) = request.plan(&client) && !pop {
            let mut step = plan.start(Seed::from_bytes(SEED), Answerer::new(Script::default()).now());
            let mut world = Answerer::new(Script::default());
            loop {
                step = match step {
                    Step::ObtainAssertion(ask) => ask.resume(Ok(pair.clone()), world.now()),
                    Step::Done(done) => {
                        if let Err(error) = done.result() {
                            prop_assert!(error.code() != "invalid_client_assertion" && error.code() != "cryptographic_error");
                        }
                        break;
                    }
                    step => world.answer(step),
                };
            }
        }
    }

    #[test]
    fn what_is_odd_is_not_taken(
        chain in odd_certificate_chains(),
        response in odd_responses(),
        pair in odd_client_assertions(),
    ) {
        prop_assert!(Certificate::parse(chain).is_err());
        let world = || Answerer::new(Script::default().answering([Ok(response.clone()), Ok(response.clone())]));
        let done = world().run(secret_plan(), Seed::from_bytes(SEED));
        prop_assert!(done.result().is_err(), "{:?}", done);
        let mut world = world();
        let mut step = bearer_by(Credential::signed_assertion_provider()).start(Seed::from_bytes(SEED), world.now());
        let code = loop {
            step = match step {
                Step::ObtainAssertion(ask) => ask.resume(Ok(pair.clone()), world.now()),
                Step::Done(done) => break done.into_result().expect_err("refused").code().to_owned(),
                step => world.answer(step),
            };
        };
        let expected = ["invalid_client_assertion", "cryptographic_error", "cert_without_private_key"];
        prop_assert!(expected.contains(&code.as_str()), "{}", code);
    }

    #[test]
    fn a_refusal_is_an_error_whatever_it_says(response in refusals()) {
        let done = result(Script::default().answering([Ok(response.clone()), Ok(response.clone())]), secret_plan());
        let error = done.expect_err("a refusal");
        prop_assert_eq!(error.http_status(), Some(response.status().as_u16()));
    }

    #[test]
    fn secrets_hold_the_word_and_nothing_prints_it(
        secret in secrets(),
        script in scripts(),
        request in token_requests(),
        client in clients(),
        chain in certificate_chains(),
        pair in client_assertions(),
        documents in (region_documents(), instance_documents(), refusals(), odd_responses()),
    ) {
        prop_assert!(secret.expose().contains(CANARY));
        let printed = format!("{:?}", (&secret, &script, &request, &client, &chain, &pair, &documents.2, &documents.0, &documents.1));
        prop_assert!(is_silent(&printed), "{}", printed);
    }

    #[test]
    fn times_seeds_accounts_and_challenges_are_usable(
        moment in moments(),
        delay in delays(),
        seed in seeds(),
        account in accounts(),
        field in challenge_fields(),
    ) {
        let script = Script::default().beginning(moment);
        let mut world = Answerer::new(script);
        prop_assert_eq!(world.now(), moment);
        world.set(moment.after(delay));
        prop_assert_eq!(world.now(), moment.after(delay));
        prop_assert!(world.run(secret_plan(), seed).result().is_ok());
        prop_assert!(account.home_id().contains('.'));
        // A challenge or none, or something that is none; and what is found goes into a request.
        if let Ok(Some(challenge)) = ClaimsChallenge::find([field.as_str()]) {
            let request = TokenRequest::for_app(["scope"]).answering(&challenge);
            prop_assert!(request.plan(&drawn(1, clients_with(Just(Credential::secret(secret()))))[0]).is_ok());
        }
    }
}

fn secret() -> Secret {
    Secret::new(CANARY)
}

#[test]
fn challenges_come_with_and_without_claims() {
    let found: Vec<_> = drawn(200, challenge_fields())
        .iter()
        .map(|field| ClaimsChallenge::find([field.as_str()]))
        .collect();
    assert!(found.iter().any(
        |found| matches!(found, Ok(Some(challenge)) if challenge.token_type() == TokenKind::MtlsPop)
    ));
    assert!(found.iter().any(
        |found| matches!(found, Ok(Some(challenge)) if challenge.token_type() == TokenKind::Bearer)
    ));
    assert!(found.iter().any(|found| matches!(found, Ok(None))));
    assert!(found.iter().any(Result::is_err));
}

/// Both have public test certificates; they are the same.
#[test]
fn the_certificates_are_those_of_the_tests() {
    use crate::certificates::{P256, P384, RSA, numbered};
    let ours: BTreeSet<String> = [RSA, P256, P384]
        .into_iter()
        .flat_map(|template| (0..4).map(move |number| format!("{:?}", numbered(template, number))))
        .collect();
    let theirs = words(&drawn(500, certificate_chains()), |chain| {
        format!("{chain:?}").replace("intermediates: 1", "intermediates: 0")
    });
    assert!(ours.is_subset(&theirs), "{:#?}", ours.difference(&theirs));
}
