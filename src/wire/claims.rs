//! The `claims` parameter: a challenge's claims and the client's capabilities, merged (rule 11; OpenID Connect Core §5.5).

use std::borrow::Cow;

use crate::error::{Code, Error};
use crate::wire::json::{Json, Text};

/// The longest claims that are accepted, in bytes.
const MOST: usize = 8 * 1_024;

/// Reads what a caller passed: one JSON object. The error repeats nothing of it.
pub(crate) fn read(claims: &str) -> Result<Json<'_>, Error> {
    Json::object(claims.as_bytes())
        .ok()
        .filter(|_| claims.len() <= MOST)
        .ok_or_else(|| {
            Error::new(
                Code::InvalidClaims,
                "the claims are not one JSON object of at most 8 KiB",
            )
        })
}

/// What is sent: the capabilities, a challenge's claims, and those that the client adds, where the later ones count. Nothing, if
/// there is nothing to say.
pub(crate) fn merged(
    capabilities: &[String],
    challenge: Option<Json<'_>>,
    client_claims: Option<Json<'_>>,
) -> Option<String> {
    let capabilities = (!capabilities.is_empty()).then(|| capability_claims(capabilities));
    [capabilities, challenge, client_claims]
        .into_iter()
        .flatten()
        .reduce(merge)
        .map(|claims| claims.to_text().to_string())
}

/// The members of both objects; where a name is in both, the second's counts whole.
pub(crate) fn overlaid(
    first: Option<&Json<'static>>,
    second: Option<Json<'static>>,
) -> Option<Json<'static>> {
    match (first, second) {
        (Some(Json::Object(first)), Some(Json::Object(second))) => {
            let mut members = first.clone();
            members.retain(|(name, _)| !second.iter().any(|(other, _)| other == name));
            members.extend(second);
            Some(Json::Object(members))
        }
        (first, None) => first.cloned(),
        (_, second) => second,
    }
}

/// `{"access_token":{"xms_cc":{"values":["cp1"]}}}`
fn capability_claims<'a>(capabilities: &'a [String]) -> Json<'a> {
    let object =
        |name: &'static str, value: Json<'a>| Json::Object(vec![(Cow::Borrowed(name), value)]);
    let values = capabilities
        .iter()
        .map(|name| Json::Text(Text::Borrowed(name.as_str())))
        .collect();
    object(
        "access_token",
        object("xms_cc", object("values", Json::Array(values))),
    )
}

/// Objects merge, arrays unite without duplicates, and of anything else the second counts.
fn merge<'a>(first: Json<'a>, second: Json<'a>) -> Json<'a> {
    match (first, second) {
        (Json::Object(first), Json::Object(mut second)) => {
            let mut members = Vec::with_capacity(first.len().saturating_add(second.len()));
            for (name, value) in first {
                let twin = second.iter().position(|(other, _)| *other == name);
                let value = match twin.map(|place| second.remove(place)) {
                    Some((_, other)) => merge(value, other),
                    None => value,
                };
                members.push((name, value));
            }
            members.append(&mut second);
            Json::Object(members)
        }
        (Json::Array(mut first), Json::Array(second)) => {
            for element in second {
                if !first.contains(&element) {
                    first.push(element);
                }
            }
            Json::Array(first)
        }
        (_, second) => second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(capabilities: &[&str], claims: Option<&str>) -> Option<String> {
        let capabilities: Vec<String> =
            capabilities.iter().map(|name| (*name).to_owned()).collect();
        merged(
            &capabilities,
            claims.map(|claims| read(claims).unwrap()),
            None,
        )
    }

    #[test]
    fn d11_capabilities_and_claims_are_merged() {
        assert_eq!(with(&[], None), None);
        assert_eq!(
            with(&["cp1"], None).unwrap(),
            r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#
        );
        assert_eq!(with(&[], Some(r#"{ "a" : 1 }"#)).unwrap(), r#"{"a":1}"#);
        assert_eq!(
            with(&["cp1", "cp2"], Some(r#"{"access_token":{"nbf":{"value":"1"},"xms_cc":{"values":["cp2","cp3"]}},"id_token":{}}"#)).unwrap(),
            r#"{"access_token":{"xms_cc":{"values":["cp1","cp2","cp3"]},"nbf":{"value":"1"}},"id_token":{}}"#
        );
        assert_eq!(
            with(&["cp1"], Some(r#"{"access_token":null}"#)).unwrap(),
            r#"{"access_token":null}"#
        );
    }

    #[test]
    fn d11_what_is_no_object_is_refused_without_being_repeated() {
        for claims in [
            "",
            "[]",
            "null",
            "\"hunter2\"",
            "{\"a\":1,\"a\":2}",
            "{hunter2",
        ] {
            let error = read(claims).err().unwrap();
            assert_eq!(error.code(), "invalid_json_claims_format");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
