//! Documents about the world: the instance metadata service (IMDS), Entra's instance discovery, OpenID configurations.
//!
//! They may refuse a host, never add one: no byte of them becomes part of a later request, but for a region that passed its
//! check and for a token endpoint on a host that the application itself named.

use url::Url;

use crate::authority::{Authority, INSTANCE_DISCOVERY_HOST, Tenant};
use crate::error::{Code, Error};
use crate::region::Region;
use crate::wire::json::Json;

/// Where IMDS answers: a link-local address, plain HTTP, on every virtual machine.
const METADATA_SERVICE: &str = "http://169.254.169.254/metadata/instance/compute";

/// The version of IMDS that is asked for at first.
pub(crate) const METADATA_VERSION: &str = "2021-02-01";

/// The URL of the compute document, or of the answer that names the versions there are.
pub(crate) fn region_url(version: Option<&str>) -> String {
    match version {
        Some(version) => format!("{METADATA_SERVICE}?api-version={version}"),
        None => METADATA_SERVICE.to_owned(),
    }
}

/// The region in a compute document.
pub(crate) fn region(body: &[u8]) -> Option<Region> {
    let document = Json::object(body).ok()?;
    Region::parse(document.get("location")?.text()?).ok()
}

/// The first of the versions that IMDS says it knows: a date, so that it can't be anything else in a URL.
pub(crate) fn newest_version(body: &[u8]) -> Option<String> {
    let document = Json::object(body).ok()?;
    let version = document.get("newest-versions")?.array()?.first()?.text()?;
    let is_date = version.len() == 10
        && version
            .bytes()
            .enumerate()
            .all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
    is_date.then(|| version.to_owned())
}

/// The URL that asks Entra whether a host is one of its own.
pub(crate) fn instance_url(authority: &Authority, tenant: Option<&Tenant>) -> String {
    let asked: String =
        url::form_urlencoded::byte_serialize(authority.authorization_endpoint(tenant).as_bytes())
            .collect();
    format!(
        "https://{INSTANCE_DISCOVERY_HOST}/common/discovery/instance?api-version=1.1&authorization_endpoint={asked}"
    )
}

/// Entra knows the host if it answers 200 with an https `tenant_discovery_endpoint`; everything else fails closed.
pub(crate) fn check_instance(status: u16, body: &[u8]) -> Result<(), Error> {
    let document = Json::object(body).ok().filter(|_| status == 200);
    let endpoint = document
        .as_ref()
        .and_then(|document| document.get("tenant_discovery_endpoint")?.text());
    match endpoint.and_then(|endpoint| Url::parse(endpoint).ok()) {
        Some(url) if url.scheme() == "https" => Ok(()),
        Some(_) | None => Err(invalid_instance("Entra does not know the authority's host")),
    }
}

/// The token endpoint of an OpenID provider (OpenID Connect Discovery 1.0 §3): https, and on the authority's own host or on one
/// that the application listed.
pub(crate) fn token_endpoint(
    status: u16,
    body: &[u8],
    authority: &Authority,
    listed: &[String],
) -> Result<Url, Error> {
    let document = Json::object(body)
        .ok()
        .filter(|_| status == 200)
        .ok_or_else(|| invalid_instance("the OpenID configuration could not be read"))?;
    let endpoint = document
        .get("token_endpoint")
        .and_then(Json::text)
        .and_then(|text| Url::parse(text).ok());
    endpoint
        .filter(|url| may_serve(url, authority, listed))
        .ok_or_else(|| invalid_instance("the OpenID configuration names no https token endpoint on a host of the authority's"))
}

/// Whether this client may use a token endpoint, fetched or remembered: the memory may be shared with a client that lists other
/// hosts.
pub(crate) fn may_serve(url: &Url, authority: &Authority, listed: &[String]) -> bool {
    let host = url.host_str().unwrap_or_default();
    let ours =
        host == authority.host() || listed.iter().any(|other| other.eq_ignore_ascii_case(host));
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    url.scheme() == "https" && ours && bare
}

pub(crate) fn invalid_instance(what: &'static str) -> Error {
    Error::new(Code::InvalidInstance, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_a_region_is_taken_whole_or_not_at_all() {
        let read = |body: &str| region(body.as_bytes()).map(|region| region.to_string());
        assert_eq!(
            read(r#"{"location":"WestUS2","name":"vm"}"#).as_deref(),
            Some("westus2")
        );
        for body in [
            "",
            "westus2",
            "{}",
            r#"{"location":" westus2"}"#,
            r#"{"location":"a.b"}"#,
            r#"{"location":1}"#,
            r#"{"location":""}"#,
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }

    #[test]
    fn d6_a_version_is_a_date() {
        let read = |body: &str| newest_version(body.as_bytes());
        assert_eq!(
            read(r#"{"newest-versions":["2025-04-07","2020-01-01"]}"#).as_deref(),
            Some("2025-04-07")
        );
        for body in [
            "",
            "{}",
            r#"{"newest-versions":[]}"#,
            r#"{"newest-versions":["2025-04-07&x=1"]}"#,
            r#"{"newest-versions":["2025/04/07"]}"#,
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }

    #[test]
    fn d7_instances_fail_closed() {
        let good = br#"{"tenant_discovery_endpoint":"https://login.x/t/.well-known/openid-configuration"}"#;
        assert!(check_instance(200, good).is_ok());
        for (status, body) in [
            (400, &good[..]),
            (200, b"{}"),
            (200, b"[]"),
            (200, br#"{"tenant_discovery_endpoint":"http://login.x/"}"#),
            (200, br#"{"tenant_discovery_endpoint":"x"}"#),
        ] {
            assert_eq!(
                check_instance(status, body).unwrap_err().code(),
                "invalid_instance"
            );
        }
    }

    #[test]
    fn t02_a_fetched_endpoint_adds_no_host() {
        let authority = Authority::oidc("https://issuer.example/x").unwrap();
        let read = |endpoint: &str, listed: &[String]| {
            let body = format!("{{\"token_endpoint\":\"{endpoint}\"}}");
            token_endpoint(200, body.as_bytes(), &authority, listed)
                .map(String::from)
                .map_err(|error| error.code().to_owned())
        };
        assert_eq!(
            read("https://issuer.example/token", &[]).as_deref(),
            Ok("https://issuer.example/token")
        );
        for bad in [
            "https://evil.example/token",
            "http://issuer.example/token",
            "https://u@issuer.example/token",
            "https://issuer.example.evil/t",
        ] {
            assert_eq!(read(bad, &[]), Err("invalid_instance".to_owned()), "{bad}");
        }
        assert!(read("https://tokens.example/t", &["tokens.example".to_owned()]).is_ok());
    }
}
