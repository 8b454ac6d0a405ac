//! Tenants: names that become a segment of a path, taken whole or not at all.

use std::fmt;

use crate::error::{Code, Error, shown};

/// A tenant: a GUID or a DNS name, nothing else. It becomes a segment of a path.
///
/// ```
/// use entra_proto::Tenant;
///
/// assert_eq!(Tenant::parse("contoso.onmicrosoft.com")?.as_str(), "contoso.onmicrosoft.com");
/// assert_eq!(Tenant::parse("../evil").unwrap_err().code(), "invalid_tenant");
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tenant(Box<str>);

impl Tenant {
    /// Accepts a tenant as it is or refuses it whole (MSAL Go PR 623 for what a traversal does).
    ///
    /// # Errors
    /// `invalid_tenant`.
    pub fn parse(name: &str) -> Result<Self, Error> {
        if is_dns_name(name) {
            Ok(Self(name.into()))
        } else {
            Err(Error::new(
                Code::InvalidTenant,
                format!("\"{}\" is neither a GUID nor a domain name", shown(name)),
            ))
        }
    }

    /// The tenant as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Not one tenant but a door to many. `consumers` is a tenant.
    pub(crate) fn is_shared_door(&self) -> bool {
        self.0.eq_ignore_ascii_case("common") || self.0.eq_ignore_ascii_case("organizations")
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Labels of letters, digits and inner hyphens (RFC 1123 §2.1); a GUID is one such label.
pub(super) fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
