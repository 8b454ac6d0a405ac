//! The outside world of one cell: what is configured, what providers return and what services answer.

use std::time::Duration;

use entra_proto::{
    Authority as Issuer, BearerIsolation, Body, CertificateChain, Client, ClientAssertion,
    Credential as Proof, Error, Failure, FailureKind, Now, RegionPolicy, RegionSource, Secret,
    Thumbprint, TokenRequest,
};
use http::{Response as Answer, response::Builder};

use crate::axes::*;
use crate::cell::Cell;
use crate::certificates::{RSA, ending, numbered};
use crate::outcome::{Kind, Leaf};

/// When every flow begins: 2027-01-01 02:46:40.
pub(crate) const BEGIN: Now = Now::new(
    Duration::from_secs(1_798_771_600),
    Duration::from_secs(10_000),
);
/// Five seconds after that.
const SOON: &str = "Fri, 01 Jan 2027 02:46:45 GMT";
const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Clock {
    /// The wall clock that jumped; the monotonic one can't.
    pub(crate) fn read(self, now: Now) -> Now {
        let wall = match self {
            Self::Steady => now.wall(),
            Self::Forward => now.wall() + DAY,
            Self::Back => now.wall() - DAY,
        };
        Now::new(wall, now.monotonic())
    }
}

impl Authority {
    pub(crate) fn url(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com/contoso.com",
            Self::China => "https://login.partner.microsoftonline.cn/contoso.com",
            Self::Legacy => "https://login.usgovcloudapi.net/contoso.com",
            Self::Unknown | Self::Listed => "https://login.example.com/contoso.com",
            Self::Common => "https://login.microsoftonline.com/common",
            Self::Dsts => "https://dsts.example.com/dstsv2/contoso.com",
            Self::Adfs => "https://adfs.example.com/adfs",
            Self::B2c => "https://b2c.example.com/tfp/contoso.com/sign-in",
            Self::Ciam => "https://contoso.ciamlogin.com/contoso.com",
            Self::Oidc => "https://oidc.example.com/issuer",
        }
    }
}

/// The certificates of the table.
pub(crate) struct Leaves([(CertificateChain, Thumbprint); 3]);

impl Leaves {
    pub(crate) fn new() -> Self {
        // A ends a day after the year began, which is less than a day after the flow begins.
        let chains = [
            ending(RSA, b"270102000000Z"),
            numbered(RSA, 2),
            numbered(RSA, 3),
        ];
        Self(chains.map(|chain| {
            let parsed = entra_proto::Certificate::parse(chain.clone());
            let thumbprint = parsed.expect("the fixture is a certificate").thumbprint();
            (chain, thumbprint)
        }))
    }

    pub(crate) fn chain(&self, leaf: Leaf) -> CertificateChain {
        self.0[leaf as usize].0.clone()
    }

    pub(crate) fn which(&self, certificate: &entra_proto::Certificate) -> Leaf {
        let leaves = [Leaf::A, Leaf::B, Leaf::C];
        let found = leaves
            .into_iter()
            .find(|leaf| self.0[*leaf as usize].1 == certificate.thumbprint());
        found.expect("a certificate of the table")
    }

    /// The certificate of the credential, as the cell has it, or what its provider returns at first.
    fn own(&self, certificate: Certificate) -> Option<CertificateChain> {
        match certificate {
            Certificate::Usable => Some(self.chain(Leaf::A)),
            Certificate::Absent => None,
            Certificate::Keyless => Some(self.chain(Leaf::A).without_private_key()),
        }
    }

    /// What a provider returns when it is asked for the nth time.
    pub(crate) fn provided(&self, cell: &Cell, call: u8) -> Option<CertificateChain> {
        let first = self.own(cell.certificate());
        if call == 1 {
            return first;
        }
        match (cell.rotation(), first) {
            (Rotation::Renewed, first) => first.map(|_| self.chain(Leaf::C)),
            (Rotation::Reversed, Some(_)) => None,
            (Rotation::Reversed, None) => Some(self.chain(Leaf::C)),
        }
    }

    /// The pair of the nth call: the number is in the assertion.
    pub(crate) fn pair(&self, cell: &Cell, call: u8) -> ClientAssertion {
        let assertion = Secret::new(format!("call.{call}"));
        let certificate = match cell.credential() {
            Credential::AssertionProvider => Some(self.chain(Leaf::A)),
            Credential::PairProvider => self.provided(cell, call),
            other => panic!("{other:?} has no provider of assertions"),
        };
        match certificate {
            Some(chain) => ClientAssertion::bound(assertion, chain),
            None => ClientAssertion::new(assertion),
        }
    }

    pub(crate) fn client(&self, cell: &Cell) -> Result<Client, Error> {
        let wish = cell.wish();
        let fixed = || {
            let chain = self.own(cell.certificate());
            chain.unwrap_or_else(|| CertificateChain::new(Vec::new()))
        };
        let proof = match cell.credential() {
            Credential::Secret => Proof::secret(Secret::new("password")),
            Credential::Certificate => Proof::certificate(fixed()),
            Credential::CertificateProvider => Proof::certificate_provider(),
            Credential::CertificateWithClaims => {
                Proof::certificate_with_claims(fixed(), "{\"own\":1}")
            }
            Credential::StaticAssertion => Proof::static_assertion(Secret::new("configured")),
            Credential::AssertionProvider => Proof::assertion_provider(),
            Credential::PairProvider => Proof::signed_assertion_provider(),
        };
        let proof = if wish.over_mtls() {
            proof.send_over_mtls()
        } else {
            proof
        };
        let authority = cell.authority();
        let builder = match authority {
            Authority::Oidc => Client::builder("app", Issuer::oidc(authority.url())?, proof),
            _ => Client::builder("app", authority.url(), proof),
        };
        let builder = match authority {
            Authority::Listed => builder.known_authorities(["login.example.com"]),
            _ => builder,
        };
        let region = match cell.region() {
            Region::Unset => RegionSource::Unset,
            Region::Named => RegionSource::Named("eastus".to_owned()),
            Region::Malformed => RegionSource::Named("fake.com/x".to_owned()),
            Region::Discover => RegionSource::Discover,
        };
        let policy = match cell.policy() {
            Policy::Required => RegionPolicy::Required,
            Policy::Optional => RegionPolicy::Optional,
        };
        builder
            .region(region)
            .region_policy(policy)
            .bearer_isolation(cell.isolation().of_client())
            .build()
    }
}

