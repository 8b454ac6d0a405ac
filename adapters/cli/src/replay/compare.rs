//! Compares what came out with what was expected: every field that is given must match, the others are free.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::time::Duration;

use entra_proto::{AccessToken, Error, ProviderContext, Transport};
use serde_json::{Map, Value};

use super::expected::{self, Asked, Expected, Refused, Token, Waited};
use super::output::{Output, Sent, Signing, shown, source};
use super::scenario::Certificates;

/// A difference: what was expected of a field, and what it is.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) expected: String,
    pub(crate) got: String,
}

type Compared = Result<(), Difference>;

/// What is needed to judge besides the two sides.
pub(crate) struct Judge<'a> {
    pub(crate) certificates: &'a Certificates,
    /// The claims of every `wants_signature` so far.
    pub(crate) signed: &'a [Map<String, Value>],
}

impl Judge<'_> {
    pub(crate) fn compare(&self, expected: &Expected, got: &Output) -> Compared {
        match (expected, got) {
            (Expected::WantsAssertion(expected), Output::WantsAssertion(got))
            | (Expected::WantsCertificate(expected), Output::WantsCertificate(got)) => {
                asked(expected, got)
            }
            (Expected::WantsSignature(expected), Output::WantsSignature(got)) => {
                self.signing(expected, got)
            }
            (Expected::Sends(expected), Output::Sends(got)) => self.sent(expected, got),
            (Expected::Waits(expected), Output::Waits(got)) => waits(expected, *got),
            (Expected::Joins(expected), Output::Joins(got)) => {
                equal("of", expected.of.as_ref(), got)
            }
            (Expected::Token(expected), Output::Token(got)) => self.token(expected, got),
            (Expected::Error(expected), Output::Error(got)) => error(expected, got),
            (expected, got) => Err(Difference {
                expected: expected.name().to_owned(),
                got: self.text(got),
            }),
        }
    }

    /// An output as one line.
    pub(crate) fn text(&self, output: &Output) -> String {
        output.to_json(self.certificates).to_string()
    }

    /// The one name that stands for this certificate, whichever of its names the script used.
    fn canonical<'a>(&'a self, name: &'a str) -> &'a str {
        let file = self.certificates.get(name);
        file.and_then(|file| self.certificates.name_of(&file.der.0))
            .unwrap_or(name)
    }

    fn signing(&self, expected: &expected::Signing, got: &Signing) -> Compared {
        let certificate = expected.certificate.as_deref();
        let certificate = certificate.map(|name| self.canonical(name));
        let used = shown(&got.certificate, self.certificates);
        equal("certificate", certificate, used.as_ref())?;
        let algorithm = expected.algorithm.map(expected::Algorithm::as_str);
        equal("algorithm", algorithm, got.algorithm)?;
        members("header", &expected.header, &got.header)?;
        for name in &expected.header_absent {
            absent("header", name, got.header.get(name))?;
        }
        members("claims", &expected.claims, &got.claims)?;
        for name in &expected.claims_differ {
            let value = got.claims.get(name);
            let known = self.signed.iter().any(|claims| claims.get(name) == value);
            if value.is_none() || known {
                return Err(Difference {
                    expected: format!("a claims.{name} that was not there before"),
                    got: value.map_or_else(|| "none".to_owned(), Value::to_string),
                });
            }
        }
        Ok(())
    }

    fn sent(&self, expected: &expected::Sent, got: &Sent) -> Compared {
        equal("method", expected.method.as_ref(), &got.method)?;
        match (&expected.url, &expected.query) {
            (url, None) => equal("url", url.as_ref(), &got.url)?,
            (url, Some(_)) => equal(
                "url",
                url.as_deref().map(without_query),
                without_query(&got.url),
            )?,
        }
        match (&expected.transport, &got.transport) {
            (None, _) | (Some(expected::Transport::Plain), Transport::Plain) => {}
            (Some(expected::Transport::Mtls(name)), Transport::Mtls(certificate)) => {
                let used = shown(certificate, self.certificates);
                equal("transport.mtls", Some(self.canonical(name)), used.as_ref())?;
            }
            (Some(expected::Transport::Plain), Transport::Mtls(certificate)) => {
                return Err(Difference {
                    expected: "transport \"plain\"".to_owned(),
                    got: format!("mtls {:?}", shown(certificate, self.certificates)),
                });
            }
            (Some(expected::Transport::Mtls(name)), Transport::Plain) => {
                return Err(Difference {
                    expected: format!("transport mtls {name:?}"),
                    got: "\"plain\"".to_owned(),
                });
            }
        }
        for (name, value) in &expected.headers {
            pair("headers", name, value, &got.headers)?;
        }
        if let Some(expected) = &expected.query {
            let query = got.query();
            for (name, value) in expected {
                pair("query", name, value, &query)?;
            }
        }
        form(expected, &got.form)
    }

    fn token(&self, expected: &Token, got: &AccessToken) -> Compared {
        let access_token = expected.access_token.as_deref();
        equal("access_token", access_token, got.secret().expose())?;
        let token_type = expected.token_type.map(expected::TokenType::as_str);
        equal("token_type", token_type, got.token_type().as_str())?;
        let from = expected.source.map(expected::Source::as_str);
        equal("source", from, source(got))?;
        let certificate = expected.binding_certificate.as_ref();
        let bound = got.binding_certificate();
        let bound = bound.map(|certificate| shown(certificate, self.certificates));
        equal(
            "binding_certificate",
            certificate
                .map(|name| name.as_deref().map(|name| self.canonical(name)))
                .as_ref(),
            &bound.as_deref(),
        )?;
        let expires_in = expected.expires_in.as_ref();
        equal("expires_in", expires_in, &got.expires_in().as_secs())?;
        maybe(
            "region",
            &expected.region,
            got.region().map(|region| region.as_str()),
        )?;
        maybe(
            "token_endpoint",
            &expected.token_endpoint,
            got.token_endpoint(),
        )?;
        equal(
            "refresh_due",
            expected.refresh_due.as_ref(),
            &got.renewal_is_due(),
        )
    }
}

