//! What providers return, as the fuzzer's bytes say it, and when it is refused.

use entra_proto::*;

/// The bytes, cut as they say themselves: two bytes of length, then so many.
pub(crate) struct Cut<'a>(pub(crate) &'a [u8]);

impl<'a> Cut<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = u16::from_le_bytes([self.byte(), self.byte()]);
        let (bytes, rest) = self.0.split_at(usize::from(length).min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

/// What one call returns.
pub(crate) struct Output {
    pub(crate) assertion: String,
    pub(crate) leaf: Option<Vec<u8>>,
    pub(crate) intermediates: Vec<Vec<u8>>,
    pub(crate) private_key: bool,
}

impl Output {
    pub(crate) fn cut(cut: &mut Cut<'_>) -> Self {
        let shape = cut.byte();
        Self {
            assertion: String::from_utf8_lossy(cut.bytes()).into_owned(),
            leaf: (shape & 1 == 1).then(|| cut.bytes().to_vec()),
            intermediates: (0..shape >> 2 & 3).map(|_| cut.bytes().to_vec()).collect(),
            private_key: shape & 2 == 0,
        }
    }

    pub(crate) fn chain(&self) -> Option<CertificateChain> {
        let leaf = self.leaf.as_ref()?;
        let chain = CertificateChain::new(leaf.clone()).intermediates(self.intermediates.clone());
        Some(if self.private_key {
            chain
        } else {
            chain.without_private_key()
        })
    }

    pub(crate) fn pair(&self) -> ClientAssertion {
        let assertion = Secret::new(self.assertion.as_str());
        match self.chain() {
            None => ClientAssertion::new(assertion),
            Some(chain) => ClientAssertion::bound(assertion, chain),
        }
    }

    pub(crate) fn thumbprint(&self) -> Option<Thumbprint> {
        self.leaf.as_deref().map(Thumbprint::of)
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Provider {
    Assertions,
    Pairs,
    Certificates {
        over_mtls: bool,
    },
    /// No provider: the first output's certificate is the client's own.
    Nobody,
}

/// Who provides what for which kind of token.
#[derive(Clone, Copy)]
pub(crate) struct Set {
    pub(crate) provider: Provider,
    pub(crate) pop: bool,
    pub(crate) isolated: bool,
}

impl Set {
    pub(crate) fn presents(self) -> bool {
        match self.provider {
            Provider::Assertions => false,
            Provider::Pairs => true,
            Provider::Certificates { over_mtls } => over_mtls || self.pop,
            Provider::Nobody => self.pop,
        }
    }

    pub(crate) fn signs(self) -> bool {
        match self.provider {
            Provider::Assertions | Provider::Pairs => false,
            Provider::Certificates { .. } | Provider::Nobody => !self.pop,
        }
    }

    /// Why this output is refused: first the assertion, then its certificate (rule 3).
    pub(crate) fn refuses(self, output: &Output) -> Option<String> {
        let text = &output.assertion;
        let sound = !text.is_empty()
            && text.len() <= 32 * 1_024
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        let takes_assertion = matches!(self.provider, Provider::Assertions | Provider::Pairs);
        if takes_assertion && !sound {
            return Some("invalid_client_assertion".to_owned());
        }
        let needed = match self.provider {
            Provider::Assertions => return None,
            Provider::Pairs => self.pop.then_some("mtls_certificate_not_provided"),
            Provider::Certificates { .. } if self.presents() => {
                Some("mtls_certificate_not_provided")
            }
            Provider::Certificates { .. } | Provider::Nobody => Some("invalid_client_assertion"),
        };
        match output.chain() {
            Some(chain) => {
                let error = Certificate::parse(chain).err()?;
                Some(error.code().to_owned())
            }
            None => needed.map(str::to_owned),
        }
    }
}
