//! Credentials: how a client proves who it is, as the application configures it.

use std::fmt;

use zeroize::Zeroizing;

use crate::certificate::{Certificate, CertificateChain};
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::wire::form;
use crate::wire::json::Json;
use crate::wire::token::is_graphic;

/// How the client proves itself. Keys and providers stay with the driver; the core asks for what they make.
///
/// ```
/// use entra_proto::{CertificateChain, Credential, Secret};
///
/// let secret = Credential::secret(Secret::new("from a vault"));
/// # let chain = CertificateChain::new(vec![]);
/// // A certificate that stays as it is while the client lives, and one that a provider names whenever it is needed.
/// let fixed = Credential::certificate(chain.clone()).send_x5c();
/// let renewed = Credential::certificate_provider().send_over_mtls();
/// let with_claims = Credential::certificate_with_claims(chain, r#"{"client_ip":"192.0.2.1"}"#);
/// // What somebody else signs: with a certificate that it is bound to, without one, and once for all.
/// let bound = Credential::signed_assertion_provider();
/// let plain = Credential::assertion_provider();
/// let signed = Credential::static_assertion(Secret::new("header.claims.signature"));
/// # let _ = (secret, fixed, renewed, with_claims, bound, plain, signed);
/// ```
#[derive(Clone)]
pub struct Credential {
    source: Source,
    send_x5c: bool,
    send_over_mtls: bool,
}

#[derive(Clone)]
enum Source {
    Secret(Secret),
    Certificate(CertificateChain),
    CertificateProvider,
    CertificateWithClaims(CertificateChain, Zeroizing<String>),
    StaticAssertion(Secret),
    AssertionProvider,
    SignedAssertionProvider,
}

impl Credential {
    const fn of(source: Source) -> Self {
        Self {
            source,
            send_x5c: false,
            send_over_mtls: false,
        }
    }

    /// A client secret (RFC 6749 §2.3.1). It can't be bound to a certificate.
    #[must_use]
    pub const fn secret(secret: Secret) -> Self {
        Self::of(Source::Secret(secret))
    }

    /// A certificate that does not change while the client lives. For Bearer it signs an assertion (RFC 7523 §2.2); for proof
    /// of possession it is presented in the handshake (RFC 8705 §2).
    #[must_use]
    pub const fn certificate(certificate: CertificateChain) -> Self {
        Self::of(Source::Certificate(certificate))
    }

    /// A certificate that the driver's provider names whenever one is needed.
    #[must_use]
    pub const fn certificate_provider() -> Self {
        Self::of(Source::CertificateProvider)
    }

    /// A certificate that signs assertions with further claims of the application's own: a JSON object. It can't be bound.
    #[must_use]
    pub fn certificate_with_claims(
        certificate: CertificateChain,
        claims: impl Into<String>,
    ) -> Self {
        Self::of(Source::CertificateWithClaims(
            certificate,
            Zeroizing::new(claims.into()),
        ))
    }

    /// An assertion that somebody signed beforehand. Assertions are short-lived: prefer a provider.
    #[must_use]
    pub const fn static_assertion(assertion: Secret) -> Self {
        Self::of(Source::StaticAssertion(assertion))
    }

    /// A provider of assertions alone. It can never cause mutual TLS.
    #[must_use]
    pub const fn assertion_provider() -> Self {
        Self::of(Source::AssertionProvider)
    }

    /// A provider of an assertion and, maybe, the certificate that it is bound to: the pair. A certificate moves the token
    /// request to mutual TLS (rule 2).
    #[must_use]
    pub const fn signed_assertion_provider() -> Self {
        Self::of(Source::SignedAssertionProvider)
    }

    /// Put the certificate into the header of the assertions that it signs (`x5c`, RFC 7515 §4.1.6).
    #[must_use]
    pub fn send_x5c(self) -> Self {
        Self {
            send_x5c: true,
            ..self
        }
    }

    /// Present the certificate in the handshake as well as signing with it (rule 9). For certificates only.
    #[must_use]
    pub fn send_over_mtls(self) -> Self {
        Self {
            send_over_mtls: true,
            ..self
        }
    }

