//! What holds of whole flows, whatever comes in: any client, any request, any script, any clocks and dice.

use std::collections::BTreeSet;
use std::thread;

use entra_proto::testing::{Answerer, Script, clients, scripts, seeds, token_requests};
use entra_proto::*;
use http::Method;
use proptest::prelude::*;

use super::cases;
use crate::canary::{assert_silent, is_silent};
use crate::journey::MOST_STEPS;
use crate::script::name;

/// Method, URL, header fields, body.
type Sent = (Method, String, Vec<(String, Vec<u8>)>, Vec<u8>);

/// All that one step says to the outside, secrets included.
#[derive(Debug, PartialEq)]
struct Said {
    step: &'static str,
    key: Option<PartitionKey>,
    flight: Option<FlightKey>,
    /// What an empty partition becomes.
    saved: Option<Partition>,
    ends_turn: bool,
    asked: Option<ProviderContext>,
    until: Option<std::time::Duration>,
    /// What is sent, and the DER for the handshake.
    request: Option<Sent>,
    presented: Option<Vec<u8>>,
    /// Algorithm, message, the DER of whose key.
    to_sign: Option<(Algorithm, Vec<u8>, Vec<u8>)>,
    /// The token, its refresh token and its ID token; or the code.
    result: Option<Result<Vec<String>, String>>,
    printed: String,
}

impl Said {
    fn by(step: &Step) -> Self {
        let mut said = Self {
            step: name(step),
            key: None,
            flight: None,
            saved: None,
            ends_turn: false,
            asked: None,
            until: None,
            request: None,
            presented: None,
            to_sign: None,
            result: None,
            printed: format!("{step:?}"),
        };
        match step {
            Step::LoadCache(load) => said.key = Some(load.key().clone()),
            Step::TakeTurn(take) => said.flight = Some(take.key().clone()),
            Step::DiscoverRegion(ask) => said.sends(ask.request(), &Transport::Plain),
            Step::DiscoverInstance(ask) => said.sends(ask.request(), ask.transport()),
            Step::ObtainAssertion(ask) => said.asked = Some(ask.asked_for().clone()),
            Step::ObtainCertificate(ask) => said.asked = Some(ask.asked_for().clone()),
            Step::SignAssertion(sign) => {
                let input = sign.input();
                let der = input.certificate().der().to_vec();
                said.to_sign = Some((input.algorithm(), input.message().to_vec(), der));
            }
            Step::SendRequest(send) => said.sends(send.request(), send.transport()),
            Step::Pause(pause) => said.until = Some(pause.until()),
            Step::SaveCache(save) => {
                let mut saved = Partition::default();
                save.update().apply(&mut saved);
                said.saved = Some(saved);
                said.key = Some(save.key().clone());
                said.ends_turn = save.ends_turn();
            }
            Step::Done(done) => said.result = Some(told(done)),
        }
        said
    }

    fn sends(&mut self, request: &http::Request<Body>, transport: &Transport) {
        let fields = request.headers().iter();
        let fields = fields.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        self.request = Some((
            request.method().clone(),
            request.uri().to_string(),
            fields.collect(),
            request.body().expose().to_vec(),
        ));
        self.presented = match transport {
            Transport::Plain => None,
            Transport::Mtls(certificate) => Some(certificate.der().to_vec()),
        };
    }
}

fn told(done: &Done) -> Result<Vec<String>, String> {
    let text = |secret: Option<&Secret>| secret.map_or("", Secret::expose).to_owned();
    match done.result() {
        Ok(token) => Ok(vec![
            token.secret().expose().to_owned(),
            text(token.refresh_token()),
            text(token.id_token()),
        ]),
        Err(error) => Err(error.to_string()),
    }
}

/// All that a flow says, from its first step to its end; `answer` brings the next step.
fn trace(plan: &Plan, seed: &Seed, now: Now, mut answer: impl FnMut(Step) -> Step) -> Vec<Said> {
    let mut step = plan.clone().start(seed.clone(), now);
    let mut trace = Vec::new();
    loop {
        trace.push(Said::by(&step));
        if let Step::Done(_) = step {
            return trace;
        }
        step = answer(step);
    }
}

/// A flow in a world of its own, with whoever follows it: the same again, over what the first one left.
fn twice(plan: &Plan, seed: &Seed, script: &Script) -> Vec<Said> {
    let mut world = Answerer::new(script.clone());
    let mut all = Vec::new();
    for _ in 0..2 {
        let began = world.now();
        all.extend(trace(plan, seed, began, |step| world.answer(step)));
    }
    all
}

