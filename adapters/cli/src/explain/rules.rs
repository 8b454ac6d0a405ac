//! Which rules of the design a flow followed, told from what was seen of it: each with its number, as the documentation of the core
//! cites them, and what it came to here. Nothing is decided here; a rule of which nothing was seen is left out.

use entra_proto::{Plan, SendRequest};
use entra_tokio::{AuthorityKind, CacheOutcome, Client, Error, Metadata, RegionOrigin, TokenKind};

use super::played::Played;
use super::sent::{Field, Sent};

/// A rule that had a say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Fired {
    pub(super) rule: u8,
    pub(super) says: String,
}

/// The rules by their numbers, each in a few words.
pub(super) const TITLES: [&str; 16] = [
    "Three axes",
    "Implicit mutual TLS",
    "One call, one pair",
    "The cache before the provider",
    "Mutual TLS needs a region",
    "Where the region comes from",
    "Hosts come from a table",
    "Proof of possession",
    "Assertions of one's own",
    "The cache's key",
    "Claims and bypassing",
    "At most two attempts",
    "Answers are untrusted",
    "Errors have codes",
    "Secrets stay hidden",
    "The order of errors",
];

/// What the rules are told from.
pub(super) struct Seen<'a> {
    pub(super) client: &'a Client,
    pub(super) plan: &'a Plan,
    pub(super) played: &'a Played,
    /// Whether a second attempt asks the provider again.
    pub(super) asks_anew: bool,
}

impl Seen<'_> {
    pub(super) fn fired(&self) -> Vec<Fired> {
        let sent = self.played.sent.first();
        let mut fired = Vec::new();
        let mut rule = |rule, says: Option<String>| {
            fired.extend(says.map(|says| Fired { rule, says }));
        };
        rule(1, sent.map(|sent| self.axes(sent)));
        rule(2, sent.and_then(|sent| self.implicit(sent)));
        rule(3, self.pair());
        rule(4, self.order());
        rule(5, self.needs_region(sent));
        rule(6, self.region());
        rule(7, sent.map(|sent| self.host(sent)));
        rule(8, sent.and_then(|sent| self.bound(sent)));
        rule(9, self.own_assertion(sent));
        rule(10, self.key());
        rule(11, self.claims(sent));
        rule(12, sent.map(|_| self.attempts()));
        rule(13, sent.map(|_| answers()));
        if let Err(error) = &self.played.result {
            let by_code = of_error(error);
            fired.retain(|fired| fired.rule != by_code.rule);
            fired.push(by_code);
            fired.sort_by_key(|fired| fired.rule);
        }
        fired
    }

    fn metadata(&self) -> Option<&Metadata> {
        match &self.played.result {
            Ok(token) => Some(token.metadata()),
            Err(error) => error.metadata(),
        }
    }

    fn axes(&self, sent: &Sent) -> String {
        let transport = match sent.certificate {
            Some(_) => "mutual TLS",
            None => "plain TLS",
        };
        let proof = match (sent.field("client_secret"), sent.assertion_type()) {
            (Some(_), _) => "a client secret in the body".to_owned(),
            (None, Some(kind)) => format!("an assertion in the body ({kind})"),
            (None, None) => "nothing in the body, for the handshake proves the client".to_owned(),
        };
        format!(
            "Transport, proof and kind of token are chosen apart: {transport}; {proof}; {}.",
            self.plan.token_kind()
        )
    }

    fn implicit(&self, sent: &Sent) -> Option<String> {
        let provided = self.played.asked > 0 && sent.field("client_assertion").is_some();
        let says = match (provided, &sent.certificate, sent.field("token_type")) {
            (false, _, _) => return None,
            (true, Some(_), None) => {
                "The provider brings a certificate with its assertion, so the request goes over mutual TLS with it, as jwt-pop; the token stays a Bearer token."
            }
            (true, Some(_), Some(_)) => {
                "The provider brings a certificate with its assertion, which goes as jwt-pop."
            }
            (true, None, _) => {
                "The provider brings no certificate, so the request stays on plain TLS, as jwt-bearer."
            }
        };
        Some(says.to_owned())
    }

    fn pair(&self) -> Option<String> {
        let anew = if self.asks_anew {
            "; a second attempt asks for another"
        } else {
            ""
        };
        (self.played.asked > 0).then(|| {
            format!(
                "What one call of the provider brings goes as one value into body, handshake and key{anew}."
            )
        })
    }

    fn order(&self) -> Option<String> {
        let says = match (self.played.asked, self.played.asked_first) {
            (0, _) => return None,
            (_, true) => {
                "The provider is asked first: only its answer names the certificate in the cache's key."
            }
            (_, false) => "The cache is looked at first: a hit asks no provider.",
        };
        Some(says.to_owned())
    }

    fn needs_region(&self, sent: Option<&Sent>) -> Option<String> {
        let is_entra = self.client.authority().kind() == AuthorityKind::Entra;
        let region = self.metadata().and_then(Metadata::region);
        let says = match (sent?.certificate.is_some(), is_entra, region) {
            (true, true, Some(_)) => "Mutual TLS with Entra needs a region, and there is one.",
            (true, true, None) => {
                "There is no region, and the policy allows the cloud's global mTLS host."
            }
            (true, false, _) => "This kind of authority needs no region for mutual TLS.",
            (false, _, Some(_)) => "For plain TLS the region only changes the host.",
            (false, _, None) => return None,
        };
        Some(says.to_owned())
    }

    fn region(&self) -> Option<String> {
        let metadata = self.metadata()?;
        let name = metadata.region().map_or("", |region| region.as_str());
        let says = match metadata.region_origin() {
            RegionOrigin::Configured => format!("The region is {name}, as configured."),
            RegionOrigin::Forced => format!("The region is {name}, as MSAL_FORCE_REGION says."),
            RegionOrigin::Variable => {
                format!("The region is to be discovered, and REGION_NAME says {name}.")
            }
            RegionOrigin::MetadataService => {
                "The region is to be discovered, and the metadata service names it.".to_owned()
            }
            RegionOrigin::Remembered => format!("The region is {name}, discovered before."),
            RegionOrigin::Failed => "The region is to be discovered, and was not found.".to_owned(),
            RegionOrigin::None | _ => return None,
        };
        Some(says)
    }

    fn host(&self, sent: &Sent) -> String {
        let own = self.client.authority().host();
        let vouched = match &self.played.instance {
            None => String::new(),
            Some(host) if self.client.authority().kind() == AuthorityKind::Oidc => {
                format!(" Its configuration at {host} names the endpoint.")
            }
            Some(host) => {
                format!(" Nobody here knows it, so {host} is asked whether it is Entra's.")
            }
        };
        if sent.host == own {
            format!("The authority's own host serves: {own}.{vouched}")
        } else {
            format!(
                "By the table of clouds {own} becomes {}.{vouched}",
                sent.host
            )
        }
    }

    fn bound(&self, sent: &Sent) -> Option<String> {
        sent.field("token_type").map(|_| {
            "token_type=mtls_pop asks for a token bound to the certificate; a token of another kind is discarded.".to_owned()
        })
    }

    fn own_assertion(&self, sent: Option<&Sent>) -> Option<String> {
        let signed = self.played.signed.first()?;
        let presented = match sent.and_then(|sent| sent.certificate.as_ref()) {
            Some(_) => " The certificate is presented in the handshake as well.",
            None => "",
        };
        let x5c = match signed.x5c {
            0 => String::new(),
            count => format!(" and x5c ({count})"),
        };
        Some(format!(
            "The assertion is signed here: {} with {}{x5c}, for the URL of the POST, good for {} s.{presented}",
            signed.algorithm, signed.thumbprint, signed.lives
        ))
    }

    fn key(&self) -> Option<String> {
        let parts = self.played.key.as_ref()?.parts();
        let by_certificate = parts.iter().any(|(name, _)| *name == "certificate");
        let says = match (self.plan.token_kind(), by_certificate) {
            (TokenKind::MtlsPop, true) => {
                "A bound token is found only by requests with its certificate."
            }
            (_, true) => "The token is kept for its certificate alone.",
            (_, false) => "A Bearer token is found whatever certificate it came over.",
        };
        Some(format!(
            "{says} Exact scopes go before supersets; it serves until 300 s before its end."
        ))
    }

    fn claims(&self, sent: Option<&Sent>) -> Option<String> {
        let bypassed = self.metadata()?.cache() == CacheOutcome::Bypassed;
        let claims = sent.is_some_and(|sent| sent.field("claims").is_some());
        let mut says = Vec::new();
        if claims {
            says.push("Capabilities and claims are merged into one field.");
        }
        if bypassed {
            says.push("The cache is written and not read.");
        }
        (!says.is_empty()).then(|| says.join(" "))
    }

    fn attempts(&self) -> String {
        format!(
            "At most two attempts within {} s; the second only after what may pass.",
            self.plan.allowed_time().as_secs()
        )
    }
}

