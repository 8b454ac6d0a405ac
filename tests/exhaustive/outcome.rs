//! What can be seen of a flow from outside, for the engine and for the rules alike.

use std::fmt;

/// What came of a cell.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// How often a provider was asked.
    pub(crate) provider_calls: u8,
    /// Whether the instance metadata service was asked.
    pub(crate) asked_for_region: bool,
    /// Whether Entra was asked about the host, or a provider for its document.
    pub(crate) asked_about_host: bool,
    pub(crate) sent: Vec<Sent>,
    /// What was waited for before the second attempt.
    pub(crate) pause: Option<Pause>,
    pub(crate) saved: Saved,
    /// Whether it was noted that the service wants to be left alone.
    pub(crate) throttled: bool,
}

/// How it ended.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum End {
    Refused(String),
    Token {
        kind: Kind,
        from: Source,
        bound_to: Option<Leaf>,
        life: Life,
    },
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Kind {
    Bearer,
    MtlsPop,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Source {
    Network,
    Cache { renewal_offered: bool },
}

/// One of the certificates of the table.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Leaf {
    /// The credential's own, or what its provider returns first.
    A,
    /// Another one, over which a token was fetched earlier.
    B,
    /// What a provider returns the second time, if that is not A.
    C,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Life {
    Seconds(u64),
    /// As long as the certificate.
    Certificate,
}

/// One token request.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Sent {
    pub(crate) url: String,
    /// The certificate of the handshake; none over plain TLS.
    pub(crate) over: Option<Leaf>,
    pub(crate) proof: Proof,
    /// Whether the body has `token_type=mtls_pop`.
    pub(crate) asks_pop: bool,
}

/// How the client proves itself in the body.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Proof {
    /// Not at all: the handshake does it.
    Nothing,
    Secret,
    JwtBearer(Text),
    JwtPop(Text),
}

/// Whose text the assertion is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Text {
    Configured,
    /// Of this call of the provider.
    OfCall(u8),
    /// Signed for this request, with this certificate.
    Signed {
        by: Leaf,
        algorithm: &'static str,
        x5c: bool,
    },
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Pause {
    /// A second, and up to another by chance.
    Usual,
    /// As the service said.
    Told(u64),
}

/// Whether the token was saved, and where.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Saved {
    Nowhere,
    /// Under the key of tokens of this kind and certificate.
    As(Kind, Option<Leaf>),
    /// Under a key that no flow of the table should have.
    Elsewhere,
}

impl Outcome {
    /// Nothing was asked and nothing was sent.
    pub(crate) fn refused(code: &str) -> Self {
        Self {
            end: End::Refused(code.to_owned()),
            provider_calls: 0,
            asked_for_region: false,
            asked_about_host: false,
            sent: Vec::new(),
            pause: None,
            saved: Saved::Nowhere,
            throttled: false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.end {
            End::Refused(code) => write!(f, "{code}")?,
            End::Token {
                kind,
                from,
                bound_to,
                life,
            } => write!(
                f,
                "{kind:?} from {from:?} for {life:?} bound to {bound_to:?}"
            )?,
        }
        write!(f, "; {} provider calls", self.provider_calls)?;
        if self.asked_for_region {
            f.write_str("; asked for the region")?;
        }
        if self.asked_about_host {
            f.write_str("; asked about the host")?;
        }
        for sent in &self.sent {
            let Sent {
                url,
                over,
                proof,
                asks_pop,
            } = sent;
            write!(f, "; POST {url} over {over:?} with {proof:?}")?;
            if *asks_pop {
                f.write_str(" token_type=mtls_pop")?;
            }
        }
        if let Some(pause) = self.pause {
            write!(f, "; pause {pause:?}")?;
        }
        match self.saved {
            Saved::Nowhere => {}
            Saved::As(kind, leaf) => write!(f, "; saved as {kind:?} of {leaf:?}")?,
            Saved::Elsewhere => f.write_str("; saved elsewhere")?,
        }
        if self.throttled {
            f.write_str("; throttled")?;
        }
        Ok(())
    }
}
