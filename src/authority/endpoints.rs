//! Where an OpenID provider issues tokens, as far as this client may go there.

use url::Url;

use super::Authority;

/// The token endpoints of an OpenID provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Endpoints {
    pub(crate) token: Url,
    /// For mutual TLS, if it is another one (RFC 8705 §5).
    pub(crate) mtls: Option<Url>,
}

impl Endpoints {
    /// Whether this client may use them, fetched or remembered: the memory may be shared with a client that lists other hosts.
    pub(crate) fn may_serve(&self, authority: &Authority, listed: &[String]) -> bool {
        let may = |url: &Url| {
            let bare =
                url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
            url.scheme() == "https" && bare && authority.owns(url, listed)
        };
        may(&self.token) && self.mtls.as_ref().is_none_or(may)
    }

    /// The one for this transport.
    pub(crate) fn token(&self, over_mtls: bool) -> &Url {
        match &self.mtls {
            Some(mtls) if over_mtls => mtls,
            Some(_) | None => &self.token,
        }
    }
}
