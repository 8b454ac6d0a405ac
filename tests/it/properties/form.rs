//! Rules 1 and 11: what the form of a token request says.

use std::collections::{BTreeMap, BTreeSet};

use entra_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CONTOSO, bearer, cases, code, merge, object, printable, text};
use crate::canary::is_silent;
use crate::script::Script;

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

    /// SEC-08: an assertion need not be a JWT, and whatever it is, it is one value of the form, as it was given.
    #[test]
    fn sec08_an_assertion_is_sent_as_it_is(assertion in "[!-~]{1,70}|[A-Za-z0-9._-]{1,70}", fixed in any::<bool>()) {
        let given = || Secret::new(assertion.as_str());
        let credential = match fixed {
            true => Credential::static_assertion(given()),
            false => Credential::assertion_provider(),
        };
        let client = Client::builder("app", CONTOSO, credential).build().expect("a client");
        let plan = bearer().plan(&client).expect("a plan");
        let run = Script::new().pairs([ClientAssertion::new(given())]).run(&plan);
        let form = &run.request().form;
        let sent = form.iter().filter(|(name, _)| name == "client_assertion").map(|(_, value)| value);
        prop_assert_eq!(sent.collect::<Vec<_>>(), [&assertion]);
        prop_assert_eq!(form.len(), 5);
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
