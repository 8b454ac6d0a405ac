//! Calling a resource: which hosts may get its token, how the token is put into a request, and whether the answer asks for another.

use std::fmt;

use entra_proto::{AccessToken, Body, ClaimsChallenge, Error, Failure, FailureKind, TokenKind};
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, WWW_AUTHENTICATE};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};

/// Key Vault and Managed HSM in all clouds: they look for a bound token only if this header says that there is one.
const VAULTS: [&str; 6] = [
    "vault.azure.net",
    "vault.azure.cn",
    "vault.usgovcloudapi.net",
    "managedhsm.azure.net",
    "managedhsm.azure.cn",
    "managedhsm.usgovcloudapi.net",
];
const TOKEN_BOUND_AUTH: HeaderName = HeaderName::from_static("x-ms-tokenboundauth");

/// The hosts that a resource's token may be sent to, and no others, whatever a URL says that came from elsewhere. Always over TLS.
///
/// ```
/// use entra_adapter::Audience;
///
/// let vaults = Audience::below("vault.azure.net");
/// assert!(vaults.covers(&"https://contoso.vault.azure.net/secrets/x".parse()?));
/// for wrong in [
///     "http://contoso.vault.azure.net/",
///     "https://vault.azure.net/",
///     "https://contoso.vault.azure.net:8443/",
///     "https://contoso.vault.azure.net@evil.example/",
///     "https://contosovault.azure.net/",
/// ] {
///     assert!(!vaults.covers(&wrong.parse()?), "{wrong}");
/// }
/// assert!(Audience::host("api.contoso.com:8443").covers(&"https://api.contoso.com:8443/".parse()?));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Audience(Vec<Place>);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Place {
    Host(String),
    Below(String),
}

impl Audience {
    /// This host, with its port if it is not 443.
    #[must_use]
    pub fn host(host: &str) -> Self {
        Self(vec![Place::Host(host.to_ascii_lowercase())])
    }

    /// Every host below this domain, the domain itself excepted, on port 443 unless the domain has a port behind it.
    #[must_use]
    pub fn below(domain: &str) -> Self {
        Self(vec![Place::Below(format!(
            ".{}",
            domain.to_ascii_lowercase()
        ))])
    }

    /// These hosts too.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Whether a request to this URL may carry the token.
    #[must_use]
    pub fn covers(&self, url: &Uri) -> bool {
        let Some(authority) = url.authority() else {
            return false;
        };
        // What stands before an `@` looks like a host and is none.
        let is_plain = url.scheme() == Some(&Scheme::HTTPS) && !authority.as_str().contains('@');
        let named = authority.as_str().to_ascii_lowercase();
        let named = named.strip_suffix(":443").unwrap_or(&named);
        let fits = |place: &Place| match place {
            Place::Host(host) => host.strip_suffix(":443").unwrap_or(host) == named,
            Place::Below(domain) => named
                .strip_suffix(domain.strip_suffix(":443").unwrap_or(domain))
                .is_some_and(|host| !host.is_empty()),
        };
        is_plain && self.0.iter().any(fits)
    }
}

/// Why a resource was not called, or gave no answer.
///
/// ```
/// use entra_adapter::ResourceError;
/// use entra_proto::FailureKind;
///
/// /// Whether it is worth calling again.
/// fn is_passing(error: &ResourceError) -> bool {
///     match error {
///         ResourceError::Token(error) => error.is_retryable(),
///         ResourceError::Send(failure) => failure.kind() == FailureKind::Timeout,
///         _ => false,
///     }
/// }
/// assert!(!is_passing(&ResourceError::OutsideAudience));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResourceError {
    /// The URL's host is none of the audience's, or it is not `https`. No token was asked for.
    OutsideAudience,
    /// There is no token.
    Token(Error),
    /// There is no answer. `CertificateNotRequested`: the resource never asked for the certificate of a bound token.
    Send(Failure),
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideAudience => {
                f.write_str("the URL is outside the audience that the token is for")
            }
            Self::Token(error) => error.fmt(f),
            Self::Send(failure) => write!(f, "no answer from the resource: {:?}", failure.kind()),
        }
    }
}

impl std::error::Error for ResourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Token(error) => Some(error),
            Self::OutsideAudience | Self::Send(_) => None,
        }
    }
}

impl From<Error> for ResourceError {
    fn from(error: Error) -> Self {
        Self::Token(error)
    }
}

impl From<Failure> for ResourceError {
    fn from(failure: Failure) -> Self {
        Self::Send(failure)
    }
}