impl Sent {
    /// The last part of the assertion's type: `jwt-pop` or `jwt-bearer`.
    fn assertion_type(&self) -> Option<&str> {
        match self.field("client_assertion_type")? {
            Field::Shown(kind) => kind.rsplit(':').next(),
            Field::Hidden(what) => Some(what),
        }
    }
}

fn answers() -> String {
    format!(
        "An answer is one JSON object of at most {} KiB with every field of its type, or an error.",
        SendRequest::MAX_RESPONSE / 1_024
    )
}

/// The rule behind an error, by its code.
pub(super) fn of_error(error: &Error) -> Fired {
    let (rule, says) = match error.code() {
        "mtls_bearer_without_region" | "mtls_pop_without_region" => (
            5,
            "Mutual TLS with Entra needs a region, and none is configured.",
        ),
        "region_required_for_mtls_pop" => (
            5,
            "Mutual TLS with Entra needs a region, and none was found.",
        ),
        "invalid_region" => (6, "A region's name is 1 to 32 letters and digits."),
        "missing_tenanted_authority" => (7, "Mutual TLS needs one tenant, not a shared door."),
        "mtls_pop_not_supported_for_environment" => {
            (7, "Only hosts of the table have an mTLS name.")
        }
        "invalid_instance" | "invalid_authority" | "invalid_tenant" => (
            7,
            "Hosts and tenants are known, or vouched for, or refused.",
        ),
        "mtls_certificate_not_provided" => (
            8,
            "A bound token needs a credential that can be bound to a certificate.",
        ),
        "invalid_credential_material" => (9, "The credential has not what the options ask for."),
        "invalid_client_assertion" => (3, "An assertion is a signed JWT and nothing else."),
        _ => (
            16,
            "Of several errors the first is told: client, request, credential, tenant, region, host, network.",
        ),
    };
    Fired {
        rule,
        says: says.to_owned(),
    }
}
