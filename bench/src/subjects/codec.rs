//! The two ends of a miss: writing the form and reading the answer. Both are the core's own sources, compiled here once more, since it
//! offers neither to the outside; beside them what others would use.

use std::hint::black_box;

use serde::Deserialize;

use self::wire::form;
use self::wire::json::Json;
use crate::sampler::Subject;
use crate::world::{self, TEXT};

/// What the sources below expect at the root.
#[path = "../../../src/wire"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the core uses more of it than is measured"
)]
mod wire {
    pub(super) mod bytes;
    pub(super) mod form;
    pub(super) mod json;
}

/// The core's reader, on an answer as Entra gives it.
#[derive(Debug)]
pub struct Read(String);

impl Default for Read {
    fn default() -> Self {
        Self(world::granting("Bearer", 3_599, TEXT))
    }
}

impl Subject for Read {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let document = Json::object(black_box(self.0.as_bytes()));
            let document = document.unwrap_or_else(|error| panic!("{error:?}"));
            // What a grant takes from it.
            let token = document.get("access_token").and_then(Json::text);
            assert_eq!(token.map(str::len), Some(TEXT));
            black_box(document.get("token_type").and_then(Json::text));
            black_box(document.get("expires_in").and_then(Json::seconds));
        }
    }
}

/// The same by serde, into a struct that borrows as the reader does, which refuses a member that comes twice and one whose type is
/// wrong.
pub(super) struct Serde(String);

#[derive(Deserialize)]
struct Granted<'a> {
    token_type: &'a str,
    expires_in: u64,
    access_token: &'a str,
}

impl Default for Serde {
    fn default() -> Self {
        Self(world::granting("Bearer", 3_599, TEXT))
    }
}

impl Subject for Serde {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let granted: Granted<'_> =
                serde_json::from_slice(black_box(self.0.as_bytes())).expect("an answer");
            assert_eq!(granted.access_token.len(), TEXT);
            black_box((granted.token_type, granted.expires_in));
        }
    }
}

/// What a request with an assertion says.
struct Fields {
    assertion: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            assertion: world::jwt(TEXT),
        }
    }
}

impl Fields {
    fn each(&self) -> [(&'static str, &str); 5] {
        [
            ("client_id", world::CLIENT_ID),
            ("scope", world::SCOPE),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", &self.assertion),
            ("grant_type", "client_credentials"),
        ]
    }
}

/// The core's encoder.
#[derive(Default)]
pub(super) struct Form(Fields);

impl Subject for Form {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let mut form = form::Form::default();
            for (name, value) in black_box(self.0.each()) {
                form.field(name, value);
            }
            black_box(form.encode());
        }
    }
}

/// The encoder that comes with `url`, which the peer uses.
#[derive(Default)]
pub(super) struct Stock(Fields);

impl Subject for Stock {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(black_box(self.0.each()));
            black_box(form.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encoders_write_the_same() {
        let fields = Fields::default();
        let mut form = form::Form::default();
        for (name, value) in fields.each() {
            form.field(name, value);
        }
        let mut stock = url::form_urlencoded::Serializer::new(String::new());
        let stock = stock.extend_pairs(fields.each()).finish();
        assert_eq!(form.encode().expose(), stock.as_bytes());
    }
}
