//! Azure regions: the one constructor of a region's name, and which source of it counts (rule 6).

use std::fmt;

use crate::error::{Code, Error, shown};

/// The name of an Azure region: `[a-z0-9]{1,32}`.
///
/// A region becomes the first label of a host name, so this is checked byte by byte, never trimmed and never repaired: what a
/// URL parser would make of `fake.com/x` or of a full-width digit is another host (MSAL.NET issue 6060).
///
/// ```
/// use entra_proto::Region;
///
/// assert_eq!(Region::parse("EastUS2")?.as_str(), "eastus2");
/// assert_eq!(Region::parse("fake.com/x").unwrap_err().code(), "invalid_region");
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Region {
    /// In place, so that a token that is handed out says its region without an allocation. Zeros follow the name.
    name: [u8; 32],
    length: u8,
}

impl Region {
    /// Lower-cases ASCII letters and accepts the name or refuses it whole.
    ///
    /// # Errors
    /// `invalid_region`.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let mut region = Self {
            name: [0; 32],
            length: u8::try_from(name.len()).unwrap_or(u8::MAX),
        };
        let plain =
            (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain {
            return Err(Error::new(
                Code::InvalidRegion,
                format!("\"{}\" is no region's name", shown(name)),
            ));
        }
        for (to, byte) in region.name.iter_mut().zip(name.bytes()) {
            *to = byte.to_ascii_lowercase();
        }
        Ok(region)
    }

    /// The name, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let name = self.name.get(..usize::from(self.length));
        name.and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Region").field(&self.as_str()).finish()
    }
}

/// Where the application says that its region comes from.
///
/// The names `TryAutoDetect` (discover) and `DisableMsalForceRegion` (none) are MSAL's control words, in any case of letters.
///
/// [`Client`](crate::Client) has an example of a client with one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum RegionSource {
    /// Nothing configured: `MSAL_FORCE_REGION` serves if it is set.
    #[default]
    Unset,
    /// This region, or one of the control words; judged when the client is built.
    Named(String),
    /// `REGION_NAME`, then the instance metadata service.
    Discover,
}

/// What to do when mutual TLS meets an Entra authority without a region (rule 5).
///
/// ```
/// use entra_proto::{Client, Credential, RegionPolicy};
///
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", Credential::certificate_provider())
///     .region_policy(RegionPolicy::Optional)
///     .build()?;
/// assert!(client.region().is_none());
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RegionPolicy {
    /// It is an error, raised before anything is sent (MSAL.NET at PR 5670).
    #[default]
    Required,
    /// The cloud's global mTLS host serves (MSAL.NET since PR 5902).
    Optional,
}

/// The variables of the environment that matter, as the driver read them. Empty counts as not set.
///
/// ```
/// use entra_proto::Environment;
///
/// let environment = Environment::read(|name| std::env::var(name).ok());
/// # let _ = environment;
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Environment {
    region_name: Option<String>,
    force_region: Option<String>,
    disable_region: bool,
}

impl Environment {
    /// Asks `variable` for `REGION_NAME`, `MSAL_FORCE_REGION` and `MSAL_DISABLE_REGION`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        Self {
            region_name: set("REGION_NAME"),
            force_region: set("MSAL_FORCE_REGION"),
            disable_region: set("MSAL_DISABLE_REGION").is_some(),
        }
    }
}

/// How the question of the region was settled.
///
/// ```
/// use entra_proto::{AccessToken, RegionOrigin};
///
/// /// Whether somebody should look after the metadata service.
/// fn is_suspect(token: &AccessToken) -> bool {
///     token.metadata().region_origin() == RegionOrigin::Failed
/// }
/// # assert_eq!(RegionOrigin::default(), RegionOrigin::None);
/// # let _ = is_suspect;
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RegionOrigin {
    /// No region was asked for, or the flow ended before that.
    #[default]
    None,
    /// The application named it.
    Configured,
    /// `MSAL_FORCE_REGION` named it.
    Forced,
    /// Discovered: `REGION_NAME` named it.
    Variable,
    /// Discovered: the instance metadata service named it in this flow.
    MetadataService,
    /// Discovered in an earlier flow, and remembered.
    Remembered,
    /// Discovery was asked for and found none, in this flow or in the five minutes before it.
    Failed,
}

/// What configuration and environment come to, decided once when the client is built.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum RegionChoice {
    None,
    Known(Region, RegionOrigin),
    /// To be asked of the instance metadata service.
    AskMetadata,
}

impl RegionChoice {
    /// The first source that counts, in the order of rule 6.
    pub(crate) fn decide(source: &RegionSource, environment: &Environment) -> Result<Self, Error> {
        let configured = match source {
            RegionSource::Unset => None,
            RegionSource::Discover => Some(Self::discover(environment)),
            RegionSource::Named(name) => {
                Some(Self::named(name, RegionOrigin::Configured, environment)?)
            }
        };
        if environment.disable_region {
            return Ok(Self::None);
        }
        match (configured, &environment.force_region) {
            (Some(choice), _) => Ok(choice),
            (None, Some(forced)) => Self::named(forced, RegionOrigin::Forced, environment),
            (None, None) => Ok(Self::None),
        }
    }

