//! What keys say of themselves to people: every part that tells them apart (rule 10), and nothing that is secret (rule 15).

use entra_proto::testing::{Answerer, Script};
use entra_proto::*;

use crate::certificates::{P256, numbered, thumbprint};
use crate::clients::{bearer, builder, client, in_region, secret};
use crate::script::seed;

const ID: &str = "11111111-1111-1111-1111-111111111111";

type Parts = Vec<(&'static str, String)>;

/// The keys that a flow loads and saves, in their order, each once.
fn keys(client: &Client, request: TokenRequest) -> Vec<(Remembered, Parts)> {
    let plan = request.plan(client).unwrap();
    let mut world = Answerer::new(Script::default());
    let mut step = plan.start(seed(1), world.now());
    let mut keys = Vec::new();
    loop {
        let key = match &step {
            Step::LoadCache(load) => Some(load.key()),
            Step::SaveCache(save) => Some(save.key()),
            Step::Done(_) => return keys,
            Step::TakeTurn(_)
            | Step::DiscoverRegion(_)
            | Step::DiscoverInstance(_)
            | Step::ObtainAssertion(_)
            | Step::ObtainCertificate(_)
            | Step::SignAssertion(_)
            | Step::SendRequest(_)
            | Step::Pause(_) => None,
        };
        if let Some(key) = key.map(|key| (key.remembers(), key.parts()))
            && !keys.contains(&key)
        {
            keys.push(key);
        }
        step = world.answer(step);
    }
}

fn of(pairs: &[(&'static str, &str)]) -> Parts {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

const APP: [(&str, &str); 6] = [
    ("authority_kind", "Entra"),
    ("authority", "login.windows.net"),
    ("tenant", "contoso.com"),
    ("client", ID),
    ("kind", "Bearer"),
    ("grant", "application"),
];

#[test]
fn d10_the_plainest_key_has_six_parts_and_the_throttles_three() {
    let client = client(secret());
    let throttle = of(&[
        ("client", ID),
        ("tenant", "contoso.com"),
        ("host", "westus3.login.microsoft.com"),
    ]);
    assert_eq!(
        keys(&client, bearer()),
        [
            (Remembered::Tokens, of(&APP)),
            (Remembered::Throttle, throttle)
        ]
    );
}

#[test]
fn d10_each_further_part_has_its_name_and_secrets_have_no_value() {
    let chain = numbered(P256, 3);
    let client = in_region(builder(Credential::certificate(chain)), "eastus");
    let request = bearer()
        .proof_of_possession()
        .fmi_path("pool/agent")
        .partition("CANARY-session")
        .client_claims(r#"{"a":"CANARY"}"#)
        .body_parameter("dc", "CANARY")
        .body_parameter("b", "CANARY")
        .query_parameter("slice", "CANARY");
    let keys = keys(&client, request);
    let certificate = thumbprint(P256, 3).to_string();
    assert_eq!(
        keys[0],
        (
            Remembered::Tokens,
            of(&[
                ("authority_kind", "Entra"),
                ("authority", "login.windows.net"),
                ("tenant", "contoso.com"),
                ("client", ID),
                ("kind", "mtls_pop"),
                ("certificate", &certificate),
                ("grant", "application"),
                ("fmi_path", "pool/agent"),
                ("partition", "set"),
                ("client_claims", "set"),
                ("body", "b dc"),
                ("query", "slice"),
            ])
        )
    );
    assert!(!format!("{keys:?}").contains("CANARY"));
}

#[test]
fn d10_the_paths_and_claims_of_assertions_are_parts_too() {
    let client = client(Credential::certificate(numbered(P256, 3)));
    let request = bearer()
        .assertion_fmi_path("agent")
        .assertion_claims(r#"{"a":1}"#);
    let (_, parts) = &keys(&client, request)[0];
    let further = [("assertion_fmi_path", "agent"), ("assertion_claims", "set")];
    assert_eq!(*parts, of(&[&APP[..], &further].concat()));
}

#[test]
fn d10_a_users_assertion_is_named_and_not_shown() {
    let client = client(secret());
    let request = TokenRequest::on_behalf_of(Secret::new("CANARY.a.b"), ["scope"]);
    let keys = keys(&client, request);
    let (_, parts) = &keys[0];
    assert!(parts.contains(&("grant", "user's assertion".to_owned())));
    assert!(!format!("{keys:?}").contains("CANARY"));
}

#[test]
fn d10_an_account_has_access_tokens_under_one_key_and_its_refresh_token_under_another() {
    let client = client(secret());
    let request = TokenRequest::refreshing(Secret::new("refresh"), ["scope"]);
    let account = keys(&client, request.clone());
    let mut names = account.iter().map(|(remembered, _)| *remembered);
    assert!(names.any(|name| name == Remembered::RefreshToken));
    let part = |parts: &Parts, wanted: &str| {
        let found = parts.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value.clone())
    };
    for (remembered, parts) in &account {
        match remembered {
            Remembered::RefreshToken => {
                let id = part(parts, "account").unwrap();
                assert_eq!(
                    *parts,
                    of(&[
                        ("authority_kind", "Entra"),
                        ("authority", "login.windows.net"),
                        ("client", ID),
                        ("account", &id),
                    ])
                );
            }
            Remembered::Tokens => {
                assert_eq!(part(parts, "grant").as_deref(), Some("account"));
                assert!(part(parts, "account").is_some_and(|id| id.contains('.')));
            }
            other => assert_eq!(*other, Remembered::Throttle),
        }
    }
    let apart = keys(&client, request.partition("CANARY"));
    let refresh = apart
        .iter()
        .find(|(remembered, _)| *remembered == Remembered::RefreshToken);
    let (_, parts) = refresh.unwrap();
    assert_eq!(part(parts, "partition").as_deref(), Some("set"));
    assert!(!format!("{apart:?}").contains("CANARY"));
}

#[test]
fn d10_the_region_is_the_clients_and_a_host_is_everybodys() {
    let discovering = builder(secret()).region(RegionSource::Discover);
    let region = keys(&discovering.build().unwrap(), bearer());
    let client_alone = of(&[("client", ID)]);
    assert!(region.contains(&(Remembered::Region, client_alone)));

    let unknown = "https://login.contoso.example/contoso.com";
    let client = Client::builder(ID, unknown, secret()).build().unwrap();
    let host = of(&[
        ("authority_kind", "Entra"),
        ("authority", "login.contoso.example"),
    ]);
    assert!(keys(&client, bearer()).contains(&(Remembered::Instance, host)));
}
