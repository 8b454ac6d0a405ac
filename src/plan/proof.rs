//! The tables of what is legal: credential against token kind, grant and options (rules 8 and 9).

use crate::cache::TokenKind;
use crate::certificate::Certificate;
use crate::credential::{Assertion, CheckedCredential, Use};
use crate::error::{Code, Error};
use crate::request::{Grant, TokenRequest};
use crate::secret::Secret;

/// How the client will prove itself: the row of the table that applies.
#[derive(Clone)]
pub(crate) enum Proof {
    Secret(Secret),
    Assertion(Assertion),
    AskAssertion { pair: bool },
    Certificate(Certificate, CertificateUse),
    AskCertificate(CertificateUse),
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CertificateUse {
    /// It signs the assertion in the body; plain transport.
    Sign { x5c: bool },
    /// It signs the assertion and is presented in the handshake (rule 9).
    SignAndPresent,
    /// It is presented in the handshake, and the body has no assertion (rule 8).
    Present,
}

impl CertificateUse {
    const fn of_bearer(use_of: Use) -> Self {
        if use_of.over_mtls {
            Self::SignAndPresent
        } else {
            Self::Sign { x5c: use_of.x5c }
        }
    }

    pub(crate) const fn presents(self) -> bool {
        match self {
            Self::SignAndPresent | Self::Present => true,
            Self::Sign { .. } => false,
        }
    }
}

impl Proof {
    /// The table of what is legal: credential against token kind (rules 8 and 9).
    pub(super) fn decide(credential: &CheckedCredential, kind: TokenKind) -> Result<Self, Error> {
        use CheckedCredential as C;
        use TokenKind::{Bearer, MtlsPop};
        let unbound = |what: &'static str| Err(Error::new(Code::CertificateNotProvided, what));
        match (credential, kind) {
            (C::Secret(secret), Bearer) => Ok(Self::Secret(secret.clone())),
            (C::Secret(_), MtlsPop) => unbound("a client secret can't be bound to a certificate"),
            (C::Certificate(certificate, use_of), Bearer) => Ok(Self::Certificate(
                certificate.clone(),
                CertificateUse::of_bearer(*use_of),
            )),
            (C::Certificate(certificate, _), MtlsPop) => Ok(Self::Certificate(
                certificate.clone(),
                CertificateUse::Present,
            )),
            (C::CertificateProvider(use_of), Bearer) => {
                Ok(Self::AskCertificate(CertificateUse::of_bearer(*use_of)))
            }
            (C::CertificateProvider(_), MtlsPop) => {
                Ok(Self::AskCertificate(CertificateUse::Present))
            }
            (C::CertificateWithClaims(certificate, _, use_of), Bearer) => Ok(Self::Certificate(
                certificate.clone(),
                CertificateUse::of_bearer(*use_of),
            )),
            (C::CertificateWithClaims(..), MtlsPop) => unbound(
                "a certificate that signs the application's own claims can't be bound: PoP sends no assertion",
            ),
            (C::StaticAssertion(assertion), Bearer) => Ok(Self::Assertion(assertion.clone())),
            (C::StaticAssertion(_), MtlsPop) => {
                unbound("a static assertion can't be bound to a certificate")
            }
            (C::AssertionProvider, Bearer) => Ok(Self::AskAssertion { pair: false }),
            (C::AssertionProvider, MtlsPop) => {
                unbound("a provider of assertions alone can't be bound to a certificate")
            }
            (C::SignedAssertionProvider, Bearer | MtlsPop) => Ok(Self::AskAssertion { pair: true }),
        }
    }

    /// The certificate of the handshake, if it is known without asking.
    pub(super) fn binding(&self) -> Option<&Certificate> {
        match self {
            Self::Certificate(certificate, use_of) if use_of.presents() => Some(certificate),
            Self::Certificate(..)
            | Self::Secret(_)
            | Self::Assertion(_)
            | Self::AskAssertion { .. }
            | Self::AskCertificate(_) => None,
        }
    }

    /// Whether a request may go over plain transport.
    pub(super) const fn may_be_plain(&self) -> bool {
        match self {
            Self::Secret(_) | Self::Assertion(_) | Self::AskAssertion { .. } => true,
            Self::Certificate(_, use_of) | Self::AskCertificate(use_of) => !use_of.presents(),
        }
    }

    /// Whether a request may go over mutual TLS.
    pub(super) fn may_bind(&self) -> bool {
        self.binding().is_some() || self.answer_may_bind()
    }

    /// Whether the provider's answer may bring the certificate of the handshake.
    pub(super) const fn answer_may_bind(&self) -> bool {
        match self {
            Self::AskAssertion { pair } => *pair,
            Self::AskCertificate(use_of) => use_of.presents(),
            Self::Secret(_) | Self::Assertion(_) | Self::Certificate(..) => false,
        }
    }

    /// What the certificate is for, if the credential has one or its provider names one.
    const fn use_of(&self) -> Option<CertificateUse> {
        match self {
            Self::Certificate(_, use_of) | Self::AskCertificate(use_of) => Some(*use_of),
            Self::Secret(_) | Self::Assertion(_) | Self::AskAssertion { .. } => None,
        }
    }

    /// The second table: what some grants and options ask of the credential.
    pub(super) fn fits(&self, request: &TokenRequest) -> Result<(), Error> {
        let odd = |code, what: &'static str| Err(Error::new(code, what));
        let presents = self.use_of().is_some_and(CertificateUse::presents);
        if matches!(request.grant, Grant::FederatedUser { .. }) && presents {
            return odd(
                Code::InvalidCredentialMaterial,
                "a user's federated identity credential goes over plain transport, and this credential over mutual TLS",
            );
        }
        match (&request.options().assertion_claims, self.use_of()) {
            (None, _)
            | (Some(_), Some(CertificateUse::Sign { .. } | CertificateUse::SignAndPresent)) => {
                Ok(())
            }
            // MSAL.NET drops them silently; the caller would believe that they were sent.
            (Some(_), Some(CertificateUse::Present)) => odd(
                Code::CertificateNotProvided,
                "a certificate that signs the application's own claims can't be bound: PoP sends no assertion",
            ),
            (Some(_), None) => odd(
                Code::InvalidRequestParameter,
                "assertion claims go with a certificate that signs, and this credential has none",
            ),
        }
    }
}
