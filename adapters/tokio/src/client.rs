//! The client that applications hold: built once, cheap to clone, shared by all tasks.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use entra_adapter::{
    AssertionSource, Audience, BuildError, CertificateSource, ClientIdentity, Handed, Settings,
    Slots, State, Wake, authorize, question,
};
use entra_proto::{
    AccessToken, Body, Client, Error, Failure, FailureKind, Now, Plan, Thumbprint, TokenRequest,
};
use tokio::sync::oneshot;

use crate::driver;
use crate::http_client::HttpClient;
use crate::provider::{AssertionProvider, CertificateProvider, OnThread};
use crate::resource::Resource;
use crate::source::HeldSource;

/// Gets tokens. Cheap to clone, `Send` and `Sync`; all clones share memory, turns and connections.
///
/// Dropping the future of [`token`](Self::token) cancels the acquisition, and whoever waited for it goes on.
///
/// The [crate's documentation](crate) builds one and asks it for a token; [`Resource`] shows how it calls a resource.
#[derive(Clone)]
pub struct EntraClient(Arc<Shared>);

/// What all clones share.
pub(crate) struct Shared {
    pub(crate) state: State<Waker>,
    pub(crate) assertions: Option<Box<dyn AssertionProvider>>,
    pub(crate) certificates: Option<Box<dyn CertificateProvider>>,
    pub(crate) http: HttpClient,
}

/// What takes more than a look.
type Acquisition<'a> = Pin<Box<dyn Future<Output = Result<AccessToken, Error>> + Send + 'a>>;

/// Wakes a task that waits for its turn.
#[derive(Debug)]
pub(crate) struct Waker(pub(crate) oneshot::Sender<Handed<Self>>);

impl Wake for Waker {
    fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> {
        self.0.send(handed)
    }
}

/// Builds an [`EntraClient`].
///
/// ```
/// use entra_tokio::{Client, Credential, EntraClient, Network, Secret};
///
/// let credential = Credential::secret(Secret::new("from a vault"));
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
/// let entra = EntraClient::builder(client)
///     .network(Network::new().no_proxy())
///     .observer(|event| eprintln!("{event}"))
///     .build()?;
/// # let _ = entra;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct EntraClientBuilder {
    settings: Settings,
    assertions: Option<Box<dyn AssertionProvider>>,
    certificates: Option<Box<dyn CertificateProvider>>,
}

impl EntraClient {
    /// A client of the core, to be given what it needs from outside.
    ///
    /// [`EntraClientBuilder`] has an example.
    pub fn builder(client: Client) -> EntraClientBuilder {
        EntraClientBuilder {
            settings: Settings::new(client),
            assertions: None,
            certificates: None,
        }
    }

    /// A token: from memory, from whoever is fetching the same right now, or from Entra.
    ///
    /// # Errors
    /// Everything in the table of [`Error`]; `request_timeout` also when the request's own deadline passes.
    pub async fn token(&self, request: &TokenRequest) -> Result<AccessToken, Error> {
        if let Some(token) = self.0.state.hit(request.look(self.client())) {
            return Ok(token);
        }
        self.plan_for(request).await
    }

    /// A source of tokens for one request, for whoever asks before every call: what the request needs is worked out once, and the
    /// token is held.
    ///
    /// ```
    /// # use entra_tokio::{Client, Credential, EntraClient, Secret, TokenRequest};
    /// # let credential = Credential::secret(Secret::new("s"));
    /// # let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
    /// # let entra = EntraClient::builder(client).build().unwrap();
    /// let mut vault = entra.source(&TokenRequest::for_app(["https://vault.azure.net/.default"]))?;
    /// // Before every call: vault.token().await?
    /// # Ok::<(), entra_tokio::Error>(())
    /// ```
    ///
    /// # Errors
    /// What is wrong with the request, as for [`token`](Self::token).
    pub fn source(&self, request: &TokenRequest) -> Result<HeldSource, Error> {
        let plan = request.clone().plan(self.client())?.ready();
        Ok(HeldSource::new(self.clone(), plan))
    }

    /// The same for a plan that this client made.
    #[inline]
    pub(crate) async fn token_for(&self, plan: &Plan) -> Result<AccessToken, Error> {
        if let Some(token) = self.0.state.hit(plan.look()) {
            return Ok(token);
        }
        self.flow_of(plan).await
    }

    /// On the heap, as the next, so that the futures which find a token at once are small.
    #[cold]
    fn plan_for<'a>(&'a self, request: &'a TokenRequest) -> Acquisition<'a> {
        Box::pin(async { self.token_for(&request.clone().plan(self.client())?).await })
    }

    #[cold]
    fn flow_of<'a>(&'a self, plan: &'a Plan) -> Acquisition<'a> {
        Box::pin(self.flow(plan))
    }

    async fn flow(&self, plan: &Plan) -> Result<AccessToken, Error> {
        let (result, offered) = self.run(plan.clone()).await;
        if let Some(renewal) = self.0.state.renewal(offered) {
            let this = self.clone();
            // Whatever comes of it: a renewal that fails hides nothing (rule 10).
            tokio::spawn(async move {
                let (result, _) = this.run(renewal.plan().clone()).await;
                renewal.end(&result);
            });
        }
        self.0.state.measured(result)
    }

    async fn run(&self, plan: Plan) -> (Result<AccessToken, Error>, Option<Plan>) {
        // The core ends a flow by its deadline wherever it decides; this is for the waits between its decisions.
        let limit = plan.allowed_time().saturating_add(GRACE);
        match tokio::time::timeout(limit, driver::run(&self.0, plan)).await {
            Ok(ended) => ended,
            Err(_) => (Err(Error::deadline_passed()), None),
        }
    }

