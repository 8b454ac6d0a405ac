//! Rule 10: what tells tokens apart, and how long they serve.

use std::collections::{BTreeMap, BTreeSet};

use entra_proto::testing::{clients, token_requests};
use entra_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{CONTOSO, bearer, cases, client, object, run, secret_client, text};
use crate::certificates::{RSA, numbered};
use crate::script::{START, Script, answer, failure, granting, pair, seconds};

/// What may tell one token from another, each with few values, so that equal ones are common.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Facts {
    host: &'static str,
    tenant: &'static str,
    client: &'static str,
    pop: Option<u32>,
    user: Option<&'static str>,
    fmi_path: Option<&'static str>,
    assertion_fmi_path: Option<&'static str>,
    partition: Option<&'static str>,
    client_claims: Option<&'static str>,
    body: Option<&'static str>,
    query: Option<&'static str>,
}

fn facts() -> impl Strategy<Value = Facts> {
    // Values that joining by a separator would confuse.
    let name = || proptest::option::of(select(vec!["a", "b", "a|b", "a-b", "a;b"]));
    (
        select(vec![
            "login.microsoftonline.com",
            "login.microsoftonline.us",
        ]),
        select(vec!["a", "b", "a-b"]),
        select(vec!["a", "b", "a|b"]),
        proptest::option::of(1..3_u32),
        name(),
        (name(), name(), name()),
        (name(), name(), name()),
    )
        .prop_map(|(host, tenant, client, pop, user, names, further)| Facts {
            host,
            tenant,
            client,
            pop,
            user,
            fmi_path: names.0,
            assertion_fmi_path: names.1,
            partition: names.2,
            client_claims: further.0,
            body: further.1,
            query: further.2,
        })
}