fn asked(expected: &Asked, got: &ProviderContext) -> Compared {
    equal("client_id", expected.client_id.as_deref(), got.client_id())?;
    equal(
        "token_endpoint",
        expected.token_endpoint.as_deref(),
        got.token_endpoint(),
    )?;
    equal("authority", expected.authority.as_deref(), got.authority())?;
    maybe("tenant", &expected.tenant, got.tenant())?;
    maybe("claims", &expected.claims, got.claims())?;
    equal(
        "capabilities",
        expected.capabilities.as_deref(),
        got.capabilities(),
    )?;
    maybe("fmi_path", &expected.fmi_path, got.fmi_path())?;
    equal(
        "correlation_id",
        expected.correlation_id.as_deref(),
        got.correlation_id(),
    )
}

/// A form has each name at most once, whatever else is expected of it.
fn form(expected: &expected::Sent, got: &[(String, String)]) -> Compared {
    let mut form = BTreeMap::new();
    for (name, value) in got {
        if form.insert(name.as_str(), value.as_str()).is_some() {
            return Err(Difference {
                expected: format!("form.{name} at most once"),
                got: "it twice".to_owned(),
            });
        }
    }
    for (name, value) in &expected.form {
        pair("form", name, value, got)?;
    }
    for (name, value) in &expected.form_json {
        let text = form.get(name.as_str()).copied().unwrap_or_default();
        let found: Option<Value> = serde_json::from_str(text).ok();
        if !found.is_some_and(|found| same(value, &found)) {
            return Err(Difference {
                expected: format!("form_json.{name} {value}"),
                got: format!("{text:?}"),
            });
        }
    }
    for name in &expected.form_present {
        if !form.contains_key(name.as_str()) {
            return Err(Difference {
                expected: format!("form.{name}"),
                got: "none".to_owned(),
            });
        }
    }
    for name in &expected.form_absent {
        absent("form", name, form.get(name.as_str()))?;
    }
    Ok(())
}

/// The clocks of a script are no finer than this.
const TICK: Duration = Duration::from_millis(1);

fn waits(expected: &Waited, got: Duration) -> Compared {
    let difference = |what: &str, limit: Duration| Difference {
        expected: format!("{what} {}", limit.as_secs_f64()),
        got: got.as_secs_f64().to_string(),
    };
    match (&expected.seconds, &expected.at_least, &expected.at_most) {
        (Some(exactly), _, _) if exactly.0.abs_diff(got) >= TICK => {
            Err(difference("seconds", exactly.0))
        }
        (_, Some(least), _) if got < least.0 => Err(difference("at_least", least.0)),
        (_, _, Some(most)) if got > most.0 => Err(difference("at_most", most.0)),
        _ => Ok(()),
    }
}

