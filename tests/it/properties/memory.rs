//! What is remembered never decides what is right: failures hide nothing, losses cost a request, bounds hold, and one who has to
//! wait keeps nobody else waiting.

use std::time::Duration;

use entra_proto::testing::{
    Answer, Answerer, Script, app_requests, clients, failures, odd_responses, refusals, scripts,
    seeds, token_requests,
};
use entra_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{bearer, cases, secret_client};
use crate::script::{Script as Fixed, answer, granting, seconds, with_header};

fn unanswered() -> impl Strategy<Value = Answer> {
    prop_oneof![
        refusals().prop_map(Ok),
        odd_responses().prop_map(Ok),
        failures().prop_map(Err),
    ]
}

fn plan(request: &TokenRequest, client: &Client) -> Option<Plan> {
    request.clone().plan(client).ok()
}

/// One of a few clients, tenants and hosts of the POST.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Place {
    client: &'static str,
    tenant: &'static str,
    region: &'static str,
    /// Over mutual TLS, which is another host.
    bound: bool,
}

fn places() -> impl Strategy<Value = Place> {
    (
        select(vec!["a", "b"]),
        select(vec!["a.example", "b.example"]),
        select(vec!["eastus", "westus"]),
        any::<bool>(),
    )
        .prop_map(|(client, tenant, region, bound)| Place {
            client,
            tenant,
            region,
            bound,
        })
}