impl Facts {
    /// The keys under which a flow looks and queues.
    fn keys(&self, scopes: &[&str]) -> (PartitionKey, FlightKey) {
        let client = Client::builder(
            self.client,
            format!("https://{}/{}", self.host, self.tenant),
            Credential::signed_assertion_provider(),
        )
        .region(RegionSource::Named("westus3".to_owned()))
        .build()
        .expect("a client");
        let scopes = scopes.iter().copied();
        let mut request = match self.user {
            Some(user) => TokenRequest::on_behalf_of(Secret::new(user), scopes),
            None => TokenRequest::for_app(scopes),
        };
        if self.pop.is_some() {
            request = request.proof_of_possession();
        }
        if let Some(path) = self.fmi_path {
            request = request.fmi_path(path);
        }
        if let Some(path) = self.assertion_fmi_path {
            request = request.assertion_fmi_path(path);
        }
        if let Some(name) = self.partition {
            request = request.partition(name);
        }
        if let Some(name) = self.client_claims {
            request = request.client_claims(json!({ name: 1 }).to_string());
        }
        if let Some(name) = self.body {
            request = request.body_parameter(name, "x");
        }
        if let Some(value) = self.query {
            request = request.query_parameter("x", value);
        }
        let run = run(
            Script::new().pairs([pair(self.pop.unwrap_or(9))]),
            request,
            &client,
        );
        assert_eq!(run.sent.len(), 1);
        (run.loaded[0].clone(), run.flights[0].clone())
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// RUN-02: two requests share an entry if all that tells tokens apart is equal, and only then.
    #[test]
    fn i15_keys_are_equal_exactly_if_all_fields_are(one in facts(), change in 0..12, other in facts()) {
        let mut two = one.clone();
        match change {
            0 => two.host = other.host,
            1 => two.tenant = other.tenant,
            2 => two.client = other.client,
            3 => two.pop = other.pop,
            4 => two.user = other.user,
            5 => two.fmi_path = other.fmi_path,
            6 => two.assertion_fmi_path = other.assertion_fmi_path,
            7 => two.partition = other.partition,
            8 => two.client_claims = other.client_claims,
            9 => two.body = other.body,
            10 => two.query = other.query,
            _ => two = other,
        }
        let (first, second) = (one.keys(&["s"]), two.keys(&["s"]));
        prop_assert_eq!(first.0 == second.0, one == two);
        prop_assert_eq!(first.1 == second.1, one == two);
    }

    /// What is found without a plan is what the plan would find, and only where there is one.
    #[test]
    fn i15_a_request_looks_where_its_plan_does(client in clients(), request in token_requests()) {
        let Some(look) = request.look(&client) else { return Ok(()) };
        let plan = request.clone().plan(&client);
        prop_assert!(plan.is_ok_and(|plan| plan.look() == Some(look)), "{:?}", look);
    }

    /// Order, repetition and letter case of scopes are no matter, for entries and for flights; claims and capabilities key nothing.
    #[test]
    fn i16_scopes_are_a_set_without_case(scopes in vec("[a-d]{1,2}", 1..5), seed in any::<u64>(), capable in any::<bool>()) {
        let mut shuffled: Vec<String> = scopes.iter().rev().map(|scope| scope.to_uppercase()).collect();
        let place = usize::try_from(seed).unwrap_or(0) % shuffled.len();
        shuffled.rotate_left(place);
        shuffled.push(scopes[place].clone());
        let joined = vec![shuffled.join("  ")];
        let builder = Client::builder("app", CONTOSO, Credential::secret(Secret::new("CANARY")));
        let client = builder.capabilities(capable.then_some("cp1")).build().expect("a client");
        let mut script = Script::new();
        script.run(&TokenRequest::for_app(scopes.clone()).plan(&secret_client()).expect("a plan"));
        for again in [shuffled, joined] {
            let hit = script.run(&TokenRequest::for_app(again).plan(&client).expect("a plan"));
            prop_assert_eq!(hit.seen, ["LoadCache token", "Done"]);
        }
    }

    /// Rule 10: an exact match first, else the superset that lasts longest; and a write replaces nothing but its like.
    #[test]
    fn r10_supersets_serve_and_exact_matches_go_first(
        stored in vec((proptest::collection::btree_set("[a-d]", 1..5), 1_000..9_000_u64), 1..6),
        wanted in proptest::collection::btree_set("[a-d]", 1..3),
    ) {
        let mut script = Script::new();
        let mut kept: BTreeMap<BTreeSet<String>, (u64, String)> = BTreeMap::new();
        for (number, (scopes, life)) in stored.into_iter().enumerate() {
            let token = format!("CANARY-{number}");
            // Bypassing reads, so that each is fetched.
            let plan = TokenRequest::for_app(scopes.clone()).bypassing_cache().plan(&secret_client()).expect("a plan");
            script = script.answers([granting("Bearer", &token, &format!(",\"expires_in\":{life}"))]);
            script.run(&plan);
            kept.insert(scopes, (life, token));
        }
        let longest = kept.iter().filter(|(scopes, _)| scopes.is_superset(&wanted)).map(|(_, (life, _))| *life).max();
        let mut script = script.answers([answer(400, "")]);
        let run = script.run(&TokenRequest::for_app(wanted.clone()).plan(&secret_client()).expect("a plan"));
        match (kept.get(&wanted), longest) {
            (Some((_, token)), _) => prop_assert_eq!(run.token().secret().expose(), token),
            (None, Some(life)) => prop_assert_eq!(run.token().expires_in(), seconds(life)),
            (None, None) => prop_assert_eq!(run.sent.len(), 1),
        }
    }

    /// RUN-08: a token serves while both clocks leave it more than five minutes, and at no other time.
    #[test]
    fn i17_i18_i19_a_token_serves_while_both_clocks_say_so(
        life in 0..200_000_u64,
        moves in vec((0..4_000_u64, prop_oneof![Just(0), -100_000..100_000_i64]), 1..8),
    ) {
        let plan = bearer().plan(&secret_client()).expect("a plan");
        let mut script = Script::new().answers([granting("Bearer", "CANARY", &format!(",\"expires_in\":{life}"))]);
        let token = script.run(&plan);
        // I19.
        let life = seconds(life.min(48 * 3_600));
        prop_assert_eq!(token.token().expires_in(), life);
        let (mut wall, mut monotonic) = (START.wall(), START.monotonic());
        for (passed, set) in moves {
            monotonic += seconds(passed);
            wall += seconds(passed);
            wall = if set < 0 { wall - seconds(set.unsigned_abs()) } else { wall + seconds(set.unsigned_abs()) };
            script.now = Now::new(wall, monotonic);
            let margin = seconds(300);
            let serves = monotonic - START.monotonic() + margin < life && wall + margin < START.wall() + life;
            script = script.answers([Err(failure(FailureKind::Tls))]);
            let run = script.run(&plan);
            prop_assert_eq!(run.done.result().is_ok(), serves);
            if serves {
                script = script.forgetting();
                // What is said of its end is no later than its end.
                prop_assert!(run.token().expires_in() <= life);
                prop_assert!(wall + run.token().expires_in() <= START.wall() + life || set < 0 || wall < START.wall());
            }
        }
    }

    /// I20: whatever fails leaves every partition as it was.
    #[test]
    fn i20_a_failed_acquisition_leaves_the_cache_as_it_was(
        status in select(vec![200_u16, 201, 302, 400, 401, 403, 500]),
        body in prop_oneof![object().prop_map(|body| Value::Object(body).to_string()), text()],
        pop in any::<bool>(),
    ) {
        let client = client(Credential::certificate(numbered(RSA, 1)));
        let request = if pop { bearer().proof_of_possession() } else { bearer() };
        let mut script = Script::new();
        let held = script.run(&request.clone().plan(&client).expect("a plan"));
        let before: Vec<Partition> = held.loaded.iter().map(|key| script.memory.partition(key)).collect();
        let (entries, bytes) = (script.memory.len(), script.memory.bytes());
        let bypassing = request.bypassing_cache().plan(&client).expect("a plan");
        let answers = [answer(status, body.clone()), answer(status, body)];
        let mut script = script.answers(answers);
        let run = script.run(&bypassing);
        prop_assume!(run.done.result().is_err());
        let after: Vec<Partition> = held.loaded.iter().map(|key| script.memory.partition(key)).collect();
        prop_assert!(before == after);
        prop_assert_eq!((script.memory.len(), script.memory.bytes()), (entries, bytes));
    }
}
