//! What holds for all inputs, named by rule (DESIGN's numbers, `rNN`), invariant (`iNN`), threat (`tNN`) or acceptance row.

mod answers;
mod attempts;
mod authentication;
mod cache;
mod challenges;
mod crowds;
mod flows;
mod form;
mod hosts;
mod kinds;
mod memory;
mod order;
mod pairs;
mod taint;

use entra_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value};

use crate::script::{Run, Script, answer};

const CONTOSO: &str = "https://login.microsoftonline.com/contoso.com";

/// The same cases in every run, so that nobody's change fails for what it did not do; other ones wherever `PROPTEST_CASES` asks for
/// another number of them.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let rng_seed = match std::env::var_os("PROPTEST_CASES") {
        None => RngSeed::Fixed(0),
        Some(_) => RngSeed::Random,
    };
    ProptestConfig {
        rng_seed,
        // Failures are to be written down as tests with a name, not as seeds.
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

fn secret_client() -> Client {
    client(Credential::secret(Secret::new("CANARY-secret")))
}

fn client(credential: Credential) -> Client {
    Client::builder("app", CONTOSO, credential)
        .region(RegionSource::Named("westus3".to_owned()))
        .build()
        .expect("a client")
}

fn bearer() -> TokenRequest {
    TokenRequest::for_app(["scope"])
}

/// One flow in a world of its own.
fn run(script: Script, request: TokenRequest, client: &Client) -> Run {
    let mut script = script;
    script.run(&request.plan(client).expect("a plan"))
}

/// A flow of a secret's Bearer request with this answer.
fn answered(body: impl Into<Vec<u8>>) -> (Run, Memory) {
    let mut script = Script::new().answers([answer(200, body)]);
    let plan = bearer().plan(&secret_client()).expect("a plan");
    (script.run(&plan), script.memory)
}

fn code(run: &Run) -> Option<&str> {
    run.done.result().as_ref().err().map(Error::code)
}

/// Text of any kind, with more of what separates and ends things than chance would bring.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z&=%+ /?#.:@\\\\\"'{}\u{e9}\u{3002}\u{ff10}\r\n\t\u{0}]{0,24}",
        "[ -~]{1,40}",
    ]
}

fn printable() -> impl Strategy<Value = String> {
    "[ -~\u{e9}\u{3002}]{0,20}[!-~]"
}

/// JSON with keys and texts that could be mistaken for something else.
pub(crate) fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Fractions that every library writes alike.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "access_token",
            "expires_in",
            "token_type",
            "xms_cc",
            "values",
            "error",
            "location"
        ])
        .prop_map(str::to_owned),
        "[a-z]{0,3}",
        text(),
    ]
}

pub(crate) fn object() -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map(key(), document(), 0..6)
        .prop_map(|members| members.into_iter().collect())
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                match into.get_mut(name) {
                    Some(twin) => merge(twin, value),
                    None => {
                        into.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            for value in from {
                if !into.contains(value) {
                    into.push(value.clone());
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}
