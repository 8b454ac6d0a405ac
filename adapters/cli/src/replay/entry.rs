//! One entry of a script: whose it is, and an input or an expected output.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, de};

use super::expected::{Asked, Expected, Joined, Refused, Sent, Signing, Token, Transport, Waited};
use super::fields::Empty;
use super::input::{
    Acquire, Advance, AssertionAnswer, CertificateAnswer, Input, Response, SetClock,
    SignatureAnswer, TransportFailed,
};

/// One line of the script.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The name of the flow that begins.
    pub(crate) named: Option<String>,
    /// The flow that the entry is about; the one begun last, if none is named.
    pub(crate) of: Option<String>,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    In(Input),
    Out(Expected),
}

/// Every name that may stand in an entry.
const NAMES: &[&str] = &[
    "as",
    "of",
    "acquire",
    "assertion",
    "certificate",
    "signature",
    "response",
    "transport_failed",
    "renew",
    "advance",
    "set_clock",
    "cancel",
    "wants_assertion",
    "wants_certificate",
    "wants_signature",
    "sends",
    "waits",
    "joins",
    "token",
    "error",
    "nothing",
];

impl What {
    /// The name under which it stands in the file.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::In(input) => input.name(),
            Self::Out(expected) => expected.name(),
        }
    }

    /// The certificate that it names, and the field that does.
    pub(crate) fn certificate(&self) -> Option<(&'static str, &str)> {
        let (field, name) = match self {
            Self::In(Input::Acquire(acquire)) => (
                "acquire.offers_certificate",
                acquire.offers_certificate.as_ref(),
            ),
            Self::In(Input::Assertion(AssertionAnswer::Pair(_, name))) => {
                ("assertion.certificate", name.as_ref())
            }
            Self::In(Input::Certificate(CertificateAnswer::Named(name))) => {
                ("certificate.name", name.as_ref())
            }
            Self::Out(Expected::WantsSignature(Signing { certificate, .. })) => {
                ("wants_signature.certificate", certificate.as_ref())
            }
            Self::Out(Expected::Sends(sent)) => match &sent.transport {
                Some(Transport::Mtls(name)) => ("sends.transport.mtls", Some(name)),
                Some(Transport::Plain) | None => return None,
            },
            Self::Out(Expected::Token(Token {
                binding_certificate,
                ..
            })) => (
                "token.binding_certificate",
                binding_certificate.as_ref().and_then(Option::as_ref),
            ),
            Self::In(_) | Self::Out(_) => return None,
        };
        name.map(|name| (field, name.as_str()))
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one input or one expected output")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let (mut named, mut of, mut what) = (None, None, None::<What>);
        while let Some(name) = map.next_key::<String>()? {
            let place = match name.as_str() {
                "as" => &mut named,
                "of" => &mut of,
                kind => {
                    let found = value(kind, &mut map)?;
                    if let Some(other) = what.replace(found) {
                        let other = other.name();
                        let text = format!("both `{other}` and `{kind}` in one entry");
                        return Err(A::Error::custom(text));
                    }
                    continue;
                }
            };
            if place.replace(map.next_value::<String>()?).is_some() {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
        }
        let Some(what) = what else {
            return Err(A::Error::custom(
                "the entry has neither an input nor an expected output",
            ));
        };
        let kind = what.name();
        let begins = matches!(what, What::In(Input::Acquire(_) | Input::Renew));
        if named.is_some() && !begins {
            return Err(A::Error::custom(format!(
                "`as` beside `{kind}`, which begins no flow"
            )));
        }
        if of.is_some() && kind == "acquire" {
            return Err(A::Error::custom("`of` beside `acquire`; its name is `as`"));
        }
        Ok(Entry { named, of, what })
    }
}

fn value<'de, A: MapAccess<'de>>(kind: &str, map: &mut A) -> Result<What, A::Error> {
    use Expected as Out;
    Ok(match kind {
        "acquire" => What::In(Input::Acquire(map.next_value::<Box<Acquire>>()?)),
        "assertion" => What::In(Input::Assertion(map.next_value::<AssertionAnswer>()?)),
        "certificate" => What::In(Input::Certificate(map.next_value::<CertificateAnswer>()?)),
        "signature" => What::In(Input::Signature(map.next_value::<SignatureAnswer>()?)),
        "response" => What::In(Input::Response(map.next_value::<Response>()?)),
        "transport_failed" => {
            What::In(Input::TransportFailed(map.next_value::<TransportFailed>()?))
        }
        "renew" => map.next_value().map(|Empty {}| What::In(Input::Renew))?,
        "advance" => What::In(Input::Advance(map.next_value::<Advance>()?)),
        "set_clock" => What::In(Input::SetClock(map.next_value::<SetClock>()?)),
        "cancel" => map.next_value().map(|Empty {}| What::In(Input::Cancel))?,
        "wants_assertion" => What::Out(Out::WantsAssertion(map.next_value::<Asked>()?)),
        "wants_certificate" => What::Out(Out::WantsCertificate(map.next_value::<Asked>()?)),
        "wants_signature" => What::Out(Out::WantsSignature(map.next_value::<Signing>()?)),
        "sends" => What::Out(Out::Sends(map.next_value::<Box<Sent>>()?)),
        "waits" => What::Out(Out::Waits(map.next_value::<Waited>()?)),
        "joins" => What::Out(Out::Joins(map.next_value::<Joined>()?)),
        "token" => What::Out(Out::Token(map.next_value::<Token>()?)),
        "error" => What::Out(Out::Error(map.next_value::<Refused>()?)),
        "nothing" => map.next_value().map(|Empty {}| What::Out(Out::Nothing))?,
        other => return Err(de::Error::unknown_field(other, NAMES)),
    })
}
