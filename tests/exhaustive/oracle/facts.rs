//! What the rules ask of a cell: each question in terms of the design, answered from the cell's values alone.

use std::cell::RefCell;

use crate::axes::*;
use crate::cell::Cell;
use crate::outcome::{End, Kind, Leaf, Life, Proof, Saved, Sent, Source, Text};

use Credential as C;

/// A rule, when it applies, and what it says.
pub(super) type Row<T> = (&'static str, fn(&Facts<'_>) -> bool, T);

/// What a provider returned with its latest call.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Provided {
    Nothing,
    Keyless,
    Usable(Leaf),
}

/// A cell, and how far its flow has come.
pub(super) struct Facts<'a> {
    cell: &'a Cell,
    /// Which attempt it is.
    pub(super) attempt: u8,
    pub(super) provided: Option<Provided>,
    /// Whether there is a token under the request's key, so that it matters what the clock did since.
    pub(super) found: bool,
    /// The rules of the rows that decided.
    cited: RefCell<Vec<&'static str>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(cell: &'a Cell) -> Self {
        Self {
            cell,
            attempt: 1,
            provided: None,
            found: false,
            cited: RefCell::new(Vec::with_capacity(8)),
        }
    }

    pub(super) fn cited(self) -> Vec<&'static str> {
        self.cited.into_inner()
    }

    /// What the first row that applies says.
    pub(super) fn first<T: Copy>(&self, rows: &[Row<T>]) -> Option<T> {
        let (rule, _, says) = rows.iter().find(|(_, applies, _)| applies(self))?;
        self.cited.borrow_mut().push(rule);
        Some(*says)
    }

    pub(super) fn refuse(&self, rows: &[Row<&'static str>]) -> Result<(), &'static str> {
        match self.first(rows) {
            Some(code) => Err(code),
            None => Ok(()),
        }
    }

    pub(super) fn credential(&self) -> Credential {
        self.cell.credential()
    }

    pub(super) fn authority(&self) -> Authority {
        self.cell.authority()
    }

    pub(super) fn wish(&self) -> Wish {
        self.cell.wish()
    }

    pub(super) fn is_pop(&self) -> bool {
        self.wish().is_pop()
    }

    pub(super) fn certificate(&self) -> Certificate {
        self.cell.certificate()
    }

    pub(super) fn region(&self) -> Region {
        self.cell.region()
    }

    pub(super) fn isolation(&self) -> Isolation {
        self.cell.isolation()
    }

    pub(super) fn remembered(&self) -> Remembered {
        self.cell.remembered()
    }

    pub(super) fn instance(&self) -> Instance {
        self.cell.instance()
    }

    pub(super) fn clock(&self) -> Clock {
        if self.found {
            self.cell.clock()
        } else {
            Clock::Steady
        }
    }

    /// A certificate that is part of the configuration.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.credential(), C::Certificate | C::CertificateWithClaims)
    }

    /// A certificate credential that can be presented in a handshake (rules 8 and 9).
    pub(super) fn may_present(&self) -> bool {
        matches!(self.credential(), C::Certificate | C::CertificateProvider)
    }

    pub(super) fn has_provider(&self) -> bool {
        matches!(
            self.credential(),
            C::CertificateProvider | C::AssertionProvider | C::PairProvider
        )
    }

    pub(super) fn is_entra(&self) -> bool {
        match self.authority() {
            Authority::Public
            | Authority::China
            | Authority::Legacy
            | Authority::Unknown
            | Authority::Listed
            | Authority::Common => true,
            Authority::Dsts
            | Authority::Adfs
            | Authority::B2c
            | Authority::Ciam
            | Authority::Oidc => false,
        }
    }

    /// Rule 5: mutual TLS with Entra does, unless the policy lifts it.
    pub(super) fn needs_region(&self) -> bool {
        self.is_entra() && self.cell.policy() == Policy::Required
    }

    /// Rule 6.
    pub(super) fn has_region(&self) -> bool {
        match self.region() {
            Region::Named => true,
            Region::Discover => self.cell.discovery() == Discovery::Finds,
            Region::Unset | Region::Malformed => false,
        }
    }

    /// Rule 1: the certificate of the handshake, as far as it is known.
    pub(super) fn binding(&self) -> Option<Leaf> {
        let of_provider = match self.provided {
            Some(Provided::Usable(leaf)) => Some(leaf),
            Some(Provided::Nothing | Provided::Keyless) | None => None,
        };
        match self.credential() {
            C::PairProvider => of_provider,
            C::CertificateProvider if self.wish() != Wish::Bearer => of_provider,
            C::Certificate if self.wish() != Wish::Bearer => Some(Leaf::A),
            C::Certificate
            | C::CertificateProvider
            | C::Secret
            | C::CertificateWithClaims
            | C::StaticAssertion
            | C::AssertionProvider => None,
        }
    }

    /// Rule 10: the certificate in the cache key.
    pub(super) fn leaf_of_key(&self) -> Option<Leaf> {
        let by_certificate = self.is_pop() || self.isolation() == Isolation::PerCertificate;
        self.binding().filter(|_| by_certificate)
    }

    /// Rule 4: PoP asks first, and so does Bearer that is kept by certificate, if the answer may name it.
    pub(super) fn asks_before_cache(&self) -> bool {
        let may_name = match self.credential() {
            C::PairProvider => true,
            C::CertificateProvider => self.wish() != Wish::Bearer,
            _ => false,
        };
        may_name && (self.is_pop() || self.isolation() == Isolation::PerCertificate)
    }

    /// What the provider returns this time.
    pub(super) fn provide(&self) -> Provided {
        let at_first = match self.credential() {
            C::AssertionProvider => return Provided::Nothing,
            _ => match self.certificate() {
                Certificate::Usable => Provided::Usable(Leaf::A),
                Certificate::Absent => Provided::Nothing,
                Certificate::Keyless => Provided::Keyless,
            },
        };
        if self.attempt == 1 {
            return at_first;
        }
        match (at_first, self.cell.rotation()) {
            (Provided::Nothing, Rotation::Renewed) => Provided::Nothing,
            (_, Rotation::Renewed) => Provided::Usable(Leaf::C),
            (Provided::Nothing, Rotation::Reversed) => Provided::Usable(Leaf::C),
            (_, Rotation::Reversed) => Provided::Nothing,
        }
    }

    /// The answer to this attempt.
    pub(super) fn got(&self, response: Response) -> bool {
        response
            == match (self.cell.attempt(), self.attempt) {
                (Attempt::First, 1) | (Attempt::Second, 2) => self.cell.response(),
                (Attempt::First, _) => Response::Granted,
                (Attempt::Second, _) => Response::Broken500,
            }
    }

    /// Rule 7: an unknown host of Entra's over plain TLS, and every OpenID provider. An unknown host is refused over mutual TLS.
    pub(super) fn asks_about_host(&self) -> bool {
        matches!(self.authority(), Authority::Unknown | Authority::Oidc)
    }

    pub(super) fn sent(&self, call: u8) -> Sent {
        let authority = self.authority();
        let [plain, regional, mtls] = hosts(authority);
        let region = self.is_entra() && self.has_region();
        let host = match (self.binding(), region) {
            (None, false) => plain.to_owned(),
            (None, true) => format!("eastus.{regional}"),
            (Some(_), false) => mtls.to_owned(),
            (Some(_), true) => format!("eastus.{mtls}"),
        };
        Sent {
            url: format!("https://{host}{}", path(authority)),
            over: self.binding(),
            proof: self.proof(call),
            asks_pop: self.is_pop(),
        }
    }

    /// Rules 2, 8 and 9.
    fn proof(&self, call: u8) -> Proof {
        let signs = match self.provided {
            Some(Provided::Usable(leaf)) => leaf,
            _ => Leaf::A,
        };
        match self.credential() {
            C::Secret => Proof::Secret,
            C::StaticAssertion => Proof::JwtBearer(Text::Configured),
            C::AssertionProvider => Proof::JwtBearer(Text::OfCall(call)),
            C::PairProvider if self.binding().is_some() => Proof::JwtPop(Text::OfCall(call)),
            C::PairProvider => Proof::JwtBearer(Text::OfCall(call)),
            C::Certificate | C::CertificateProvider if self.is_pop() => Proof::Nothing,
            C::Certificate | C::CertificateProvider | C::CertificateWithClaims => {
                Proof::JwtBearer(Text::Signed {
                    by: signs,
                    algorithm: match self.authority() {
                        Authority::Dsts | Authority::Adfs | Authority::Oidc => "RS256",
                        _ => "PS256",
                    },
                    x5c: self.wish().over_mtls(),
                })
            }
        }
    }

    fn kind(&self) -> Kind {
        if self.is_pop() {
            Kind::MtlsPop
        } else {
            Kind::Bearer
        }
    }

    /// Rule 8: what a PoP token is bound to. By rule 2 a Bearer token is bound to nothing, over whatever transport it came.
    fn bound_to(&self) -> Option<Leaf> {
        self.binding().filter(|_| self.is_pop())
    }

    /// Rule 10.
    pub(super) fn remembered_token(&self, left: u64) -> End {
        let renewal_offered = self.remembered() == Remembered::Due;
        End::Token {
            kind: self.kind(),
            from: Source::Cache { renewal_offered },
            bound_to: self.bound_to(),
            life: Life::Seconds(left),
        }
    }

    /// Rules 8, 10 and 13.
    pub(super) fn token(&self, told: Told) -> (End, Saved) {
        let bound_to = self.bound_to();
        let certificate_ends = bound_to == Some(Leaf::A);
        let life = match (told, certificate_ends) {
            (Told::Zero, _) => Life::Seconds(0),
            (Told::Hour | Told::Most, true) if self.clock() == Clock::Forward => Life::Seconds(0),
            (Told::Hour, _) => Life::Seconds(3_600),
            (Told::Most, true) => Life::Certificate,
            (Told::Most, false) => Life::Seconds(48 * 3_600),
        };
        let end = End::Token {
            kind: self.kind(),
            from: Source::Network,
            bound_to,
            life,
        };
        let saved = match life {
            Life::Seconds(0) => Saved::Nowhere,
            Life::Seconds(_) | Life::Certificate => Saved::As(self.kind(), self.leaf_of_key()),
        };
        (end, saved)
    }
}