fn error(expected: &Refused, got: &Error) -> Compared {
    equal("code", expected.code.as_deref(), got.code())?;
    equal(
        "http_status",
        expected.http_status.as_ref(),
        &got.http_status(),
    )?;
    equal("aadsts", expected.aadsts.as_deref(), got.aadsts())?;
    maybe("suberror", &expected.suberror, got.suberror())?;
    maybe("claims", &expected.claims, got.claims())?;
    equal(
        "retryable",
        expected.retryable.as_ref(),
        &got.is_retryable(),
    )?;
    let text = everything_printed(got);
    match expected
        .text_absent
        .iter()
        .find(|part| text.contains(*part))
    {
        None => Ok(()),
        Some(part) => Err(Difference {
            expected: format!("no {part:?} in its text"),
            got: format!("{:?}", got.to_string()),
        }),
    }
}

/// The error and its sources, each as `Display` and as both forms of `Debug` print it.
fn everything_printed(error: &Error) -> String {
    let mut text = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        // Writing to a `String` does not fail.
        let _ = write!(text, "{error}\n{error:?}\n{error:#?}\n");
        next = error.source();
    }
    text
}

fn equal<T: PartialEq + Debug + ?Sized>(field: &str, expected: Option<&T>, got: &T) -> Compared {
    match expected {
        Some(expected) if expected != got => Err(Difference {
            expected: format!("{field} {expected:?}"),
            got: format!("{got:?}"),
        }),
        Some(_) | None => Ok(()),
    }
}

/// A field that may be `null`.
fn maybe(field: &str, expected: &Option<Option<String>>, got: Option<&str>) -> Compared {
    equal(
        field,
        expected.as_ref().map(Option::as_deref).as_ref(),
        &got,
    )
}

/// A member of a list of pairs that has this very value.
fn pair(field: &str, name: &str, expected: &str, got: &[(String, String)]) -> Compared {
    let found: Vec<&str> = got
        .iter()
        .filter(|(other, _)| other == name)
        .map(|(_, value)| value.as_str())
        .collect();
    equal(
        &format!("{field}.{name}"),
        Some([expected].as_slice()),
        found.as_slice(),
    )
}

fn members(field: &str, expected: &Map<String, Value>, got: &Map<String, Value>) -> Compared {
    for (name, value) in expected {
        let found = got.get(name);
        if found != Some(value) {
            return Err(Difference {
                expected: format!("{field}.{name} {value}"),
                got: found.map_or_else(|| "none".to_owned(), Value::to_string),
            });
        }
    }
    Ok(())
}

fn absent<T: Debug>(field: &str, name: &str, got: Option<T>) -> Compared {
    match got {
        None => Ok(()),
        Some(value) => Err(Difference {
            expected: format!("no {field}.{name}"),
            got: format!("{value:?}"),
        }),
    }
}

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(before, _)| before)
}

/// Equal as JSON, members and elements in any order.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Array(one), Value::Array(other)) => {
            let mut left: Vec<&Value> = other.iter().collect();
            one.len() == other.len()
                && one.iter().all(|value| {
                    let place = left.iter().position(|other| same(value, other));
                    place.map(|place| left.swap_remove(place)).is_some()
                })
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_come_in_any_order_and_as_often_as_they_are_there() {
        assert!(same(
            &json!({"a": [1, 2], "b": {}}),
            &json!({"b": {}, "a": [2, 1]})
        ));
        assert!(!same(&json!([1, 1, 2]), &json!([1, 2, 2])));
        assert!(!same(&json!([1]), &json!([1, 2])));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
    }

    #[test]
    fn a_form_that_has_a_name_twice_is_wrong_whatever_is_expected() {
        let expected = serde_json::from_str("{}").unwrap_or_else(|error| panic!("{error}"));
        let pair = |name: &str| (name.to_owned(), "x".to_owned());
        assert!(form(&expected, &[pair("scope"), pair("claims")]).is_ok());
        assert!(form(&expected, &[pair("scope"), pair("scope")]).is_err());
    }
}
