//! The headers of token requests: the same for all but for the id.

use http::header::{ACCEPT, CONTENT_TYPE, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// Put together once for a client, since every request has nearly the same.
pub(crate) struct Headers(HeaderMap);

impl Headers {
    pub(crate) fn new() -> Self {
        let fixed = [
            (REQUEST_ID, ""),
            (ACCEPT, "application/json"),
            (CONTENT_TYPE, "application/x-www-form-urlencoded"),
            (HeaderName::from_static("return-client-request-id"), "true"),
            (HeaderName::from_static("x-client-sku"), "entra-proto"),
            (
                HeaderName::from_static("x-client-ver"),
                env!("CARGO_PKG_VERSION"),
            ),
            // Tells Entra that it may break a loop with 429 and `Retry-After`.
            (
                HeaderName::from_static("x-ms-lib-capability"),
                "retry-after, h429",
            ),
        ];
        let headers = fixed.map(|(name, value)| (name, HeaderValue::from_static(value)));
        Self(HeaderMap::from_iter(headers))
    }

    /// Those of a request with this id.
    pub(crate) fn of(&self, id: &str) -> Result<HeaderMap, InvalidHeaderValue> {
        let mut headers = self.0.clone();
        headers.insert(REQUEST_ID, HeaderValue::from_str(id)?);
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_its_own_id_and_nobody_elses() {
        let headers = Headers::new();
        let of = |id: &str| headers.of(id).expect("headers");
        assert_eq!(of("1").get_all("client-request-id").iter().count(), 1);
        assert!(of("1")["client-request-id"] == "1" && of("2")["client-request-id"] == "2");
        assert_eq!(of("1").len(), headers.0.len());
        assert!(headers.of("\n").is_err());
    }
}