/// How long a token lives.
#[derive(Clone, Copy)]
pub(super) enum Told {
    Zero,
    Hour,
    Most,
}

/// Rule 7: `login.` and what becomes of it over plain TLS in a region, and over mutual TLS.
fn hosts(authority: Authority) -> [&'static str; 3] {
    match authority {
        Authority::Public | Authority::Common => [
            "login.microsoftonline.com",
            "login.microsoft.com",
            "mtlsauth.microsoft.com",
        ],
        Authority::China => [
            "login.partner.microsoftonline.cn",
            "login.partner.microsoftonline.cn",
            "mtlsauth.partner.microsoftonline.cn",
        ],
        Authority::Legacy => [
            "login.microsoftonline.us",
            "login.microsoftonline.us",
            "refused by rule 7",
        ],
        Authority::Unknown | Authority::Listed => [
            "login.example.com",
            "login.example.com",
            "mtlsauth.example.com",
        ],
        Authority::Dsts => ["dsts.example.com"; 3],
        Authority::Adfs => ["adfs.example.com"; 3],
        Authority::B2c => ["b2c.example.com"; 3],
        Authority::Ciam => ["contoso.ciamlogin.com"; 3],
        Authority::Oidc => ["oidc.example.com"; 3],
    }
}

fn path(authority: Authority) -> &'static str {
    match authority {
        Authority::Common => "/common/oauth2/v2.0/token",
        Authority::Dsts => "/dstsv2/contoso.com/oauth2/v2.0/token",
        Authority::Adfs => "/adfs/oauth2/token",
        Authority::B2c => "/tfp/contoso.com/sign-in/oauth2/v2.0/token",
        // What the document says.
        Authority::Oidc => "/token",
        Authority::Public
        | Authority::China
        | Authority::Legacy
        | Authority::Unknown
        | Authority::Listed
        | Authority::Ciam => "/contoso.com/oauth2/v2.0/token",
    }
}