/// Puts a token into a request to its resource: its kind is the scheme (RFC 6750 §2.1), and Key Vault is told that it is bound.
///
/// ```
/// use entra_adapter::authorize;
/// use entra_proto::{AccessToken, Body, Failure};
/// use http::Request;
///
/// fn with_token(token: &AccessToken, mut request: Request<Body>) -> Result<Request<Body>, Failure> {
///     authorize(token, &mut request)?;
///     Ok(request)
/// }
/// # let _ = with_token;
/// ```
///
/// # Errors
/// The token does not fit into a header, which no token that the core handed out does.
pub fn authorize(token: &AccessToken, request: &mut Request<Body>) -> Result<(), Failure> {
    let value = format!("{} {}", token.token_type(), token.secret().expose());
    let mut value =
        HeaderValue::from_str(&value).map_err(|_| Failure::new(FailureKind::Provider))?;
    value.set_sensitive(true);
    let is_for_vault = VAULTS
        .iter()
        .any(|vaults| Audience::below(vaults).covers(request.uri()));
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, value);
    if is_for_vault && token.token_type() == TokenKind::MtlsPop {
        headers.insert(TOKEN_BOUND_AUTH, HeaderValue::from_static("true"));
    }
    Ok(())
}

/// The claims that a refusal asks for. A challenge that can't be read is none: the refusal is the caller's.
///
/// ```
/// use entra_proto::Body;
///
/// let answer = http::Response::builder()
///     .status(401)
///     .header("www-authenticate", r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#)
///     .body(Body::empty())?;
/// let challenge = entra_adapter::challenged(&answer).expect("there is one");
/// assert_eq!(challenge.claims(), r#"{"access_token":{}}"#);
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn challenged(answer: &Response<Body>) -> Option<ClaimsChallenge> {
    if answer.status() != StatusCode::UNAUTHORIZED {
        return None;
    }
    let fields = answer.headers().get_all(WWW_AUTHENTICATE);
    let fields = fields.iter().filter_map(|field| field.to_str().ok());
    ClaimsChallenge::find(fields).ok().flatten()
}

/// A question that proves nothing of who asks: a GET with these headers, but for those that carry credentials.
///
/// ```
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("authorization", "Bearer header.claims.signature".parse()?);
/// headers.insert("metadata", "true".parse()?);
/// let question = entra_adapter::question(&"http://169.254.169.254/metadata".parse()?, &headers);
/// assert_eq!(question.headers().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn question(uri: &Uri, headers: &HeaderMap) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers.clone();
    for name in [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE] {
        request.headers_mut().remove(name);
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn res02_only_hosts_of_the_audience_are_covered() {
        let audience = Audience::below("Vault.azure.net")
            .and(Audience::host("Graph.microsoft.com"))
            .and(Audience::below("test:8443"))
            .and(Audience::host("[::1]:8443"));
        let covers = |url: &str| audience.covers(&url.parse().unwrap());
        for right in [
            "https://a.vault.azure.net",
            "https://A.B.VAULT.AZURE.NET:443/x?y",
            "https://graph.microsoft.com/v1.0/me",
            "https://x.test:8443/",
            "https://[::1]:8443/",
        ] {
            assert!(covers(right), "{right}");
        }
        for wrong in [
            "http://graph.microsoft.com/",
            "https://graph.microsoft.com:444/",
            "https://graph.microsoft.com./",
            "https://graph.microsoft.com.evil.example/",
            "https://evil-graph.microsoft.com/",
            "https://evil.example/graph.microsoft.com",
            "https://graph.microsoft.com@evil.example/",
            "https://evil.example@graph.microsoft.com/",
            "https://vault.azure.net/",
            "https://.vault.azure.net/",
            "https://avault.azure.net/",
            "https://a.vault.azure.net.evil.example/",
            "https://x.test/",
            "https://x.test:84430/",
            "/only/a/path",
        ] {
            assert!(!covers(wrong), "{wrong}");
        }
    }

    #[test]
    fn res03_a_challenge_counts_with_a_401_alone() {
        let answer = |status: u16, fields: &[&str]| {
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            for field in fields {
                answer
                    .headers_mut()
                    .append(WWW_AUTHENTICATE, HeaderValue::from_str(field).unwrap());
            }
            challenged(&answer).map(|challenge| challenge.claims().to_owned())
        };
        let challenge =
            "Bearer error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\"";
        let claims = Some("{\"access_token\":{}}".to_owned());
        assert_eq!(answer(401, &["Negotiate", challenge]), claims);
        assert_eq!(answer(403, &[challenge]), None);
        assert_eq!(answer(401, &["Bearer realm=\"x\""]), None);
        assert_eq!(answer(401, &["Bearer claims=\"not base64!\""]), None);
        assert_eq!(answer(401, &[]), None);
    }

    #[test]
    fn sec13_a_question_carries_no_credentials() {
        let mut headers = HeaderMap::new();
        for name in ["metadata", "authorization", "cookie", "proxy-authorization"] {
            headers.append(name, HeaderValue::from_static("canary"));
            headers.append(name, HeaderValue::from_static("canary"));
        }
        let uri = Uri::from_static("https://login.microsoftonline.com/common");
        let asked = question(&uri, &headers);
        assert_eq!((asked.method().as_str(), asked.uri()), ("GET", &uri));
        let left: Vec<_> = asked.headers().keys().collect();
        assert_eq!(left, ["metadata"]);
    }
}