proptest! {
    #![proptest_config(cases(1_024))]

    /// I01, I04: no panic and an end, after at most two token requests, three questions about the region and one about the host;
    /// I34: and no step prints a secret; I36: nor does an error, which is short.
    #[test]
    fn i01_i04_i34_i36_every_flow_ends_and_prints_no_secret(
        client in clients(),
        request in token_requests(),
        script in scripts(),
        seed in seeds(),
    ) {
        let plan = match request.plan(&client) {
            Ok(plan) => plan,
            Err(error) => {
                prop_assert!(is_silent(&error.to_string()));
                return Ok(());
            }
        };
        assert_silent(&plan);
        let mut world = Answerer::new(script);
        for _ in 0..3 {
            let began = world.now();
            let said = trace(&plan, &seed, began, |step| {
                assert_silent(&step);
                world.answer(step)
            });
            let times = |step: &str| said.iter().filter(|said| said.step == step).count();
            prop_assert!(said.len() <= MOST_STEPS, "{} steps", said.len());
            prop_assert!(times("SendRequest") <= 2 && times("Pause") <= 1);
            prop_assert!(times("DiscoverRegion") <= 3 && times("DiscoverInstance") <= 1);
            prop_assert_eq!(times("Done"), 1);
            for said in &said {
                prop_assert!(is_silent(&said.printed));
                if let Some(Err(text)) = &said.result {
                    prop_assert!(is_silent(text) && text.len() <= 2_048);
                    prop_assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "{}", text);
                }
            }
        }
    }

    /// I02: to the last byte of URLs, bodies, messages to be signed, keys and what is saved.
    #[test]
    fn i02_the_same_inputs_give_the_same_bytes(
        client in clients(),
        request in token_requests(),
        script in scripts(),
        seed in seeds(),
    ) {
        let Ok(plan) = request.clone().plan(&client) else { return Ok(()) };
        let once = twice(&plan, &seed, &script);
        prop_assert_eq!(&once, &twice(&plan, &seed, &script));
        // Planning is a function too.
        let again = request.plan(&client).expect("a plan, as before");
        prop_assert_eq!(&again, &plan);
        prop_assert_eq!(once, twice(&again, &seed, &script));
    }

    /// I06: of the token request, and of the two questions as far as it concerns them.
    #[test]
    fn i06_every_request_is_https_and_its_url_has_nothing_to_hide(
        client in clients(),
        request in token_requests(),
        script in scripts(),
        seed in seeds(),
    ) {
        let Ok(plan) = request.plan(&client) else { return Ok(()) };
        for said in twice(&plan, &seed, &script) {
            let Some((method, url, fields, body)) = &said.request else { continue };
            let url = url::Url::parse(url)?;
            prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
            let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
            let is_token = said.step == "SendRequest";
            prop_assert_eq!(method, if is_token { Method::POST } else { Method::GET });
            prop_assert_eq!(body.is_empty(), !is_token);
            // Only the metadata service, which is of this machine, is asked in the clear.
            let is_region = said.step == "DiscoverRegion";
            prop_assert_eq!(url.scheme(), if is_region { "http" } else { "https" });
            prop_assert_eq!(url.host_str() == Some("169.254.169.254"), is_region);
            let expected: &[&str] = match said.step {
                "SendRequest" => &["x-query"],
                "DiscoverRegion" => &["api-version", "format"],
                _ => &["api-version", "authorization_endpoint"],
            };
            prop_assert!(names.iter().all(|name| expected.contains(&name.as_str())), "{}", url);
            let distinct: BTreeSet<_> = names.iter().collect();
            prop_assert_eq!(distinct.len(), names.len());
            // Secrets are in the body or nowhere.
            prop_assert!(is_silent(url.as_str()));
            for (name, value) in fields {
                prop_assert!(is_silent(&String::from_utf8_lossy(value)), "{}", name);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(96))]

    /// I39: a step is a value, so that it does not matter who carries it where. One loop on one thread, as in the blocking
    /// adapter; a thread for each answer, as behind an executor that steals work; and by turns with another flow.
    #[test]
    fn i39_whoever_drives_a_flow_hears_the_same(
        client in clients(),
        request in token_requests(),
        script in scripts(),
        seed in seeds(),
        other in (clients(), token_requests(), scripts(), seeds()),
    ) {
        let Ok(plan) = request.plan(&client) else { return Ok(()) };
        let mut world = Answerer::new(script.clone());
        let began = world.now();
        let alone = trace(&plan, &seed, began, |step| world.answer(step));

        let mut world = Answerer::new(script.clone());
        let carried = trace(&plan, &seed, began, |step| {
            let world = &mut world;
            thread::scope(|scope| scope.spawn(move || world.answer(step)).join()).expect("no panic")
        });
        prop_assert_eq!(&alone, &carried);

        let (client, request, others, dice) = other;
        let Ok(neighbour) = request.plan(&client) else { return Ok(()) };
        let (mut world, mut elsewhere) = (Answerer::new(script), Answerer::new(others));
        let mut beside = Some(neighbour.start(dice, elsewhere.now()));
        let by_turns = trace(&plan, &seed, began, |step| {
            beside = beside.take().map(|step| elsewhere.answer(step));
            world.answer(step)
        });
        prop_assert_eq!(alone, by_turns);
    }
}