impl Place {
    fn plan(self, scope: &str) -> Plan {
        let credential =
            Credential::certificate(crate::certificates::numbered(crate::certificates::RSA, 1));
        let client = Client::builder(
            self.client,
            format!("https://login.microsoftonline.com/{}", self.tenant),
            credential,
        )
        .region(RegionSource::Named(self.region.to_owned()))
        .build()
        .expect("a client");
        let request = TokenRequest::for_app([scope]);
        let request = if self.bound {
            request.proof_of_possession()
        } else {
            request
        };
        request.plan(&client).expect("a plan")
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// I21: of any length and sort, as long as the token serves; I20: and nothing of them is remembered in its place.
    #[test]
    fn i21_no_number_of_failed_renewals_hides_a_good_token(
        answers in vec(unanswered(), 1..12),
        seed in seeds(),
        apart in 0..60_u64,
    ) {
        let plan = bearer().plan(&secret_client()).expect("a plan");
        let good = granting("Bearer", "CANARY-good", ",\"expires_in\":7200,\"refresh_in\":1");
        let mut world = Answerer::new(Script::default().answering([good].into_iter().chain(answers.clone())));
        prop_assert!(world.run(plan.clone(), seed.clone()).result().is_ok());
        // Renewal is due, whatever chance adds to it.
        world.set(world.now().after(seconds(600)));
        for _ in 0..answers.len() {
            world.set(world.now().after(seconds(apart)));
            let mut hit = world.run(plan.clone(), seed.clone());
            let renewal = hit.take_renewal();
            let token = hit.into_result().expect("the token");
            prop_assert_eq!(token.source(), TokenSource::Cache);
            if token.secret().expose() != "CANARY-good" {
                // The answers ran out on a second attempt.
                return Ok(());
            }
            let _ = world.run(renewal.expect("it is due"), seed.clone());
        }
    }

    /// I17, RUN-17: whoever holds on to a token may use it as long as the memory would hand it out as it is, to the nanosecond and
    /// whatever the clocks do.
    #[test]
    fn run17_a_token_serves_who_holds_it_as_long_as_the_memory_has_it(
        (expires, renewed) in (0..9_000_u64, prop::option::of(0..9_000_u64)),
        seed in seeds(),
        wall in prop_oneof![-2..3_i64, -20_000_000_000_000..20_000_000_000_000_i64],
        monotonic in prop_oneof![-2..3_i64, -20_000_000_000_000..20_000_000_000_000_i64],
    ) {
        let plan = bearer().plan(&secret_client()).expect("a plan");
        let renewed = renewed.map_or_else(String::new, |renewed| format!(",\"refresh_in\":{renewed}"));
        let granted = granting("Bearer", "CANARY", &format!(",\"expires_in\":{expires}{renewed}"));
        let mut world = Answerer::new(Script::default().answering([granted]));
        let done = world.run(plan.clone(), seed);
        let Ok(token) = done.result() else { return Ok(()) };
        let until = token.serves_until();
        let beside = |moment: Duration, nanos: i64| {
            u64::try_from(moment.as_nanos()).expect("a time").saturating_add_signed(nanos)
        };
        let now = Now::from_nanos(beside(until.wall(), wall), beside(until.monotonic(), monotonic));
        let hit = plan.look().and_then(|look| world.memory().hit(&look, now));
        prop_assert_eq!(now.precedes(until), hit.is_some(), "{:?}, {:?}", now, until);
        if hit.is_some() {
            prop_assert!(token.expires_at() > now.wall().saturating_add(seconds(300)));
        }
    }

    /// I28: whoever was told to wait waits, and nobody else does.
    #[test]
    fn i28_who_has_to_wait_keeps_no_other_waiting(
        told in places(),
        other in places(),
        wait in 31..3_600_u64,
        status in select(vec![429_u16, 503, 500, 408]),
    ) {
        let refused = with_header(answer(status, ""), "retry-after", &wait.to_string());
        let mut script = Fixed::new().answers([refused]);
        prop_assert_eq!(script.run(&told.plan("one")).sent.len(), 1);
        let next = script.run(&other.plan("another"));
        // Plain and mutual TLS go to different hosts.
        if told == other {
            prop_assert!(next.sent.is_empty(), "{:?}", next.seen);
            prop_assert_eq!(next.error().retry_in(), Some(seconds(wait)));
        } else {
            prop_assert_eq!(next.sent.len(), 1);
            prop_assert!(next.done.result().is_ok());
        }
        script.pass(seconds(wait));
        prop_assert!(script.run(&told.plan("two")).done.result().is_ok());
    }

    /// I33: any look that finds nothing, be it that the entry was removed, the partition evicted or the process restarted, costs
    /// requests and changes no result. The one thing that only memory knows is an account's refresh token: whoever asks for an
    /// account then has to sign in again.
    #[test]
    fn i33_losing_what_is_remembered_costs_requests_and_changes_no_result(
        wishes in vec((clients(), token_requests(), seeds(), 0..8_000_u64), 1..6),
        lost in vec(prop::bool::weighted(0.4), 1..40),
    ) {
        let (mut kept, mut losing) = (Answerer::new(Script::default()), Answerer::new(Script::default()));
        let mut lost = lost.into_iter().cycle();
        for (client, request, seed, later) in wishes.iter().chain(&wishes) {
            let Some(plan) = plan(request, client) else { continue };
            let whole = kept.run(plan.clone(), seed.clone());
            let mut step = plan.start(seed.clone(), losing.now());
            let poorer = loop {
                step = match step {
                    Step::LoadCache(load) if lost.next() == Some(true) => load.resume(Ok(Partition::default()), losing.now()),
                    Step::Done(done) => break done,
                    step => losing.answer(step),
                };
            };
            if lost.next() == Some(true) {
                *losing.memory_mut() = Memory::default();
            }
            match (whole.result(), poorer.result()) {
                (Ok(one), Ok(other)) => {
                    prop_assert_eq!(one.token_type(), other.token_type());
                    prop_assert_eq!(one.account(), other.account());
                    let bound = |token: &AccessToken| token.binding_certificate().map(Certificate::thumbprint);
                    prop_assert_eq!(bound(one), bound(other));
                    prop_assert!(other.attempts() >= one.attempts());
                }
                (_, Err(other)) if other.code() == "no_tokens_found" => {}
                (Err(one), Err(other)) => prop_assert_eq!(one.code(), other.code()),
                (Ok(_), Err(other)) => prop_assert!(false, "{}", other),
                (Err(one), Ok(_)) => prop_assert!(false, "{}", one),
            }
            for world in [&mut kept, &mut losing] {
                world.set(world.now().after(seconds(*later)));
            }
        }
    }

    /// I41: after every step, whatever is saved; and what is counted is what is there. There are no shares: one client's tokens
    /// may take the place of another's, those that end first go first, and refresh tokens, which end last, go first where they
    /// are more than half.
    #[test]
    fn i41_the_memory_holds_no_more_than_it_may(
        wishes in vec((clients(), token_requests(), scripts(), seeds()), 1..8),
        entries in 0..6_usize,
        bytes in prop_oneof![0..4_000_usize, Just(1 << 20)],
    ) {
        let mut memory = Memory::new(Limits { entries, bytes });
        for (client, request, script, seed) in wishes {
            let Some(plan) = plan(&request, &client) else { continue };
            let mut world = Answerer::remembering(script, memory);
            let mut step = plan.start(seed, world.now());
            loop {
                step = match world.answer(step) {
                    Step::Done(_) => break,
                    step => step,
                };
                let held = world.memory();
                prop_assert!(held.len() <= entries && held.bytes() <= bytes, "{:?}", held);
                prop_assert_eq!(held.bytes() == 0, held.is_empty());
            }
            memory = world.memory().clone();
        }
    }

    /// I11: nor does a PoP hit whose certificate the driver could name; and a flow that asks does so once for each attempt and
    /// once more for each pair that grew old.
    #[test]
    fn i11_a_provider_is_asked_once_for_each_attempt(
        request in app_requests(),
        credential in select(vec![Credential::signed_assertion_provider(), Credential::certificate_provider()]),
        answers in vec(unanswered(), 0..3),
        seed in seeds(),
    ) {
        let client = super::client(credential);
        let Some(plan) = plan(&request.deadline(Duration::from_secs(3_600)), &client) else { return Ok(()) };
        let mut world = Answerer::new(Script::default().answering(answers));
        let (mut asked, mut sent) = (0, 0);
        let mut step = plan.start(seed, world.now());
        loop {
            match &step {
                Step::ObtainAssertion(_) | Step::ObtainCertificate(_) => {
                    prop_assert_eq!(asked, sent, "asked before, and nothing was sent since");
                    asked += 1;
                }
                Step::SendRequest(_) => {
                    sent += 1;
                    prop_assert_eq!(asked, sent);
                }
                Step::Done(_) => break,
                _ => {}
            }
            step = world.answer(step);
        }
    }
}