    /// Looks at what was configured, once, when the client is built.
    pub(crate) fn check(self) -> Result<CheckedCredential, Error> {
        let odd = |what: &'static str| Error::new(Code::InvalidCredentialMaterial, what);
        let use_of = Use {
            x5c: self.send_x5c || self.send_over_mtls,
            over_mtls: self.send_over_mtls,
        };
        let takes_mtls = matches!(
            self.source,
            Source::Certificate(_) | Source::CertificateProvider
        );
        if self.send_over_mtls && !takes_mtls {
            return Err(odd(
                "send_over_mtls goes with a certificate that signs no claims of the application's own",
            ));
        }
        Ok(match self.source {
            Source::Secret(secret) if secret.expose().is_empty() => {
                return Err(odd("the client secret is empty"));
            }
            Source::Secret(secret) => CheckedCredential::Secret(secret),
            Source::Certificate(chain) => {
                CheckedCredential::Certificate(Certificate::parse(chain)?, use_of)
            }
            Source::CertificateProvider => CheckedCredential::CertificateProvider(use_of),
            Source::CertificateWithClaims(chain, claims) => {
                let claims = Json::object(claims.as_bytes())
                    .map_err(|_| odd("the assertion's own claims are not one JSON object"))?
                    .into_owned();
                CheckedCredential::CertificateWithClaims(Certificate::parse(chain)?, claims, use_of)
            }
            Source::StaticAssertion(assertion) => {
                CheckedCredential::StaticAssertion(Assertion::check(assertion)?)
            }
            Source::AssertionProvider => CheckedCredential::AssertionProvider,
            Source::SignedAssertionProvider => CheckedCredential::SignedAssertionProvider,
        })
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.source {
            Source::Secret(_) => "secret",
            Source::Certificate(_) => "certificate",
            Source::CertificateProvider => "certificate provider",
            Source::CertificateWithClaims(..) => "certificate with claims",
            Source::StaticAssertion(_) => "static assertion",
            Source::AssertionProvider => "assertion provider",
            Source::SignedAssertionProvider => "signed-assertion provider",
        };
        f.debug_struct("Credential")
            .field("kind", &kind)
            .field("send_x5c", &self.send_x5c)
            .field("send_over_mtls", &self.send_over_mtls)
            .finish()
    }
}

/// The same credential with everything in it looked at.
#[derive(Clone)]
pub(crate) enum CheckedCredential {
    Secret(Secret),
    Certificate(Certificate, Use),
    CertificateProvider(Use),
    CertificateWithClaims(Certificate, Json<'static>, Use),
    StaticAssertion(Assertion),
    AssertionProvider,
    SignedAssertionProvider,
}

impl CheckedCredential {
    /// Claims that its assertions have besides the usual ones.
    pub(crate) const fn own_claims(&self) -> Option<&Json<'static>> {
        match self {
            Self::CertificateWithClaims(_, claims, _) => Some(claims),
            Self::Secret(_)
            | Self::Certificate(..)
            | Self::CertificateProvider(_)
            | Self::StaticAssertion(_)
            | Self::AssertionProvider
            | Self::SignedAssertionProvider => None,
        }
    }

    pub(crate) const fn needs(&self) -> Needs<'_> {
        match self {
            Self::Secret(_) | Self::StaticAssertion(_) => Needs::Nothing,
            Self::Certificate(certificate, _) | Self::CertificateWithClaims(certificate, ..) => {
                Needs::Key(certificate)
            }
            Self::CertificateProvider(_) => Needs::CertificateProvider,
            Self::AssertionProvider | Self::SignedAssertionProvider => Needs::AssertionProvider,
        }
    }
}

/// What a driver has to bring for a client's credential.
///
/// ```
/// use entra_proto::{Client, Credential, Needs};
///
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", Credential::certificate_provider()).build()?;
/// assert_eq!(client.needs(), Needs::CertificateProvider);
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a new need has to break every driver that checks them"
)]
pub enum Needs<'a> {
    /// Nothing: the core has it all.
    Nothing,
    /// The private key of this certificate, to sign or to shake hands with.
    Key(&'a Certificate),
    /// A provider of certificates.
    CertificateProvider,
    /// A provider of assertions.
    AssertionProvider,
}

/// How a certificate credential is used for Bearer tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Use {
    pub(crate) x5c: bool,
    pub(crate) over_mtls: bool,
}

/// An assertion from elsewhere, checked. It is not looked into (it may be encrypted); it is text that can stand in a form: printable
/// ASCII without blanks, at most 32 KiB.
#[derive(Clone)]
pub(crate) struct Assertion {
    text: Secret,
    /// Whether a form has it as it is, as it has every JWT: two kilobytes are gone through once for both.
    is_plain: bool,
}

impl Assertion {
    pub(crate) fn check(assertion: Secret) -> Result<Self, Error> {
        const MOST: usize = 32 * 1_024;
        let text = assertion.expose();
        let wrong = if text.trim().is_empty() {
            "the assertion is blank"
        } else if text.len() > MOST {
            "the assertion is larger than 32 KiB"
        } else {
            let is_plain = form::is_plain(text);
            if is_plain || is_graphic(text) {
                return Ok(Self {
                    text: assertion,
                    is_plain,
                });
            }
            "the assertion has a character that no JWT has"
        };
        Err(Error::new(Code::InvalidClientAssertion, wrong))
    }

    pub(crate) fn expose(&self) -> &str {
        self.text.expose()
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec08_an_assertion_is_known_to_be_plain_only_if_a_form_has_it_as_it_is() {
        for (text, is_plain) in [("e30.e30.-_", true), ("e30.e30.+/", false), ("~", false)] {
            let checked = Assertion::check(Secret::new(text)).expect("an assertion");
            assert_eq!((checked.expose(), checked.is_plain()), (text, is_plain));
        }
        assert!(Assertion::check(Secret::new("e30 .")).is_err());
    }
}
