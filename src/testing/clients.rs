//! Clients of every kind that can be built.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::material::{assertions, certificate_chains, secrets};
use crate::authority::Authority;
use crate::client::{BearerIsolation, Client};
use crate::credential::Credential;
use crate::region::{Environment, RegionPolicy, RegionSource};

/// Entra's hosts in every cloud, old aliases, hosts that nobody knows, and every other kind of token service.
const AUTHORITIES: &[&str] = &[
    "https://login.microsoftonline.com/contoso.com",
    "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222",
    "https://login.microsoftonline.com/common",
    "https://login.microsoftonline.com/organizations",
    "https://login.microsoftonline.com/consumers",
    "https://login.windows.net/contoso.com",
    "https://login.microsoft.com/Contoso.com",
    "https://sts.windows.net/contoso.com",
    "https://login.microsoftonline.us/contoso.com",
    "https://login.usgovcloudapi.net/contoso.com",
    "https://login.partner.microsoftonline.cn/contoso.com",
    "https://login.chinacloudapi.cn/contoso.com",
    "https://login.microsoftonline.de/contoso.com",
    "https://login.sovcloud-identity.fr/contoso.com",
    "https://login.sovcloud-identity.de/contoso.com",
    "https://login.sovcloud-identity.sg/contoso.com",
    "https://login.example.com/contoso.com",
    "https://unknown.example/contoso.com",
    "https://unknown.example/dstsv2/contoso.com",
    "https://unknown.example:8443/adfs",
    "https://contoso.b2clogin.com/tfp/contoso.com/policy",
    "https://contoso.ciamlogin.com",
];
const OIDC: &[&str] = &["https://issuer.example", "https://issuer.example/tenant"];

/// Every kind of authority, those of Entra in every cloud.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn authorities() -> impl Strategy<Value = Authority> {
    let entra =
        select(AUTHORITIES).prop_filter_map("an authority", |url| Authority::parse(url).ok());
    let oidc = select(OIDC).prop_filter_map("an OpenID provider", |url| Authority::oidc(url).ok());
    prop_oneof![8 => entra, 1 => oidc]
}

/// Where a region may come from. Names are valid.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn region_sources() -> impl Strategy<Value = RegionSource> {
    let named = prop_oneof![
        4 => select(vec!["eastus", "WestUS3"]).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9]{1,32}",
        1 => select(vec!["TryAutoDetect", "DisableMsalForceRegion"]).prop_map(str::to_owned),
    ];
    prop_oneof![
        2 => Just(RegionSource::Unset),
        4 => named.prop_map(RegionSource::Named),
        3 => Just(RegionSource::Discover),
    ]
}

/// What the variables of a machine may say: nothing mostly. A forced region's name is valid, that of `REGION_NAME` need not be.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn environments() -> impl Strategy<Value = Environment> {
    let region_name = of(prop_oneof![
        Just("East US 2".to_owned()),
        "[a-z0-9]{1,12}",
        "[ -~]{0,12}"
    ]);
    let set = (region_name, of("[a-z0-9]{1,12}"), prop::bool::weighted(0.1));
    let set = set.prop_map(|(name, forced, disabled)| {
        Environment::read(|variable| match variable {
            "REGION_NAME" => name.clone(),
            "MSAL_FORCE_REGION" => forced.clone(),
            "MSAL_DISABLE_REGION" => disabled.then(|| "1".to_owned()),
            _ => None,
        })
    });
    prop_oneof![3 => Just(Environment::default()), 1 => set]
}

/// Every kind of credential, with every option that it takes.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn credentials() -> impl Strategy<Value = Credential> {
    let of_certificate = prop_oneof![
        certificate_chains().prop_map(Credential::certificate),
        Just(Credential::certificate_provider()),
    ];
    let of_certificate = (of_certificate, any::<bool>(), any::<bool>()).prop_map(
        |(credential, send_x5c, send_over_mtls)| {
            let credential = if send_x5c {
                credential.send_x5c()
            } else {
                credential
            };
            if send_over_mtls {
                credential.send_over_mtls()
            } else {
                credential
            }
        },
    );
    prop_oneof![
        1 => secrets().prop_map(Credential::secret),
        4 => of_certificate,
        1 => (certificate_chains(), "[a-z]{1,8}").prop_map(|(chain, name)| {
            Credential::certificate_with_claims(chain, format!("{{\"{name}\":\"{}\"}}", super::CANARY))
        }),
        1 => assertions().prop_map(Credential::static_assertion),
        1 => Just(Credential::assertion_provider()),
        4 => Just(Credential::signed_assertion_provider()),
    ]
}

/// Every kind of client that can be built. What it needs of its driver is [`Client::needs`].
///
/// ```
/// use entra_proto::testing::{clients, token_requests};
/// use proptest::prelude::*;
///
/// proptest!(
///     ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) },
///     |(client in clients(), request in token_requests())| {
///         // What can't work is said before anything is asked of anybody, and has a code.
///         if let Err(error) = request.plan(&client) {
///             prop_assert!(!error.code().is_empty());
///         }
///     }
/// );
/// ```
pub fn clients() -> impl Strategy<Value = Client> {
    clients_with(credentials())
}

/// Every kind of client with these credentials, such as the one kind that a driver serves.
///
/// ```
/// use entra_proto::testing::clients_with;
/// use entra_proto::{Credential, Needs};
/// use proptest::prelude::*;
///
/// proptest!(
///     ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) },
///     |(client in clients_with(Just(Credential::certificate_provider())))| {
///         prop_assert_eq!(client.needs(), Needs::CertificateProvider);
///     }
/// );
/// ```
pub fn clients_with(
    credentials: impl Strategy<Value = Credential>,
) -> impl Strategy<Value = Client> {
    let id = prop_oneof![
        4 => Just("11111111-1111-1111-1111-111111111111".to_owned()),
        1 => "[!-~]{1,12}",
    ];
    let policies = (
        select(vec![RegionPolicy::Required, RegionPolicy::Optional]),
        select(vec![
            BearerIsolation::Shared,
            BearerIsolation::PerCertificate,
        ]),
    );
    let listed = vec(
        select(vec![
            "login.example.com",
            "unknown.example",
            "tokens.example",
        ]),
        0..3,
    );
    let further = (
        vec(select(vec!["cp1", "cp2"]), 0..3),
        listed,
        prop::bool::weighted(0.8),
    );
    let place = (authorities(), region_sources(), environments());
    (id, place, credentials, policies, further).prop_filter_map(
        "a client",
        |(id, (authority, region, environment), credential, policies, further)| {
            let (capabilities, listed, instance_discovery) = further;
            Client::builder(id, authority, credential)
                .region(region)
                .environment(environment)
                .region_policy(policies.0)
                .bearer_isolation(policies.1)
                .capabilities(capabilities)
                .known_authorities(listed)
                .instance_discovery(instance_discovery)
                .build()
                .ok()
        },
    )
}
