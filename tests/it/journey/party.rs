//! Random clients, and what the checks know of them.

use entra_proto::*;

use super::{Dice, secret};
use crate::canary::CANARY;
use crate::certificates::{P384, RSA, numbered};

/// A client, and what the test knows of it.
pub(super) struct Party {
    pub(super) client: Client,
    pub(super) listed: Vec<&'static str>,
    pub(super) proof: Proof,
    pub(super) isolated: bool,
    pub(super) capable: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proof {
    Secret,
    Certificate { over_mtls: bool },
    CertificateProvider { over_mtls: bool },
    OwnClaims,
    StaticAssertion,
    AssertionProvider,
    PairProvider,
}

const AUTHORITIES: &[&str] = &[
    "https://login.microsoftonline.com/contoso.com",
    "https://login.microsoftonline.com/contoso.com",
    "https://login.microsoftonline.com/Contoso.com",
    "https://login.windows.net/contoso.com",
    "https://login.microsoft.com/contoso.com",
    "https://login.microsoftonline.com/common",
    "https://login.microsoftonline.us/fabrikam.com",
    "https://login.chinacloudapi.cn/contoso.com",
    "https://login.sovcloud-identity.fr/contoso.com",
    "https://sts.windows.net/contoso.com",
    "https://login.example.com/contoso.com",
    "https://unknown.example/contoso.com",
    "https://unknown.example/dstsv2/contoso.com",
    "https://unknown.example/adfs",
    "https://contoso.b2clogin.com/tfp/contoso.com/policy",
    "https://contoso.ciamlogin.com",
];
const OIDC: &[&str] = &["https://unknown.example", "https://unknown.example/adfs"];
pub(super) fn party(dice: &mut impl Dice) -> Result<Party, Error> {
    let over_mtls = dice.one_in(2);
    let chain = || numbered(RSA, 1);
    let proof = match dice.roll(10) {
        0 => Proof::Secret,
        1 => Proof::Certificate { over_mtls },
        2 => Proof::CertificateProvider { over_mtls },
        3 => Proof::OwnClaims,
        4 => Proof::StaticAssertion,
        5 => Proof::AssertionProvider,
        _ => Proof::PairProvider,
    };
    let credential = match proof {
        Proof::Secret => Credential::secret(secret("client & secret")),
        Proof::Certificate { .. } if dice.one_in(8) => Credential::certificate(numbered(P384, 1)),
        Proof::Certificate { .. } => Credential::certificate(chain()),
        Proof::CertificateProvider { .. } => Credential::certificate_provider(),
        Proof::OwnClaims => {
            Credential::certificate_with_claims(chain(), format!("{{\"own\":\"{CANARY}\"}}"))
        }
        Proof::StaticAssertion => Credential::static_assertion(secret("static")),
        Proof::AssertionProvider => Credential::assertion_provider(),
        Proof::PairProvider => Credential::signed_assertion_provider(),
    };
    let credential = match proof {
        Proof::Certificate { over_mtls: true } | Proof::CertificateProvider { over_mtls: true } => {
            credential.send_over_mtls()
        }
        // A build error (rule 9).
        Proof::Secret | Proof::PairProvider if dice.one_in(40) => credential.send_over_mtls(),
        _ => credential.send_x5c(),
    };
    let authority = if dice.one_in(10) {
        Authority::oidc(dice.pick(OIDC))?
    } else {
        Authority::parse(dice.pick(AUTHORITIES))?
    };
    let listed = match dice.roll(4) {
        0 => vec!["login.example.com", "tokens.example", "unknown.example"],
        1 => vec!["tokens.example"],
        _ => vec![],
    };
    let region = match dice.roll(6) {
        0 => RegionSource::Unset,
        1 | 2 => RegionSource::Discover,
        3 => RegionSource::Named("TryAutoDetect".to_owned()),
        4 if dice.one_in(8) => RegionSource::Named("fake.com/x".to_owned()),
        _ => RegionSource::Named("WestUS3".to_owned()),
    };
    let (name, force, disable) = (dice.one_in(4), dice.one_in(8), dice.one_in(16));
    let environment = Environment::read(|variable| match variable {
        "REGION_NAME" => name.then(|| "East US 2".to_owned()),
        "MSAL_FORCE_REGION" => force.then(|| "forced1".to_owned()),
        "MSAL_DISABLE_REGION" => disable.then(|| "1".to_owned()),
        _ => None,
    });
    let isolated = dice.one_in(4);
    let policy = if dice.one_in(2) {
        RegionPolicy::Optional
    } else {
        RegionPolicy::Required
    };
    let isolation = if isolated {
        BearerIsolation::PerCertificate
    } else {
        BearerIsolation::Shared
    };
    let capable = dice.one_in(3);
    let client = Client::builder(dice.pick(&["app one", "app-2"]), authority, credential)
        .region(region)
        .environment(environment)
        .region_policy(policy)
        .bearer_isolation(isolation)
        .known_authorities(listed.iter().copied())
        .instance_discovery(!dice.one_in(8))
        .capabilities(capable.then_some("cp1"))
        .build()?;
    Ok(Party {
        client,
        listed,
        proof,
        isolated,
        capable,
    })
}