    /// A resource, for whose tokens `request` asks, and the hosts that they may be sent to.
    #[must_use]
    pub fn resource(&self, request: TokenRequest, audience: Audience) -> Resource {
        Resource::new(self.clone(), request, audience)
    }

    /// Sends a request to a resource with this token: its scheme in `Authorization`, and a PoP token over connections with its
    /// own certificate. Whatever host the URL names gets the token: [`resource`](Self::resource) watches over that.
    ///
    /// # Errors
    /// A [`Failure`]; `CertificateNotRequested` if the resource never asked for the certificate of a PoP token.
    pub async fn send(
        &self,
        token: &AccessToken,
        mut request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Failure> {
        authorize(token, &mut request)?;
        let allowed = self.0.state.resource_allowance();
        match token.binding_certificate() {
            None => self.0.http.plain(&request, allowed).await,
            Some(certificate) => {
                let identity = self
                    .identity(certificate.thumbprint())
                    .ok_or_else(|| Failure::new(FailureKind::Provider))?;
                self.0
                    .http
                    .with_identity(&identity, &request, allowed)
                    .await
            }
        }
    }

    /// Asks a question that needs no token, such as whether a host answers and how late it is there: a GET with the roots, the names,
    /// the proxy and the limits of this client's other requests, over TLS that authenticates the server alone; an `http` URL without TLS
    /// and straight there, as the metadata service is asked. Headers that carry credentials are left out.
    ///
    /// # Errors
    /// A [`Failure`]: why there is no answer.
    pub async fn probe(
        &self,
        uri: &http::Uri,
        headers: &http::HeaderMap,
    ) -> Result<http::Response<Body>, Failure> {
        let (request, allowed) = (question(uri, headers), self.0.state.resource_allowance());
        if uri.scheme() == Some(&http::uri::Scheme::HTTP) {
            self.0.http.direct(&request, allowed).await
        } else {
            self.0.http.plain(&request, allowed).await
        }
    }

    /// Takes in tokens that were stored earlier, by this program or by another that uses an MSAL: a token cache in the unified
    /// schema that the MSALs share. Returns how many of them serve here; what is newer in memory stays. The rest of the document
    /// is kept for [`export_cache`](Self::export_cache), until another is imported.
    ///
    /// The document is as good as the place that it comes from: whoever can write there can hand out tokens of their own.
    ///
    /// # Errors
    /// `json_parse_failed`: it is no such document. Then nothing changes; whoever goes on without it should not overwrite it either.
    pub fn import_cache(&self, document: &[u8]) -> Result<usize, Error> {
        self.0.state.import_cache(document)
    }

    /// What is remembered, as such a document: access tokens, and users' refresh tokens and ID tokens. What the document that was
    /// imported last has besides, for others, is still in it. It holds secrets: store it where nobody else reads.
    #[must_use]
    pub fn export_cache(&self) -> Body {
        self.0.state.export_cache()
    }

    /// The identity of a certificate that this client has used, while it is held.
    #[must_use]
    pub fn identity(&self, thumbprint: Thumbprint) -> Option<ClientIdentity> {
        self.0.http.identity(thumbprint)
    }

    #[inline]
    pub(crate) fn about_now(&self) -> Now {
        self.0.state.clock().about_now()
    }

    pub(crate) fn slots(&self) -> &Slots {
        self.0.state.slots()
    }

    /// The core's client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.state.settings().client
    }
}

/// How much longer than the deadline the core may take to say so itself.
const GRACE: Duration = Duration::from_millis(250);

impl EntraClientBuilder {
    /// Who makes the assertions of [`Credential::assertion_provider`](entra_proto::Credential::assertion_provider) and
    /// [`Credential::signed_assertion_provider`](entra_proto::Credential::signed_assertion_provider).
    pub fn assertion_provider(self, provider: impl AssertionProvider) -> Self {
        Self {
            assertions: Some(Box::new(provider)),
            ..self
        }
    }

    /// Who names the certificates of [`Credential::certificate_provider`](entra_proto::Credential::certificate_provider).
    pub fn certificate_provider(self, provider: impl CertificateProvider) -> Self {
        Self {
            certificates: Some(Box::new(provider)),
            ..self
        }
    }

    /// A source in place of a provider of assertions: it may block, and is called on a thread for that.
    pub fn assertion_source(self, source: impl AssertionSource) -> Self {
        self.assertion_provider(OnThread::new(source))
    }

    /// Likewise for certificates.
    pub fn certificate_source(self, source: impl CertificateSource) -> Self {
        self.certificate_provider(OnThread::new(source))
    }

    entra_adapter::builder_options!();

    /// Builds the client; connections are made when they are needed.
    ///
    /// # Errors
    /// [`BuildError`]: what the credential needs and was not given, or the network's settings.
    pub fn build(self) -> Result<EntraClient, BuildError> {
        let state = State::new(
            self.settings,
            self.assertions.is_some(),
            self.certificates.is_some(),
        )?;
        let http = HttpClient::new(state.settings().network.clone())?;
        for identity in &state.settings().identities {
            http.remember(identity);
        }
        Ok(EntraClient(Arc::new(Shared {
            state,
            assertions: self.assertions,
            certificates: self.certificates,
            http,
        })))
    }
}

impl fmt::Debug for EntraClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraClient")
            .field("settings", self.0.state.settings())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EntraClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraClientBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
