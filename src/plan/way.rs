//! Ways to the service: a token endpoint as a request needs it. A plan that is started often works them out once.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use url::Url;

use crate::authority::Tenant;
use crate::cache::{Fact, PartitionKey};
use crate::error::{Code, Error};
use crate::region::{Region, RegionChoice};

use super::{Decided, Plan};

/// Where a token request goes.
pub(crate) struct Way {
    /// The endpoint, which is also the audience of an assertion.
    pub(crate) url: Arc<str>,
    /// The same with the caller's own parameters.
    pub(crate) uri: Uri,
    /// Where it is remembered that the service wants to be left alone.
    pub(crate) throttle: PartitionKey,
}

/// The ways that need no answer from outside: those of a region that is known without asking.
pub(crate) struct Ways {
    own: Arc<OwnUrls>,
    plain: Option<Result<Arc<Way>, Error>>,
    mtls: Option<Result<Arc<Way>, Error>>,
}

/// The authority's own URLs, which stay the same wherever requests go: what a provider is told.
pub(crate) struct OwnUrls {
    pub(crate) authority: String,
    pub(crate) token_endpoint: String,
}

impl Decided {
    fn own_urls(&self) -> OwnUrls {
        let authority = &self.client.configuration().authority;
        let tenant = self.tenant.as_ref();
        OwnUrls {
            authority: authority.url(tenant),
            token_endpoint: authority.own_token_endpoint(tenant),
        }
    }

    /// The way by the closed table of hosts (rule 7).
    fn way(&self, mtls: bool, region: Option<&Region>) -> Result<Arc<Way>, Error> {
        let configuration = self.client.configuration();
        let (authority, tenant) = (&configuration.authority, self.tenant.as_ref());
        let url = match mtls {
            true => authority.mtls_endpoint(tenant, region, configuration.listed)?,
            false => authority.plain_endpoint(tenant, region)?,
        };
        self.way_to(url)
    }

    pub(crate) fn way_to(&self, mut url: Url) -> Result<Arc<Way>, Error> {
        let text: Arc<str> = url.as_str().into();
        let host = url.authority().to_owned();
        if !self.request.options().query_parameters.is_empty() {
            url.query_pairs_mut()
                .extend_pairs(&self.request.options().query_parameters);
        }
        let uri = Uri::try_from(String::from(url)).map_err(|_| {
            Error::new(
                Code::InvalidRequestParameter,
                "the request can't be put into HTTP",
            )
        })?;
        let tenant = self.tenant.as_ref().map_or("", Tenant::as_str);
        let throttle = PartitionKey::fact(Fact::Throttle {
            client: Arc::clone(&self.client.configuration().id),
            tenant: tenant.to_ascii_lowercase(),
            host,
        });
        Ok(Arc::new(Way {
            url: text,
            uri,
            throttle,
        }))
    }
}

impl Plan {
    /// The same plan with everything worked out that its flows will need beyond the cache: worth it for one that is started often.
    ///
    /// ```
    /// # use entra_proto::{Client, Credential, Secret, TokenRequest};
    /// # let credential = Credential::secret(Secret::new("s"));
    /// # let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
    /// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
    /// assert_eq!(plan.clone().ready(), plan);
    /// # Ok::<(), entra_proto::Error>(())
    /// ```
    #[must_use]
    pub fn ready(self) -> Self {
        let decided = &self.decided;
        let configuration = decided.client.configuration();
        let region = match &configuration.region {
            _ if !configuration.authority.is_entra() => None,
            RegionChoice::None => None,
            RegionChoice::Known(region, _) => Some(*region),
            // Only a flow finds out.
            RegionChoice::AskMetadata => return self,
        };
        let way = |mtls| decided.way(mtls, region.as_ref());
        let ways = Ways {
            own: Arc::new(decided.own_urls()),
            plain: decided.proof.may_be_plain().then(|| way(false)),
            mtls: decided.proof.may_bind().then(|| way(true)),
        };
        Self {
            ways: Some(Arc::new(ways)),
            ..self
        }
    }

    /// Those that were worked out, or that are now.
    pub(crate) fn own_urls(&self) -> Arc<OwnUrls> {
        let ready = self.ways.as_ref().map(|ways| Arc::clone(&ways.own));
        ready.unwrap_or_else(|| Arc::new(self.decided.own_urls()))
    }

    /// The way that was worked out, or that is now.
    pub(crate) fn way(&self, mtls: bool, region: Option<&Region>) -> Result<Arc<Way>, Error> {
        let ready = self.ways.as_ref().and_then(|ways| match mtls {
            true => ways.mtls.clone(),
            false => ways.plain.clone(),
        });
        ready.unwrap_or_else(|| self.decided.way(mtls, region))
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Way").field(&self.url).finish()
    }
}
