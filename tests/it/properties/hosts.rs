//! Rules 5, 6 and 7: regions and hosts.

use entra_proto::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{bearer, cases, code, object, run, text};
use crate::hosts;
use crate::script::{Script, alone, answer, pair};

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
