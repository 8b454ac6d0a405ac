//! What holds for all inputs, named by rule (DESIGN's numbers, `rNN`), invariant (`iNN`), threat (`tNN`) or acceptance row.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entra_proto::*;
use http::HeaderValue;
use http::header::RETRY_AFTER;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::canary::{assert_silent, is_silent};
use crate::certificates::{P256, RSA, numbered, thumbprint};
use crate::hosts;
use crate::script::{
    Answer, Run, START, Script, alone, answer, failure, granting, pair, seconds, with_header,
};

const CONTOSO: &str = "https://login.microsoftonline.com/contoso.com";

pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
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

// ── Rules 1, 2, 8 and 9: what is in the body ─────────────────────────────────────────────────────────────────────────────

/// Every credential against token kind and what its provider returns.
#[test]
fn i09_the_assertion_type_follows_from_the_credential_and_the_pair() {
    let fixed = || numbered(RSA, 1);
    let own = || Credential::certificate_with_claims(fixed(), "{}");
    let jwt = || Credential::static_assertion(Secret::new("CANARY.jwt"));
    let secret = || Credential::secret(Secret::new("CANARY"));
    // Credential, whether the pair has a certificate, PoP; type, mutual TLS.
    let none = None;
    type Seen = Result<(Option<&'static str>, bool), &'static str>;
    let rows: &[(Credential, bool, bool, Seen)] = &[
        (secret(), false, false, Ok((none, false))),
        (secret(), false, true, Err("mtls_certificate_not_provided")),
        (jwt(), false, false, Ok((Some("jwt-bearer"), false))),
        (jwt(), false, true, Err("mtls_certificate_not_provided")),
        (own(), false, false, Ok((Some("jwt-bearer"), false))),
        (own(), false, true, Err("mtls_certificate_not_provided")),
        (
            Credential::assertion_provider(),
            false,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::assertion_provider(),
            true,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::assertion_provider(),
            true,
            true,
            Err("mtls_certificate_not_provided"),
        ),
        (
            Credential::signed_assertion_provider(),
            false,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::signed_assertion_provider(),
            true,
            false,
            Ok((Some("jwt-pop"), true)),
        ),
        (
            Credential::signed_assertion_provider(),
            false,
            true,
            Err("mtls_certificate_not_provided"),
        ),
        (
            Credential::signed_assertion_provider(),
            true,
            true,
            Ok((Some("jwt-pop"), true)),
        ),
        (
            Credential::certificate(fixed()),
            false,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::certificate(fixed()),
            false,
            true,
            Ok((none, true)),
        ),
        (
            Credential::certificate(fixed()).send_over_mtls(),
            false,
            false,
            Ok((Some("jwt-bearer"), true)),
        ),
        (
            Credential::certificate(fixed()).send_over_mtls(),
            false,
            true,
            Ok((none, true)),
        ),
        (
            Credential::certificate_provider(),
            false,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::certificate_provider(),
            false,
            true,
            Ok((none, true)),
        ),
        (
            Credential::certificate_provider().send_over_mtls(),
            false,
            false,
            Ok((Some("jwt-bearer"), true)),
        ),
        (
            Credential::certificate_provider().send_over_mtls(),
            false,
            true,
            Ok((none, true)),
        ),
    ];
    for isolation in [BearerIsolation::Shared, BearerIsolation::PerCertificate] {
        for (credential, bound, pop, expected) in rows {
            let client = Client::builder("app", CONTOSO, credential.clone())
                .region(RegionSource::Named("westus3".to_owned()))
                .bearer_isolation(isolation)
                .build()
                .expect("a client");
            let request = if *pop {
                bearer().proof_of_possession()
            } else {
                bearer()
            };
            let pair = if *bound { pair(1) } else { alone(1) };
            let seen = request
                .plan(&client)
                .map(|plan| Script::new().pairs([pair]).run(&plan));
            let seen = match &seen {
                Err(error) => Err(error.code()),
                Ok(run) => match run.done.result() {
                    Err(error) => Err(error.code()),
                    Ok(token) => {
                        let sent = run.request();
                        // Rule 1: the kind follows from the request alone.
                        assert_eq!(token.token_type() == TokenKind::MtlsPop, *pop);
                        assert_eq!(sent.field("token_type"), pop.then_some("mtls_pop"));
                        assert_eq!(sent.field("req_cnf"), None);
                        Ok((sent.assertion_type(), sent.certificate.is_some()))
                    }
                },
            };
            assert_eq!(&seen, expected, "{credential:?} {bound} {pop}");
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// SEC-08, T08: whatever the fields are, the decoded form has exactly the intended keys, once each, with these values.
    #[test]
    fn i08_the_form_says_what_was_meant(
        id in printable(),
        secret in "[!-~]{1,20}|[ -~\u{e9}\r\n]{1,20}",
        scopes in vec(printable(), 1..4),
        fmi_path in proptest::option::of(printable()),
        claims in proptest::option::of(object()),
        partition in proptest::option::of(printable()),
        client_claims in proptest::option::of(object()),
        grant in 0..7_usize,
        stands_on in printable(),
        body in proptest::option::of((printable(), "[ -~\u{e9}]{0,20}")),
        query in proptest::option::of((printable(), "[ -~\u{e9}]{0,20}")),
    ) {
        let client = Client::builder(id.as_str(), CONTOSO, Credential::secret(Secret::new(secret.as_str()))).build();
        prop_assume!(client.is_ok());
        let mut expected = BTreeMap::from([
            ("client_id", id.clone()),
            ("client_secret", secret),
        ]);
        let (mut request, of_grant) = granted_by(grant, &stands_on, &scopes);
        expected.extend(of_grant);
        let reserved: &[&str] = if grant == 0 { &[] } else { &["openid", "profile", "offline_access"] };
        let mut scope: Vec<&str> = Vec::new();
        // Each once, as it was written first.
        for name in scopes.iter().flat_map(|item| item.split(' ')).chain(reserved.iter().copied()) {
            if !name.is_empty() && !scope.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                scope.push(name);
            }
        }
        expected.insert("scope", scope.join(" "));
        if let Some(path) = fmi_path {
            expected.insert("fmi_path", path.clone());
            request = request.fmi_path(path);
        }
        if let Some(name) = partition {
            request = request.partition(name);
        }
        if let Some(claims) = &claims {
            request = request.claims(Value::from(claims.clone()).to_string());
        }
        if let Some(claims) = &client_claims {
            request = request.client_claims(Value::from(claims.clone()).to_string());
        }
        if let Some((name, value)) = &body {
            request = request.body_parameter(name, value);
            expected.insert(name, value.clone());
        }
        if let Some((name, value)) = &query {
            request = request.query_parameter(name, value);
        }
        let Ok(plan) = request.plan(&client.expect("checked")) else {
            // What is refused was refused for a reason that is not the form's.
            return Ok(());
        };
        let run = Script::new().run(&plan);
        let mut form = run.request().form.clone();
        let sent_claims = form.iter().position(|(name, _)| name == "claims").map(|place| form.remove(place).1);
        let sent_claims: Option<Value> = sent_claims.map(|text| serde_json::from_str(&text).expect("JSON"));
        // One after the other, or the one that there is.
        let claims = match (claims, client_claims) {
            (Some(claims), Some(own)) => {
                let mut claims = Value::Object(claims);
                merge(&mut claims, &Value::Object(own));
                Some(claims)
            }
            (one, other) => one.or(other).map(Value::Object),
        };
        prop_assert_eq!(sent_claims, claims);
        let names: BTreeSet<_> = form.iter().map(|(name, _)| name).collect();
        prop_assert_eq!(names.len(), form.len());
        let form: BTreeMap<_, _> = form.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        prop_assert_eq!(form, expected);
        let url = url::Url::parse(&run.request().url).expect("a URL");
        prop_assert_eq!(&url[..url::Position::AfterPath], "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token");
        prop_assert_eq!(url.query_pairs().into_owned().collect::<Vec<_>>(), Vec::from_iter(query));
        prop_assert_eq!(url.fragment(), None);
    }

    /// SEC-08: what has control characters or no meaning is refused before anything happens, and never half taken.
    #[test]
    fn sec08_odd_fields_are_refused_or_harmless(value in text(), place in 0..12_usize) {
        let id = if place == 0 { value.as_str() } else { "app" };
        let client = match Client::builder(id, CONTOSO, Credential::secret(Secret::new("CANARY"))).build() {
            Ok(client) => client,
            Err(error) => {
                prop_assert_eq!(error.code(), "invalid_client_id");
                return Ok(());
            }
        };
        let request = match place {
            1 => TokenRequest::for_app([value.as_str()]),
            2 => bearer().tenant(value.as_str()),
            3 => bearer().claims(value.as_str()),
            4 => bearer().correlation_id(value.as_str()),
            5 => bearer().fmi_path(value.as_str()),
            6 => bearer().partition(value.as_str()),
            7 => bearer().body_parameter("a", value.as_str()),
            8 => bearer().body_parameter(value.as_str(), "a"),
            9 => bearer().client_claims(value.as_str()),
            10 => TokenRequest::redeeming(Secret::new("CANARY"), value.as_str(), ["scope"]),
            11 => TokenRequest::for_account(Account::from_home_id(&value), ["scope"]).bypassing_cache(),
            _ => bearer(),
        };
        match request.plan(&client) {
            Err(error) => prop_assert!(is_silent(&error.to_string())),
            Ok(plan) => {
                // Line breaks and tabs are blanks in JSON.
                let is_json = place == 3 || place == 9;
                prop_assert!(is_json || !value.chars().any(char::is_control), "{:?}", value);
                let sent = Script::new().run(&plan);
                if place == 11 {
                    prop_assert_eq!(code(&sent), Some("no_tokens_found"));
                    return Ok(());
                }
                let url = &sent.request().url;
                let tenant = if place == 2 { value.as_str() } else { "contoso.com" };
                prop_assert_eq!(url, &format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"));
            }
        }
    }

    /// Rule 9: what our own assertions say, and to whom. I07: `aud` is the URL of the POST, which no answer chooses.
    #[test]
    fn r09_our_assertions_are_for_the_very_url_and_never_the_same(
        wall in 0..4_000_000_000_u64,
        p256 in any::<bool>(),
        location in document(),
        failed in any::<bool>(),
    ) {
        let (template, algorithm) = if p256 { (P256, "ES256") } else { (RSA, "PS256") };
        let builder = Client::builder("the client", CONTOSO, Credential::certificate(numbered(template, 1)).send_x5c());
        let client = builder.region(RegionSource::Discover).build().expect("a client");
        let mut script = Script::new().regions([answer(200, json!({ "location": location }).to_string())]);
        if failed {
            script = script.answers([answer(500, "")]);
        }
        script.now = Now::new(seconds(wall), Duration::ZERO);
        let run = script.run(&bearer().plan(&client).expect("a plan"));
        let mut ids = BTreeSet::new();
        for (input, sent) in run.signed.iter().zip(&run.sent) {
            let parts: Vec<Value> = std::str::from_utf8(input.message())?
                .split('.')
                .map(|part| {
                    use base64::Engine;
                    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
                    serde_json::from_slice(&bytes.expect("base64url")).expect("JSON")
                })
                .collect();
            let [header, claims] = parts.as_slice() else { panic!("header and claims") };
            prop_assert_eq!(&header["alg"], algorithm);
            prop_assert_eq!(&header["x5t#S256"], &json!(thumbprint(template, 1).to_string()));
            prop_assert_eq!(header["x5c"].as_array().map(Vec::len), Some(1));
            prop_assert_eq!(claims["aud"].as_str(), Some(sent.url.as_str()));
            prop_assert_eq!(&claims["iss"], "the client");
            prop_assert_eq!(&claims["sub"], "the client");
            let nbf = claims["nbf"].as_u64().expect("a number");
            prop_assert!(nbf >= wall);
            prop_assert_eq!(claims["exp"].as_u64(), Some(nbf + 600));
            // I26.
            prop_assert!(ids.insert(claims["jti"].as_str().expect("text").to_owned()));
            prop_assert!(sent.field("client_assertion").expect("it").starts_with(std::str::from_utf8(input.message())?));
        }
        prop_assert_eq!(ids.len(), if failed { 2 } else { 1 });
    }

    /// Rule 11: objects merge, arrays unite without duplicates, the request's scalars win. Judged by another merge, over another
    /// JSON library.
    #[test]
    fn r11_capabilities_are_merged_into_the_claims(
        capabilities in proptest::collection::btree_set("[a-z0-9]{1,4}", 0..3),
        values in vec("[a-z0-9]{1,4}", 0..4),
        mut claims in object(),
        with_values in any::<bool>(),
    ) {
        if with_values {
            claims.insert("access_token".to_owned(), json!({ "xms_cc": { "values": values }, "x": 1 }));
        }
        let own: Vec<_> = capabilities.iter().cloned().collect();
        let client = Client::builder("app", CONTOSO, Credential::secret(Secret::new("CANARY")))
            .capabilities(own.clone())
            .build()
            .expect("a client");
        let Ok(plan) = bearer().claims(Value::from(claims.clone()).to_string()).plan(&client) else {
            return Ok(());
        };
        let mut expected = json!({});
        if !own.is_empty() {
            expected = json!({ "access_token": { "xms_cc": { "values": own } } });
        }
        merge(&mut expected, &Value::Object(claims));
        let run = Script::new().run(&plan);
        let sent: Value = serde_json::from_str(run.request().field("claims").expect("claims"))?;
        prop_assert_eq!(sent, expected);
    }
}

/// A request of each grant, and what its form has for it.
fn granted_by(
    grant: usize,
    stands_on: &str,
    scopes: &[String],
) -> (TokenRequest, Vec<(&'static str, String)>) {
    let secret = || Secret::new(stands_on);
    let scopes = scopes.iter().cloned();
    let redirect = "https://app.example/cb";
    let id = "33333333-3333-3333-3333-333333333333";
    let (request, kind, mut fields) = match grant {
        0 => (TokenRequest::for_app(scopes), "client_credentials", vec![]),
        1 => {
            let fields = vec![
                ("requested_token_use", "on_behalf_of"),
                ("assertion", stands_on),
            ];
            let kind = "urn:ietf:params:oauth:grant-type:jwt-bearer";
            (TokenRequest::on_behalf_of(secret(), scopes), kind, fields)
        }
        2 => {
            let fields = vec![("refresh_token", stands_on)];
            (
                TokenRequest::refreshing(secret(), scopes),
                "refresh_token",
                fields,
            )
        }
        3 | 4 => {
            let fields = vec![("code", stands_on), ("redirect_uri", redirect)];
            let request = TokenRequest::redeeming(secret(), redirect, scopes);
            (request, "authorization_code", fields)
        }
        _ => {
            let fields = vec![("user_federated_identity_credential", stands_on)];
            let user = match grant {
                5 => User::ObjectId(id.to_owned()),
                _ => User::PrincipalName(stands_on.to_owned()),
            };
            let request = TokenRequest::federated_user(secret(), user, scopes);
            (request, "user_fic", fields)
        }
    };
    fields.push(("grant_type", kind));
    if grant >= 2 {
        fields.push(("client_info", "1"));
    }
    let request = match grant {
        4 => {
            fields.push(("code_verifier", stands_on));
            request.code_verifier(secret())
        }
        5 => {
            fields.push(("user_id", id));
            request
        }
        6 => {
            fields.push(("username", stands_on));
            request
        }
        _ => request,
    };
    let fields = fields
        .into_iter()
        .map(|(name, value)| (name, value.to_owned()));
    (request, fields.collect())
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

// ── Rules 3 and 4: pairs ─────────────────────────────────────────────────────────────────────────────────────────────────

proptest! {
    #![proptest_config(cases(256))]

    /// IMP-20: the provider returns another pair at each call, wherever the flow waits and for however long.
    #[test]
    fn imp20_i10_assertion_handshake_key_and_result_are_of_one_pair(
        waits in vec((select(vec!["TakeTurn token", "LoadCache token", "TakeTurn region", "LoadCache throttle", "SendRequest"]), 0..100_u64), 0..4),
        bound in vec(any::<bool>(), 4),
        retried in any::<bool>(),
        pop in any::<bool>(),
        isolated in any::<bool>(),
    ) {
        let client = Client::builder("app", CONTOSO, Credential::signed_assertion_provider())
            .region(RegionSource::Discover)
            .bearer_isolation(if isolated { BearerIsolation::PerCertificate } else { BearerIsolation::Shared })
            .build()
            .expect("a client");
        let pairs = bound.iter().zip(1..).map(|(bound, number)| if *bound { pair(number) } else { alone(number) });
        let mut script = Script::new().pairs(pairs);
        if retried {
            script = script.answers([answer(500, "")]);
        }
        for (name, time) in waits {
            script = script.takes(name, seconds(time));
        }
        let request = bearer().deadline(seconds(3_600));
        let request = if pop { request.proof_of_possession() } else { request };
        let run = script.run(&request.clone().plan(&client).expect("a plan"));
        for sent in &run.sent {
            let number: u32 = sent.field("client_assertion").expect("it").rsplit('.').next().expect("a number").parse()?;
            let certificate = bound[number as usize - 1].then(|| thumbprint(P256, number));
            prop_assert_eq!(sent.certificate, certificate);
            prop_assert_eq!(sent.assertion_type(), Some(if certificate.is_some() { "jwt-pop" } else { "jwt-bearer" }));
            prop_assert_eq!(sent.host.contains("mtlsauth"), certificate.is_some());
        }
        let Ok(token) = run.done.result() else {
            // The one thing that can go wrong here.
            prop_assert_eq!(code(&run), Some("mtls_certificate_not_provided"));
            prop_assert!(pop);
            return Ok(());
        };
        let last = run.sent.last().expect("a request").certificate;
        let in_result = token.binding_certificate().map(Certificate::thumbprint);
        prop_assert_eq!(in_result, last.filter(|_| pop));
        // The key: whoever offers that certificate, and nobody else, finds it without asking.
        if let Some(certificate) = last.filter(|_| pop || isolated) {
            let hit = script.run(&request.clone().offering(certificate).plan(&client).expect("a plan"));
            prop_assert_eq!(hit.seen, ["LoadCache token", "Done"]);
            let other = request.offering(thumbprint(P256, 99)).plan(&client).expect("a plan");
            let mut script = script.forgetting().pairs([pair(98)]);
            prop_assert_eq!(script.run(&other).sent.len(), 1);
        }
    }

    /// I11 and rule 4: a Bearer hit calls nobody, whoever could be called.
    #[test]
    fn i11_a_bearer_hit_calls_no_provider(credential in 0..3, scopes in vec("[a-c]", 1..4), fewer in 0..3_usize) {
        let credential = match credential {
            0 => Credential::assertion_provider(),
            1 => Credential::signed_assertion_provider(),
            _ => Credential::certificate_provider().send_over_mtls(),
        };
        let client = client(credential);
        let mut script = Script::new().pairs([pair(1)]);
        let first = script.run(&TokenRequest::for_app(scopes.clone()).plan(&client).expect("a plan"));
        prop_assert_eq!(first.asked.len(), 1);
        let fewer = scopes[fewer.min(scopes.len() - 1)..].to_vec();
        let second = script.run(&TokenRequest::for_app(fewer).plan(&client).expect("a plan"));
        prop_assert_eq!(second.seen, ["LoadCache token", "Done"]);
    }
}

// ── Rules 5, 6 and 7: regions and hosts ──────────────────────────────────────────────────────────────────────────────────

/// Hosts of every kind, and text that could pass for one.
fn authority() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        select(vec![
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
            "login.microsoftonline.us",
            "login.usgovcloudapi.net",
            "login.chinacloudapi.cn",
            "login.partner.microsoftonline.cn",
            "login-us.microsoftonline.com",
            "login.sovcloud-identity.fr",
            "login.example.com",
            "graph.microsoft.com",
            "eastus.login.microsoft.com",
            "contoso.ciamlogin.com",
            "login.microsoftonline.com.evil.example",
            "login.microsoftonline.com@evil.example",
            "LOGIN.MicrosoftOnline.com",
            "login.microsoftonline.com:443",
            "login.microsoftonline.com:8443",
            "xn--login.example",
            "1.2.3.4",
            "login.0x7f.1",
        ])
        .prop_map(str::to_owned),
        "(login\\.)?[a-z0-9.-]{1,20}",
        text(),
    ];
    let path = prop_oneof![
        select(vec![
            "/contoso.com",
            "/common",
            "/dstsv2/contoso.com",
            "/adfs",
            "/tfp/contoso.com/policy",
            "",
            "/.."
        ])
        .prop_map(str::to_owned),
        text().prop_map(|path| format!("/{path}")),
    ];
    (host, path).prop_map(|(host, path)| format!("https://{host}{path}"))
}

proptest! {
    #![proptest_config(cases(512))]

    /// I05, I06, I07, SEC-07: whatever is configured and whatever is answered, requests go to hosts of the closed table, and a
    /// region is a first label or nothing.
    #[test]
    fn i05_every_request_goes_to_a_host_of_the_closed_set(
        url in authority(),
        region in prop_oneof![Just(None), "[a-zA-Z0-9]{1,34}".prop_map(Some), text().prop_map(Some)],
        discovered in prop_oneof!["[a-zA-Z0-9]{1,34}", text()],
        variable in proptest::option::of(text()),
        listed in proptest::option::of(select(vec!["login.example.com", "evil.example", "login.usgovcloudapi.net"])),
        bound in any::<bool>(),
        pop in any::<bool>(),
    ) {
        let client = Client::builder("app", url, Credential::signed_assertion_provider())
            .region(region.map_or(RegionSource::Discover, RegionSource::Named))
            .region_policy(RegionPolicy::Optional)
            .environment(Environment::read(|name| variable.clone().filter(|_| name == "REGION_NAME")))
            .known_authorities(listed)
            .build();
        let Ok(client) = client else { return Ok(()) };
        let request = if pop { bearer().proof_of_possession() } else { bearer() };
        let Ok(plan) = request.plan(&client) else { return Ok(()) };
        let listed: Vec<_> = listed.into_iter().collect();
        let run = Script::new()
            .pairs([if bound { pair(1) } else { alone(1) }])
            .regions([answer(200, json!({ "location": discovered }).to_string())])
            .run(&plan);
        for sent in &run.sent {
            prop_assert!(hosts::may_receive(&client, &listed, sent.certificate.is_some(), &sent.host), "{}", sent.url);
            let parsed = url::Url::parse(&sent.url)?;
            // T01: byte for byte what was meant, with nothing for a parser to repair.
            prop_assert_eq!(parsed.as_str(), sent.url.as_str());
            prop_assert_eq!(parsed.host_str(), Some(sent.host.as_str()));
            prop_assert_eq!((parsed.scheme(), parsed.query(), parsed.fragment()), ("https", None, None));
            prop_assert_eq!((parsed.username(), parsed.password()), ("", None));
            prop_assert!(!parsed.path().contains("..") && !parsed.path().contains('%'));
        }
    }

    /// T02, I42: an OpenID document leads to the authority's own host, to a listed one, or nowhere.
    #[test]
    fn i42_a_document_adds_no_host(
        endpoint in prop_oneof![
            select(vec![
                "https://issuer.example/t", "https://ISSUER.example/t", "https://tokens.example/t", "https://evil.example/t",
                "http://issuer.example/t", "https://issuer.example@evil.example/t", "https://u:p@issuer.example/",
                "https://issuer.example.evil.example/", "https://issuer.example\\@evil.example/", "https://issuer.example/t?x#y",
                "//issuer.example/t", "https:issuer.example/t", "https://issuer.example:8443/t",
            ]).prop_map(str::to_owned),
            text(),
            text().prop_map(|path| format!("https://issuer.example{path}")),
        ],
        listed in any::<bool>(),
        rest in object(),
    ) {
        let listed: &[&str] = if listed { &["tokens.example"] } else { &[] };
        let authority = Authority::oidc("https://issuer.example/x").expect("an authority");
        let client = Client::builder("app", authority, Credential::secret(Secret::new("CANARY")))
            .known_authorities(listed.iter().copied())
            .build()
            .expect("a client");
        let mut document = rest;
        document.insert("token_endpoint".to_owned(), endpoint.into());
        let run = run(Script::new().instances([answer(200, Value::Object(document).to_string())]), bearer(), &client);
        match run.sent.first() {
            None => prop_assert_eq!(code(&run), Some("invalid_instance")),
            Some(sent) => {
                prop_assert!(sent.host == "issuer.example" || listed.contains(&sent.host.as_str()), "{}", sent.url);
                prop_assert!(sent.url.starts_with("https://"));
            }
        }
    }

    /// I37: taken whole in lower case, or refused whole.
    #[test]
    fn sec07_i37_a_region_is_never_repaired(name in prop_oneof![text(), "[a-zA-Z0-9]{0,40}"]) {
        let valid = (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match Region::parse(&name) {
            Ok(region) => {
                prop_assert!(valid);
                prop_assert_eq!(region.as_str(), name.to_ascii_lowercase());
            }
            Err(error) => {
                prop_assert!(!valid);
                prop_assert_eq!(error.code(), "invalid_region");
            }
        }
    }
}

// ── Rule 10: the cache ───────────────────────────────────────────────────────────────────────────────────────────────────

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
    fn i17_i18_a_token_serves_while_both_clocks_say_so(
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
        let before: Vec<Partition> = held.loaded.iter().map(|key| script.memory.load(key)).collect();
        let (entries, bytes) = (script.memory.len(), script.memory.bytes());
        let bypassing = request.bypassing_cache().plan(&client).expect("a plan");
        let answers = [answer(status, body.clone()), answer(status, body)];
        let mut script = script.answers(answers);
        let run = script.run(&bypassing);
        prop_assume!(run.done.result().is_err());
        let after: Vec<Partition> = held.loaded.iter().map(|key| script.memory.load(key)).collect();
        prop_assert!(before == after);
        prop_assert_eq!((script.memory.len(), script.memory.bytes()), (entries, bytes));
    }
}

// ── Rule 12: second attempts ─────────────────────────────────────────────────────────────────────────────────────────────

/// Every status, with and without a `Retry-After`.
#[test]
fn r12_exactly_what_may_pass_is_tried_once_more() {
    let client = secret_client();
    for status in 201..=599_u16 {
        for retry_after in [None, Some("1"), Some("3600")] {
            let refused = answer(status, r#"{"error":"some_error"}"#);
            let refused = match retry_after {
                None => refused,
                Some(value) => with_header(refused, "retry-after", value),
            };
            let run = run(Script::new().answers([refused]), bearer(), &client);
            let passing = status == 408 || status == 429 || status >= 500;
            let repeated = match retry_after {
                None => passing && status != 429,
                Some("1") => passing,
                // An hour does not fit into thirty seconds.
                Some(_) => false,
            };
            assert_eq!(
                run.sent.len(),
                if repeated { 2 } else { 1 },
                "{status} {retry_after:?}"
            );
            assert_eq!(run.done.result().is_ok(), repeated);
            if let Err(error) = run.done.result() {
                assert_eq!(error.http_status(), Some(status));
                let wait = retry_after
                    .filter(|_| passing)
                    .map(|_| seconds(if retry_after == Some("1") { 1 } else { 3_600 }));
                assert_eq!(error.retry_in(), wait, "{status}");
                let code = match status {
                    300..=399 => "unexpected_redirect",
                    429 => "request_throttled",
                    500.. => "service_not_available",
                    _ => "some_error",
                };
                assert_eq!(error.code(), code, "{status}");
            }
        }
    }
}

#[test]
fn r12_exactly_what_may_pass_is_tried_once_more_without_an_answer() {
    use FailureKind::*;
    let rows: &[(FailureKind, Option<&str>)] = &[
        (Connect, None),
        (Closed, None),
        (Timeout, None),
        (Tls, Some("tls_failed")),
        (TooLarge, Some("response_too_large")),
        (Garbled, Some("invalid_token_response")),
        (CertificateNotRequested, Some("certificate_not_requested")),
        (CertificateRejected, Some("client_certificate_rejected")),
    ];
    for (kind, code_of) in rows {
        let script = || Script::new().answers([Err(failure(*kind)), Err(failure(*kind))]);
        let run = run(script(), bearer(), &secret_client());
        let sent = if code_of.is_none() { 2 } else { 1 };
        assert_eq!(run.sent.len(), sent, "{kind:?}");
        let twice = if *kind == Timeout {
            "request_timeout"
        } else {
            "connection_failed"
        };
        assert_eq!(code(&run), Some(code_of.unwrap_or(twice)), "{kind:?}");
        // What the transport said is at hand and not in the text (rule 14).
        let reported = (*kind != TooLarge).then_some("CANARY in foreign words");
        assert_eq!(run.error().reported(), reported);
        assert_silent(&run.error().to_string());
    }
}

/// What a 429 with this field asks for.
fn wait(values: &[HeaderValue]) -> Option<Duration> {
    let refused = answer(429, "").map(|mut response| {
        for value in values {
            response.headers_mut().append(RETRY_AFTER, value.clone());
        }
        response
    });
    let again = refused.clone();
    let request = bearer().deadline(Duration::from_millis(1));
    run(
        Script::new().answers([refused, again]),
        request,
        &secret_client(),
    )
    .error()
    .retry_in()
}

proptest! {
    #![proptest_config(cases(256))]

    /// Total and clamped; and all but the first field are ignored.
    #[test]
    fn i38_retry_after_is_read_whatever_it_is(
        first in prop_oneof![
            vec(any::<u8>(), 0..40),
            "[0-9 +.-]{0,25}".prop_map(String::into_bytes),
            "[A-Z][a-z]{2,8}, [0-9]{2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT".prop_map(String::into_bytes),
        ],
        second in 0..9_u32,
    ) {
        let Ok(value) = HeaderValue::from_bytes(&first) else { return Ok(()) };
        let alone = wait(std::slice::from_ref(&value));
        prop_assert!(alone.is_none_or(|wait| wait <= seconds(3_600)));
        prop_assert_eq!(wait(&[value, HeaderValue::from(second)]), alone);
    }

    #[test]
    fn i38_retry_after_in_seconds_is_monotone_within_the_clamp(one in any::<u128>(), other in 0..10_000_u128, digits in 0..5_usize) {
        let value = |seconds: u128| {
            let text = format!("{}{seconds}", "0".repeat(digits));
            wait(&[text.parse().expect("digits")]).expect("a wait")
        };
        prop_assert_eq!(value(one) <= value(other), one.min(3_600) <= other.min(3_600));
        prop_assert_eq!(value(other), seconds(u64::try_from(other.min(3_600))?));
    }

    /// No wait goes beyond the deadline, and no flow does in which answers come at once.
    #[test]
    fn i27_a_flow_ends_within_its_deadline(deadline in 0..100_000_u64, retry_after in proptest::option::of(0..4_000_u64), status in select(vec![408_u16, 429, 500, 503])) {
        let refused = || -> Answer {
            match retry_after {
                None => answer(status, ""),
                Some(seconds) => with_header(answer(status, ""), "retry-after", &seconds.to_string()),
            }
        };
        let deadline = Duration::from_millis(deadline);
        let mut script = Script::new().answers([refused(), refused()]);
        let run = script.run(&bearer().deadline(deadline).plan(&secret_client()).expect("a plan"));
        prop_assert!(script.now.monotonic() <= START.monotonic() + deadline);
        prop_assert!(run.sent.len() <= 2);
    }
}

// ── Rule 13: answers ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// SEC-06, T10: the table of lifetimes.
#[test]
fn sec06_t10_lifetimes_are_taken_by_one_table() {
    let rows: &[(&str, Option<u64>)] = &[
        ("0", Some(0)),
        ("1", Some(1)),
        ("3600", Some(3_600)),
        ("\"3600\"", Some(3_600)),
        ("172800", Some(172_800)),
        ("172801", Some(172_800)),
        ("9999999999", Some(172_800)),
        ("10000000000", None),
        ("18446744073709551615", None),
        ("18446744073709551616", None),
        ("3600.0", None),
        ("36e2", None),
        ("1e400", None),
        ("-1", None),
        ("+1", None),
        ("NaN", None),
        ("null", None),
        ("true", None),
        ("\"\"", None),
        ("\" 1\"", None),
        ("\"1s\"", None),
        ("[1]", None),
        ("{}", None),
    ];
    for (text, life) in rows {
        let (run, memory) = answered(format!(
            "{{\"token_type\":\"Bearer\",\"access_token\":\"CANARY\",\"expires_in\":{text}}}"
        ));
        match life {
            Some(life) => {
                assert_eq!(run.token().expires_in(), seconds(*life), "{text}");
                // 0 is handed out and not remembered.
                assert_eq!(memory.len(), usize::from(*life > 0), "{text}");
            }
            None => {
                assert_eq!(code(&run), Some("invalid_token_response"), "{text}");
                assert!(memory.is_empty());
            }
        }
    }
}

/// SEC-05, SEC-04: what is not one plain JSON object is no answer.
#[test]
fn sec05_t07_what_is_not_one_plain_object_is_no_answer() {
    let good = r#""token_type":"Bearer","access_token":"CANARY","expires_in":3600"#;
    let nested = |depth: usize| {
        format!(
            "{{{good},\"x\":{}1{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let with = |rest: &str| format!("{{{good}{rest}}}").into_bytes();
    let many = |members: usize| {
        let members: String = (0..members)
            .map(|number| format!(",\"m{number}\":0"))
            .collect();
        with(&members)
    };
    let accepted = [
        with(""),
        with(",\"x\":{\"y\":[1,{\"z\":null}]},\"\\u00e9\":\"\\ud83d\\ude00\""),
        nested(7).into_bytes(),
        many(253),
        format!(" \t\r\n{{{good}}}\r\n").into_bytes(),
        format!(
            "{{\"token_type\":\"Bearer\",\"access_token\":\"{}\",\"expires_in\":1}}",
            "a".repeat(128 * 1_024)
        )
        .into_bytes(),
    ];
    for body in accepted {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert!(answered(body).0.done.result().is_ok(), "{shown}");
    }
    let refused = [
        vec![],
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"<html>CANARY</html>".to_vec(),
        format!("[{{{good}}}]").into_bytes(),
        format!("{{{good}}}{{{good}}}").into_bytes(),
        format!("{{{good}}} x").into_bytes(),
        format!("{{{good}}}\0").into_bytes(),
        format!("\u{feff}{{{good}}}").into_bytes(),
        format!("{{{good},}}").into_bytes(),
        format!("{{{good}").into_bytes(),
        with(",\"access_token\":\"CANARY\""),
        with(",\"acc\\u0065ss_token\":\"CANARY\""),
        with(",\"x\":1,\"x\":1"),
        with(",\"x\":{\"y\":{\"z\":1,\"z\":2}}"),
        with(",\"x\":[{\"a\":0,\"a\":0}]"),
        with(",\"x\":\"\\ud800\""),
        with(",\"x\":\"\n\""),
        with(",\"x\":01"),
        with(",x:1"),
        with(",'x':1"),
        with(",\"x\":tru"),
        with(",\"x\":\"\\q\""),
        [with(",\"x\":\"")[..].to_vec(), vec![0xff], b"\"}".to_vec()].concat(),
        nested(8).into_bytes(),
        nested(100_000).into_bytes(),
        many(254),
        with(&format!(",\"{}\":1", "k".repeat(257))),
        format!(
            "{{\"token_type\":\"Bearer\",\"access_token\":\"{}\",\"expires_in\":1}}",
            "a".repeat(128 * 1_024 + 1)
        )
        .into_bytes(),
        "{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nb\",\"expires_in\":1}".into(),
        "{\"token_type\":\"Bearer\",\"access_token\":\"a\\u0000\",\"expires_in\":1}".into(),
        "{\"token_type\":\"Bearer\",\"access_token\":\"caf\u{e9}\",\"expires_in\":1}".into(),
    ];
    for body in refused {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let (run, memory) = answered(body);
        assert!(
            matches!(
                code(&run),
                Some("invalid_token_response" | "token_type_missing")
            ),
            "{shown}"
        );
        assert!(memory.is_empty());
        assert_eq!(run.sent.len(), 1, "{shown}");
        assert_silent(&run.error().to_string());
    }
    // Larger than any token response, though the object is whole.
    let large = with(&format!(
        ",\"x\":\"{}\"",
        "x".repeat(SendRequest::MAX_RESPONSE)
    ));
    assert_eq!(code(&answered(large).0), Some("response_too_large"));
}

/// SEC-09, T12: compared without case, missing and different are told apart, and the name is shown short and escaped.
#[test]
fn sec09_i13_no_other_kind_of_token_is_taken_for_the_one_asked_for() {
    let client = client(Credential::certificate(numbered(RSA, 1)));
    let long = format!("\"{}\"", "x".repeat(10_000));
    let missing = "token_type_missing";
    let mismatch = "token_type_mismatch";
    let rows: &[(&str, Option<&str>, Option<&str>)] = &[
        ("\"Bearer\"", None, Some(mismatch)),
        ("\"bearer\"", None, Some(mismatch)),
        ("\"BEARER\"", None, Some(mismatch)),
        ("\"mtls_pop\"", Some(mismatch), None),
        ("\"MTLS_POP\"", Some(mismatch), None),
        ("\"Mtls_PoP\"", Some(mismatch), None),
        ("\"pop\"", Some(mismatch), Some(mismatch)),
        ("\"Bearer \"", Some(mismatch), Some(mismatch)),
        ("\"\"", Some(mismatch), Some(mismatch)),
        ("\"\\u001b[31m\\r\\n\"", Some(mismatch), Some(mismatch)),
        (long.as_str(), Some(mismatch), Some(mismatch)),
        ("null", Some(missing), Some(missing)),
        (
            "1",
            Some("invalid_token_response"),
            Some("invalid_token_response"),
        ),
    ];
    for (kind, for_bearer, for_pop) in rows {
        for (request, expected) in [
            (bearer(), for_bearer),
            (bearer().proof_of_possession(), for_pop),
        ] {
            let body = format!(
                "{{\"token_type\":{kind},\"access_token\":\"CANARY\",\"expires_in\":3600}}"
            );
            let mut script = Script::new().answers([answer(200, body)]);
            let run = script.run(&request.plan(&client).expect("a plan"));
            assert_eq!(code(&run), *expected, "{kind}");
            // REQ-05, CACHE-05: neither kept nor tried again.
            assert_eq!(run.sent.len(), 1);
            assert_eq!(script.memory.len(), usize::from(expected.is_none()));
            if let Err(error) = run.done.result() {
                let text = error.to_string();
                assert!(
                    text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && text.len() < 400,
                    "{text}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(512))]

    /// F: what we accept, another JSON library accepts, with the same values; what lacks a field is not accepted.
    #[test]
    fn i14_a_token_comes_only_from_an_answer_that_is_whole(
        mut body in object(),
        kind in prop_oneof![4 => Just(Some(json!("Bearer"))), 1 => Just(None), 1 => document().prop_map(Some)],
        token in prop_oneof![4 => "[!-~]{1,40}".prop_map(|token| Some(Value::from(token))), 1 => Just(None), 1 => document().prop_map(Some)],
        life in prop_oneof![4 => (0..10_000_000_000_u64).prop_map(|life| Some(json!(life))), 1 => Just(None), 1 => document().prop_map(Some)],
        cut in prop_oneof![8 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)],
    ) {
        for (name, value) in [("token_type", kind), ("access_token", token), ("expires_in", life)] {
            body.remove(name);
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
        let mut text = Value::Object(body.clone()).to_string().into_bytes();
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len()));
        }
        let seconds_of = |value: &Value| match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        let whole = cut.is_none()
            && body.get("token_type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"))
            && body.get("access_token").and_then(Value::as_str).is_some_and(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
            && body.get("expires_in").and_then(seconds_of).is_some_and(|life| life <= 9_999_999_999);
        let (run, memory) = answered(text.clone());
        match run.done.result() {
            Ok(token) => {
                prop_assert!(whole);
                let value: Value = serde_json::from_slice(&text)?;
                prop_assert_eq!(value["access_token"].as_str(), Some(token.secret().expose()));
                prop_assert_eq!(token.expires_in(), seconds(seconds_of(&value["expires_in"]).expect("whole").min(172_800)));
            }
            Err(_) => prop_assert!(memory.is_empty()),
        }
        // What has nothing else in it that could be wrong is taken.
        if whole && body.len() == 3 {
            prop_assert!(run.done.result().is_ok());
        }
    }

    /// I34, I36, T09: nothing that a service wrote is in an error's text, but for its checked code, suberror, numbers and id.
    #[test]
    fn sec01_i36_errors_are_short_printable_and_silent(
        status in select(vec![200_u16, 302, 400, 401, 408, 429, 500]),
        error in prop_oneof![text(), "[a-z_]{1,20}"],
        mut body in object(),
        description in text(),
        codes in vec(prop_oneof![any::<u64>().prop_map(Value::from), document()], 0..40),
    ) {
        body.insert("error".to_owned(), error.clone().into());
        body.insert("error_description".to_owned(), format!("{description}CANARY").into());
        body.insert("trace_id".to_owned(), "CANARY".into());
        body.insert("error_codes".to_owned(), codes.into());
        body.insert("claims".to_owned(), "{\"CANARY\":{}}".into());
        let refused = || with_header(answer(status, Value::Object(body.clone()).to_string()), "www-authenticate", "CANARY");
        let run = run(Script::new().answers([refused(), refused()]), bearer(), &secret_client());
        let failed = run.error();
        let text = failed.to_string();
        prop_assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "{}", text);
        prop_assert!(text.len() <= 2_048);
        prop_assert!(is_silent(&text));
        assert_silent(failed);
        // The words are at hand, where the service refused.
        if status == 400 {
            prop_assert!(failed.description().is_some());
            prop_assert_eq!(failed.claims(), Some("{\"CANARY\":{}}"));
        }
        if failed.code() == error {
            prop_assert!(error.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) && error.len() <= 64);
        }
    }
}

// ── Rule 16: the order of errors ─────────────────────────────────────────────────────────────────────────────────────────

/// One thing each that is wrong, from the first that is judged to the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wrong {
    ClientId,
    Scopes,
    Tenant,
    Claims,
    Parameter,
    Assertion,
    Certificate,
    Door,
    Region,
    Host,
    Network,
}

/// RUN-14: of any two faults the earlier one is reported, and what comes later has not been touched.
#[test]
fn run14_r16_the_earlier_of_two_faults_is_reported() {
    use Wrong::*;
    let order = [
        (ClientId, "invalid_client_id"),
        (Scopes, "invalid_scope"),
        (Tenant, "invalid_tenant"),
        (Claims, "invalid_json_claims_format"),
        (Parameter, "invalid_request_parameter"),
        (Assertion, "invalid_client_assertion"),
        (Certificate, "mtls_certificate_not_provided"),
        (Door, "missing_tenanted_authority"),
        (Region, "mtls_pop_without_region"),
        (Host, "mtls_pop_not_supported_for_environment"),
        (Network, "tls_failed"),
    ];
    for (place, (first, expected)) in order.iter().enumerate() {
        for (second, _) in &order[place..] {
            let wrong = |what: Wrong| what == *first || what == *second;
            let seen = with_faults(&wrong);
            assert_eq!(seen.0, *expected, "{first:?} and {second:?}");
            assert_eq!(
                seen.1,
                usize::from(place >= 5),
                "the provider is asked only where it has to be"
            );
            assert_eq!(
                seen.2,
                usize::from(*first == Network),
                "{first:?} and {second:?}"
            );
        }
    }
}

/// The code, how often the provider was asked, how many requests were sent.
fn with_faults(wrong: &dyn Fn(Wrong) -> bool) -> (String, usize, usize) {
    let host = if wrong(Wrong::Host) {
        "login.usgovcloudapi.net"
    } else {
        "login.microsoftonline.us"
    };
    let door = if wrong(Wrong::Door) {
        "organizations"
    } else {
        "contoso.com"
    };
    let id = if wrong(Wrong::ClientId) { "" } else { "app" };
    let region = if wrong(Wrong::Region) {
        RegionSource::Unset
    } else {
        RegionSource::Named("r".to_owned())
    };
    let client = Client::builder(
        id,
        format!("https://{host}/{door}"),
        Credential::signed_assertion_provider(),
    )
    .region(region)
    .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return (error.code().to_owned(), 0, 0),
    };
    let mut request = TokenRequest::for_app([if wrong(Wrong::Scopes) { "\n" } else { "s" }])
        .proof_of_possession();
    if wrong(Wrong::Tenant) {
        request = request.tenant("..");
    }
    if wrong(Wrong::Claims) {
        request = request.claims("[]");
    }
    if wrong(Wrong::Parameter) {
        request = request.correlation_id("1");
    }
    let plan = match request.plan(&client) {
        Ok(plan) => plan,
        Err(error) => return (error.code().to_owned(), 0, 0),
    };
    let text = Secret::new(if wrong(Wrong::Assertion) {
        " "
    } else {
        "CANARY.jwt"
    });
    let pair = if wrong(Wrong::Certificate) {
        ClientAssertion::new(text)
    } else {
        ClientAssertion::bound(text, numbered(P256, 1))
    };
    let run = Script::new()
        .pairs([pair])
        .answers([Err(failure(FailureKind::Tls))])
        .run(&plan);
    (
        run.error().code().to_owned(),
        run.asked.len(),
        run.sent.len(),
    )
}
