//! The explanation for programs. The names of members stay; new ones may come.

use serde_json::{Map, Value, json};

use super::afterwards::{Afterwards, whose};
use super::played::Scene;
use super::rules::TITLES;
use super::sent::{Field, Sent, Signed};
use super::{Explanation, Told};
use crate::acquire::metadata::{fault, origin};
use crate::options::{advice, what};

pub(super) fn json(explanation: &Explanation) -> Value {
    let told = explanation.told.as_ref();
    let sent = told.and_then(|told| told.played.sent.first());
    let client = explanation.client.as_ref();
    let metadata = told.and_then(|told| match &told.played.result {
        Ok(token) => Some(token.metadata()),
        Err(error) => error.metadata(),
    });
    let rules = explanation.rules();
    json!({
        "title": explanation.title(),
        "client_id": client.map(|client| client.id()),
        "authority": client.map(|client| json!({
            "kind": format!("{:?}", client.authority().kind()),
            "host": client.authority().host(),
        })),
        "credential": explanation.credential,
        "grant": explanation.grant,
        "scopes": explanation.scopes,
        "token_type": told.map(|told| told.plan.token_kind().as_str()),
        "transport": sent.map(|sent| if sent.certificate.is_some() { "mtls" } else { "plain" }),
        "certificate": sent.and_then(|sent| sent.certificate.as_deref()),
        "endpoint": sent.map(|sent| json!({ "url": sent.url, "host": sent.host })),
        "region": metadata.map(|metadata| json!({
            "name": metadata.region().map(|region| region.as_str()),
            "origin": origin(metadata.region_origin()),
        })),
        "headers": sent.map(|sent| &sent.headers),
        "body": sent.map(body),
        "assertion": told.and_then(|told| told.played.signed.first()).map(assertion),
        "cache_key": told.and_then(key),
        "steps": told.map(|told| told.played.scenes.iter().map(step).collect::<Vec<_>>()),
        "rules": rules.iter().map(|fired| json!({
            "rule": fired.rule,
            "title": TITLES.get(usize::from(fired.rule).saturating_sub(1)),
            "says": fired.says,
        })).collect::<Vec<_>>(),
        "if": told.map(|told| told.afterwards.iter().map(afterwards).collect::<Vec<_>>()),
        "error": explanation.error.as_ref().map(|error| json!({
            "code": error.code(),
            "fault": fault(error.fault()),
            "whose": whose(error.fault()),
            "what": what(error),
            "advice": advice(error),
        })),
        "notes": explanation.notes,
    })
}

fn body(sent: &Sent) -> Value {
    let fields = sent.fields.iter().map(|(name, field)| match field {
        Field::Shown(value) => json!({ "name": name, "value": value }),
        Field::Hidden(what) => json!({ "name": name, "hidden": what }),
    });
    fields.collect()
}

fn assertion(signed: &Signed) -> Value {
    json!({
        "algorithm": signed.algorithm,
        "certificate": signed.certificate,
        "named_by": signed.thumbprint,
        "x5c": signed.x5c,
        "audience": signed.audience,
        "lives": signed.lives,
    })
}

fn key(told: &Told) -> Option<Value> {
    let parts = told.played.key.as_ref()?.parts();
    let members = parts
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)));
    Some(Value::Object(Map::from_iter(members)))
}

fn step(scene: &Scene) -> Value {
    json!({
        "step": scene.step,
        "to": scene.to.as_str(),
        "asks": scene.asks,
        "detail": scene.detail,
        "answer": scene.answer,
    })
}

fn afterwards(different: &Afterwards) -> Value {
    let milliseconds = |pause: std::time::Duration| pause.as_millis().min(u128::from(u32::MAX));
    json!({
        "when": different.when,
        "then": different.then,
        "requests": different.requests,
        "provider_asked": different.asked,
        "pause_ms": different.pause.map(|(least, most)| [milliseconds(least), milliseconds(most)]),
        "remembered": different.remembered,
        "code": different.error.as_ref().map(|error| error.code()),
        "fault": different.error.as_ref().map(|error| fault(error.fault())),
    })
}