impl Isolation {
    pub(crate) fn of_client(self) -> BearerIsolation {
        match self {
            Self::Shared => BearerIsolation::Shared,
            Self::PerCertificate => BearerIsolation::PerCertificate,
        }
    }
}

pub(crate) fn request(pop: bool) -> TokenRequest {
    let request = TokenRequest::for_app(["https://vault.azure.net/.default"]);
    if pop {
        request.proof_of_possession()
    } else {
        request
    }
}

/// What a question to the outside comes to.
pub(crate) type Answered = Result<Answer<Body>, Failure>;

pub(crate) fn document(body: &str) -> Answered {
    answer(Answer::builder(), body)
}

fn answer(builder: Builder, body: &str) -> Answered {
    let body = Body::from(body.as_bytes().to_vec());
    Ok(builder.body(body).expect("a status and its headers"))
}

pub(crate) fn region_document(discovery: Discovery) -> Answered {
    document(match discovery {
        Discovery::Finds => r#"{"location":"eastus"}"#,
        Discovery::FindsNonsense => r#"{"location":"fake.com/x"}"#,
    })
}

pub(crate) fn instance_document(authority: Authority, instance: Instance) -> Answered {
    document(match (authority, instance) {
        (Authority::Oidc, Instance::Vouches) => {
            r#"{"token_endpoint":"https://oidc.example.com/token"}"#
        }
        (Authority::Oidc, Instance::Denies) => {
            r#"{"token_endpoint":"https://elsewhere.example.com/token"}"#
        }
        (_, Instance::Vouches) => {
            r#"{"tenant_discovery_endpoint":"https://login.microsoftonline.com/x"}"#
        }
        (_, Instance::Denies) => r#"{"error":"invalid_instance"}"#,
    })
}

impl Kind {
    pub(crate) const fn token_type(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::MtlsPop => "mtls_pop",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Bearer => Self::MtlsPop,
            Self::MtlsPop => Self::Bearer,
        }
    }
}

impl Response {
    /// The answer to a request that asked for this kind of token; the token's text says which request it was.
    pub(crate) fn answer(self, asked: Kind, number: usize) -> Answered {
        let own = asked.token_type();
        let token = |kind: &str, rest: &str| {
            document(&format!(
                "{{\"token_type\":\"{kind}\",\"access_token\":\"T{number}\"{rest}}}"
            ))
        };
        let hour = ",\"expires_in\":3600";
        let refusal = |status: u16, after: &str| {
            let builder = Answer::builder().status(status);
            let builder = if after.is_empty() {
                builder
            } else {
                builder.header("retry-after", after)
            };
            let error = "{\"error\":\"invalid_grant\"}";
            answer(builder, if status == 400 { error } else { "<html>" })
        };
        let failed = |kind| Err(Failure::new(kind));
        match self {
            Self::Granted => token(own, hour),
            Self::GrantedInCapitals => token(&own.to_uppercase(), hour),
            Self::OtherKind => token(asked.other().token_type(), hour),
            Self::EmptyKind => token("", hour),
            Self::NoKind => document("{\"access_token\":\"T\",\"expires_in\":3600}"),
            Self::LifeOfZero => token(own, ",\"expires_in\":0"),
            Self::LifeOfCenturies => token(own, ",\"expires_in\":9999999999"),
            Self::Page => document("<html>"),
            Self::Compressed => token(own, hour).map(|mut answer| {
                let gzip = http::HeaderValue::from_static("gzip");
                answer.headers_mut().insert("content-encoding", gzip);
                answer
            }),
            Self::Redirect => {
                let there = "https://elsewhere.example.com/";
                answer(Answer::builder().status(307).header("location", there), "")
            }
            Self::Refused => refusal(400, ""),
            Self::GaveUp408 => refusal(408, ""),
            Self::Throttled429 => refusal(429, ""),
            Self::Throttled429For5Seconds => refusal(429, "5"),
            Self::Throttled429ForAnHour => refusal(429, "3600"),
            Self::Broken500 => refusal(500, ""),
            Self::Busy503For5Seconds => refusal(503, "5"),
            Self::Busy503ForAnHour => refusal(503, "3600"),
            Self::Busy503UntilADate => refusal(503, SOON),
            Self::Connect => failed(FailureKind::Connect),
            Self::Closed => failed(FailureKind::Closed),
            Self::Timeout => failed(FailureKind::Timeout),
            Self::Tls => failed(FailureKind::Tls),
            Self::TooLarge => failed(FailureKind::TooLarge),
            Self::CertificateNotRequested => failed(FailureKind::CertificateNotRequested),
            Self::CertificateRejected => failed(FailureKind::CertificateRejected),
        }
    }
}
