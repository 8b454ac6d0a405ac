//! Documents about the world: the instance metadata service (IMDS), Entra's instance discovery, OpenID configurations.
//!
//! They may refuse a host, never add one: no byte of them becomes part of a later request, but for a region that passed its
//! check and for a token endpoint on a host that the application itself named.

use url::Url;

use crate::authority::{Authority, Endpoints, INSTANCE_DISCOVERY_HOST, Tenant};
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

/// Reads an OpenID configuration (OpenID Connect Discovery 1.0 §3; RFC 8414 §2): a token endpoint that this client may use, and an
/// issuer that fits the authority. An issuer that is left out is let pass, because no host is taken from it. The alias for mutual
/// TLS is judged by whoever needs it.
pub(crate) fn endpoints(
    status: u16,
    body: &[u8],
    authority: &Authority,
    listed: &[String],
) -> Result<Endpoints, Error> {
    let document = Json::object(body)
        .ok()
        .filter(|_| status == 200)
        .ok_or_else(|| invalid_instance("the OpenID configuration could not be read"))?;
    let issuer = document.get("issuer");
    if issuer.is_some_and(|issuer| !issuer_fits(issuer, authority, listed)) {
        return Err(invalid_instance(
            "the OpenID configuration names an issuer that is not the authority's",
        ));
    }
    let odd = || {
        invalid_instance(
            "the OpenID configuration names no https token endpoint on a host of the authority's",
        )
    };
    let url = |json: &Json<'_>| json.text().and_then(|text| Url::parse(text).ok());
    let alias = document
        .get("mtls_endpoint_aliases")
        .and_then(|aliases| aliases.get("token_endpoint"));
    let read = Endpoints {
        token: document
            .get("token_endpoint")
            .and_then(url)
            .ok_or_else(odd)?,
        mtls: match alias {
            None => None,
            Some(alias) => Some(url(alias).ok_or_else(odd)?),
        },
    };
    match read.chosen(false, authority, listed) {
        Some(_) => Ok(read),
        None => Err(odd()),
    }
}

/// RFC 8414 §3.3 wants the issuer to be the URL that was asked. Entra's documents differ from it in known ways: the path, a host
/// of the cloud's (MSAL.NET `OidcIssuerValidation`), and a customer's own domain in front of `{tenant}.ciamlogin.com`.
fn issuer_fits(issuer: &Json<'_>, authority: &Authority, listed: &[String]) -> bool {
    let url = issuer.text().and_then(|text| Url::parse(text).ok());
    let Some(url) = url.filter(|url| url.scheme() == "https") else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let regional = host.split_once('.').map_or("", |(_, rest)| rest);
    authority.owns(&url, listed)
        || Authority::is_known_host(host)
        || Authority::is_known_host(regional)
        || authority
            .ciam_issuers()
            .any(|issuer| issuer == url.as_str().trim_end_matches('/'))
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
            endpoints(200, body.as_bytes(), &authority, listed)
                .map(|endpoints| endpoints.token.to_string())
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

    fn configured(document: &str, authority: &Authority) -> Result<(String, String), String> {
        let read = endpoints(200, document.as_bytes(), authority, &[])
            .map_err(|error| error.code().to_owned())?;
        let chosen = |over_mtls| {
            read.chosen(over_mtls, authority, &[])
                .map_or_else(|| "refused".to_owned(), Url::to_string)
        };
        Ok((chosen(false), chosen(true)))
    }

    #[test]
    fn d7_over_mutual_tls_the_alias_of_rfc_8705_serves() {
        let authority = Authority::oidc("https://issuer.example/x").unwrap();
        let with = |aliases: &str| {
            let document = format!("{{\"token_endpoint\":\"https://issuer.example/t\"{aliases}}}");
            configured(&document, &authority)
        };
        let both = |plain: &str, mtls: &str| Ok((plain.to_owned(), mtls.to_owned()));
        let plain = "https://issuer.example/t";
        assert_eq!(with(""), both(plain, plain));
        assert_eq!(with(",\"mtls_endpoint_aliases\":{}"), both(plain, plain));
        let alias = |url: &str| format!(",\"mtls_endpoint_aliases\":{{\"token_endpoint\":{url}}}");
        assert_eq!(
            with(&alias("\"https://issuer.example/mtls\"")),
            both(plain, "https://issuer.example/mtls")
        );
        for bad in ["https://evil.example/t", "http://issuer.example/t"] {
            let alias = alias(&format!("\"{bad}\""));
            assert_eq!(with(&alias), both(plain, "refused"), "{bad}");
        }
        assert_eq!(with(&alias("1")), Err("invalid_instance".to_owned()));
    }

    #[test]
    fn d7_an_issuer_has_to_fit_the_authority() {
        let fits = |authority: &str, issuer: &str| {
            let authority = Authority::oidc(authority).unwrap();
            let document = format!(
                "{{\"issuer\":{issuer},\"token_endpoint\":\"https://{}/t\"}}",
                authority.host()
            );
            configured(&document, &authority).is_ok()
        };
        for (authority, issuer) in [
            ("https://issuer.example/x", "https://issuer.example/x"),
            (
                "https://issuer.example/x",
                "https://issuer.example/another/path",
            ),
            (
                "https://issuer.example/x",
                "https://login.microsoftonline.com/t/v2.0",
            ),
            (
                "https://issuer.example/x",
                "https://westus2.login.microsoft.com/t/v2.0",
            ),
            (
                "https://login.contoso.com/tenant",
                "https://tenant.ciamlogin.com/tenant/v2.0",
            ),
            (
                "https://login.contoso.com/tenant",
                "https://tenant.ciamlogin.com/tenant",
            ),
            (
                "https://login.contoso.com/tenant",
                "https://tenant.ciamlogin.com/",
            ),
            (
                "https://contoso.example",
                "https://contoso.ciamlogin.com/contoso/v2.0",
            ),
        ] {
            assert!(
                fits(authority, &format!("\"{issuer}\"")),
                "{authority} {issuer}"
            );
        }
        for (authority, issuer) in [
            ("https://issuer.example/x", "\"http://issuer.example/x\""),
            ("https://issuer.example/x", "\"https://evil.example/x\""),
            (
                "https://issuer.example/x",
                "\"https://issuer.example.evil/x\"",
            ),
            (
                "https://issuer.example/x",
                "\"https://a.b.login.microsoft.com/x\"",
            ),
            (
                "https://login.contoso.com/tenant",
                "\"https://other.ciamlogin.com/other/v2.0\"",
            ),
            (
                "https://login.contoso.com/tenant",
                "\"https://tenant.ciamlogin.com/other/v2.0\"",
            ),
            (
                "https://login.contoso.com/tenant",
                "\"https://tenant.ciamlogin.com.evil/tenant\"",
            ),
            ("https://issuer.example/x", "\"\""),
            ("https://issuer.example/x", "1"),
            ("https://issuer.example/x", "null"),
        ] {
            assert!(!fits(authority, issuer), "{authority} {issuer}");
        }
    }
}
