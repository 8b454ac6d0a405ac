//! Where an OpenID provider issues tokens, as far as this client may go there.

use url::Url;

use super::Authority;

/// The token endpoints that an OpenID provider's document names. Naming one is not enough to be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Endpoints {
    pub(crate) token: Url,
    /// For mutual TLS, if it is another one (RFC 8705 §5).
    pub(crate) mtls: Option<Url>,
}

impl Endpoints {
    /// The endpoint for this transport, if this client may use it: https, on the authority's own host or on one that the application
    /// listed. The document may have been fetched by a client that lists other hosts.
    pub(crate) fn chosen(
        &self,
        over_mtls: bool,
        authority: &Authority,
        listed: &[String],
    ) -> Option<&Url> {
        let may = |url: &&Url| {
            let bare =
                url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
            url.scheme() == "https" && bare && authority.owns(url, listed)
        };
        let token = Some(&self.token).filter(may);
        match &self.mtls {
            Some(mtls) if over_mtls => token.and(Some(mtls)).filter(may),
            Some(_) | None => token,
        }
    }
}
