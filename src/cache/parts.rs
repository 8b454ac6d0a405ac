//! What a key is made of, for people: each part by its name, nothing that is secret, and nothing that a caller's sessions are called.

use super::key::{Fact, Key, PartitionKey};
use super::token_key::GrantKey;

/// What is remembered under a [`PartitionKey`].
///
/// [`PartitionKey::remembers`] has an example.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Remembered {
    /// Access tokens.
    Tokens,
    /// A user's refresh token.
    RefreshToken,
    /// The region that the client runs in, or that none was found.
    Region,
    /// That Entra knows a host, or where an OpenID provider has its endpoints.
    Instance,
    /// Until when the service asked not to be asked.
    Throttle,
}

impl PartitionKey {
    /// What is remembered under it.
    ///
    /// ```
    /// use entra_proto::*;
    ///
    /// # let credential = Credential::secret(Secret::new("s"));
    /// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
    /// let plan = TokenRequest::for_app(["scope"]).plan(&client)?;
    /// let now = Now::new(std::time::Duration::from_secs(1_798_761_600), std::time::Duration::ZERO);
    /// let Step::LoadCache(load) = plan.start(Seed::from_bytes([7; 32]), now) else { panic!("the cache comes first") };
    /// assert_eq!(load.key().remembers(), Remembered::Tokens);
    /// assert!(load.key().parts().contains(&("tenant", "contoso.com".to_owned())));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn remembers(&self) -> Remembered {
        match self.inner() {
            Key::Tokens(..) => Remembered::Tokens,
            Key::Fact(fact) => match **fact {
                Fact::Region { .. } => Remembered::Region,
                Fact::Instance { .. } => Remembered::Instance,
                Fact::RefreshToken(_) => Remembered::RefreshToken,
                Fact::Throttle { .. } => Remembered::Throttle,
            },
        }
    }

    /// What tells it from other keys of its kind (rule 10), each part by its name; a part that is not there is left out. Scopes are
    /// no part of it: they tell the entries under it apart. Of what may be secret, or names a session, it says only that it is there:
    /// the partition, the user's assertion, claims; of further parameters only the names.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, String)> {
        let mut parts = Vec::new();
        let mut part = |name, value: &str| parts.push((name, value.to_owned()));
        match self.inner() {
            Key::Tokens(tenant, key) => {
                part("authority_kind", &format!("{:?}", key.authority_kind));
                part("authority", &key.authority);
                part("tenant", &tenant.in_full(&key.tenant));
                part("client", &key.client);
                part("kind", key.kind.as_str());
                if let Some(certificate) = key.certificate {
                    part("certificate", &certificate.to_string());
                }
                match &key.grant {
                    GrantKey::App => part("grant", "application"),
                    GrantKey::OnBehalfOf(_) => part("grant", "user's assertion"),
                    GrantKey::Account(account) => {
                        part("grant", "account");
                        part("account", account.home_id());
                    }
                    // Nothing is remembered under such a key, so nobody sees one.
                    GrantKey::Once => {}
                }
                for (name, value) in [
                    ("fmi_path", &key.fmi_path),
                    ("assertion_fmi_path", &key.assertion_fmi_path),
                ] {
                    if let Some(value) = value {
                        part(name, value);
                    }
                }
                let further = key.further.as_deref();
                let is_there = |text: Option<&String>| text.is_some();
                for (name, there) in [
                    ("partition", is_there(key.partition.as_ref())),
                    (
                        "client_claims",
                        is_there(further.and_then(|further| further.client_claims.as_ref())),
                    ),
                    (
                        "assertion_claims",
                        is_there(further.and_then(|further| further.assertion_claims.as_ref())),
                    ),
                ] {
                    if there {
                        part(name, "set");
                    }
                }
                for (name, parameters) in [
                    ("body", further.map(|further| &further.body)),
                    ("query", further.map(|further| &further.query)),
                ] {
                    let names: Vec<_> = parameters
                        .into_iter()
                        .flat_map(|parameters| parameters.keys().map(String::as_str))
                        .collect();
                    if !names.is_empty() {
                        part(name, &names.join(" "));
                    }
                }
            }
            Key::Fact(fact) => match &**fact {
                Fact::Region { client } => part("client", client),
                Fact::Instance { kind, authority } => {
                    part("authority_kind", &format!("{kind:?}"));
                    part("authority", authority);
                }
                Fact::RefreshToken(user) => {
                    part("authority_kind", &format!("{:?}", user.authority_kind));
                    part("authority", &user.authority);
                    part("client", &user.client);
                    part("account", user.account.home_id());
                    if user.partition.is_some() {
                        part("partition", "set");
                    }
                }
                Fact::Throttle {
                    client,
                    tenant,
                    host,
                } => {
                    part("client", client);
                    part("tenant", tenant);
                    part("host", host);
                }
            },
        }
        parts
    }
}