    fn named(name: &str, origin: RegionOrigin, environment: &Environment) -> Result<Self, Error> {
        if name.eq_ignore_ascii_case("TryAutoDetect") {
            Ok(Self::discover(environment))
        } else if name.eq_ignore_ascii_case("DisableMsalForceRegion") {
            Ok(Self::None)
        } else {
            Region::parse(name).map(|region| Self::Known(region, origin))
        }
    }

    /// Azure Functions writes the display name ("East US 2", MSAL.NET issue 2772), so this variable alone loses its spaces.
    fn discover(environment: &Environment) -> Self {
        let name = environment.region_name.as_deref().unwrap_or_default();
        match Region::parse(&name.replace(' ', "")) {
            Ok(region) => Self::Known(region, RegionOrigin::Variable),
            Err(_) => Self::AskMetadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i37_all_names_of_one_and_two_bytes_pass_or_fail_by_the_rule() {
        let passes = |byte: u8| byte.is_ascii_alphanumeric();
        for first in 0..=0x7f_u8 {
            let one = char::from(first).to_string();
            assert_eq!(Region::parse(&one).is_ok(), passes(first));
            for second in 0..=0x7f_u8 {
                let two = format!("{one}{}", char::from(second));
                assert_eq!(
                    Region::parse(&two).is_ok(),
                    passes(first) && passes(second),
                    "{two:?}"
                );
            }
        }
    }

    #[test]
    fn sec07_t01_what_a_url_parser_would_repair_is_refused() {
        for name in [
            "",
            " eastus",
            "eastus\n",
            "east\tus",
            "fake.com/x",
            "?x",
            "#x",
            "east\\us",
            "e\u{3002}us",
            "\u{ff10}us",
            "%2e",
            "a@b",
            "east-us",
        ] {
            assert!(Region::parse(name).is_err(), "{name:?}");
        }
        assert!(Region::parse(&"a".repeat(32)).is_ok());
        assert!(Region::parse(&"a".repeat(33)).is_err());
    }

    fn environment(pairs: &'static [(&str, &str)]) -> Environment {
        Environment::read(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn named(name: &str) -> RegionSource {
        RegionSource::Named(name.to_owned())
    }

    #[test]
    fn d6_the_first_source_that_counts_wins() {
        let known = |name, origin| RegionChoice::Known(Region::parse(name).unwrap(), origin);
        let rows: &[(RegionSource, Environment, RegionChoice)] = &[
            (RegionSource::Unset, environment(&[]), RegionChoice::None),
            (
                RegionSource::Unset,
                environment(&[("REGION_NAME", "eastus")]),
                RegionChoice::None,
            ),
            (
                RegionSource::Unset,
                environment(&[("MSAL_FORCE_REGION", "westus3")]),
                known("westus3", RegionOrigin::Forced),
            ),
            (
                RegionSource::Unset,
                environment(&[("MSAL_FORCE_REGION", "")]),
                RegionChoice::None,
            ),
            (
                RegionSource::Unset,
                environment(&[("MSAL_FORCE_REGION", "tryautodetect")]),
                RegionChoice::AskMetadata,
            ),
            (
                RegionSource::Unset,
                environment(&[("MSAL_FORCE_REGION", "DISABLEMSALFORCEREGION")]),
                RegionChoice::None,
            ),
            (
                named("disableMsalForceRegion"),
                environment(&[("MSAL_FORCE_REGION", "westus3")]),
                RegionChoice::None,
            ),
            (
                named("eastus"),
                environment(&[("MSAL_FORCE_REGION", "westus3")]),
                known("eastus", RegionOrigin::Configured),
            ),
            (
                named("eastus"),
                environment(&[("MSAL_DISABLE_REGION", "1")]),
                RegionChoice::None,
            ),
            (
                named("TRYAUTODETECT"),
                environment(&[]),
                RegionChoice::AskMetadata,
            ),
            (
                RegionSource::Discover,
                environment(&[("REGION_NAME", "East US 2")]),
                known("eastus2", RegionOrigin::Variable),
            ),
            (
                RegionSource::Discover,
                environment(&[("REGION_NAME", "east/us")]),
                RegionChoice::AskMetadata,
            ),
            // A control word is a plain name in REGION_NAME.
            (
                RegionSource::Discover,
                environment(&[("REGION_NAME", "TryAutoDetect")]),
                known("tryautodetect", RegionOrigin::Variable),
            ),
        ];
        for (source, environment, choice) in rows {
            assert_eq!(
                RegionChoice::decide(source, environment).as_ref(),
                Ok(choice),
                "{source:?} {environment:?}"
            );
        }
        assert!(
            RegionChoice::decide(
                &RegionSource::Unset,
                &environment(&[("MSAL_FORCE_REGION", "a.b")])
            )
            .is_err()
        );
    }
}
