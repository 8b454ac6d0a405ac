//! What an adapter's client holds whatever its runtime: the settings it was built with, and what its flows share.

use std::fmt;
use std::sync::Arc;

use entra_proto::{
    AccessToken, Body, Client, Error, Failure, Limits, Look, Now, Plan, PortableCache, SaveCache,
};

use crate::build::{BuildError, check_needs};
use crate::clock::Clock;
use crate::identity::ClientIdentity;
use crate::metrics::Metrics;
use crate::network::Network;
use crate::observe::{Event, Observer};
use crate::parts::Parts;
use crate::renewals::{Renewal, Renewals};
use crate::slot::Slots;
use crate::spans::Exchanging;
use crate::sync::{Mutex, MutexGuard, PoisonError};
use crate::turns::{Turns, Wake};

/// What a builder collects.
///
/// An adapter's builder fills it in, as [`builder_options`](crate::builder_options) shows.
#[derive(Clone)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the builders of the adapters fill it in"
)]
pub struct Settings {
    /// The core's client.
    pub client: Client,
    /// Identities behind fixed certificates.
    pub identities: Vec<ClientIdentity>,
    /// How to reach the network.
    pub network: Network,
    /// How much to remember.
    pub limits: Limits,
    /// Who is told about every step.
    pub observer: Option<Observer>,
    /// Who counts tokens and exchanges.
    pub metrics: Option<Arc<dyn Metrics>>,
    /// Whether tokens that get old are renewed in the background.
    pub background_renewal: bool,
}

impl Settings {
    /// The defaults for a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            identities: Vec::new(),
            network: Network::default(),
            limits: Limits::default(),
            observer: None,
            metrics: None,
            background_renewal: true,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("client", &self.client)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// What all flows of a client share: memory, turns and clock.
///
/// The [crate's documentation](crate) has a loop round one.
#[derive(Debug)]
pub struct State<W: Wake> {
    settings: Settings,
    memory: Parts,
    /// What was imported last, with what is in it for others.
    portable: Mutex<PortableCache>,
    turns: Turns<W>,
    renewals: Renewals,
    /// Tokens that are held beside the memory.
    slots: Slots,
    clock: Clock,
}

impl<W: Wake> State<W> {
    /// Checks that what the credential needs is there.
    ///
    /// # Errors
    /// What is missing.
    pub fn new(
        settings: Settings,
        assertions: bool,
        certificates: bool,
    ) -> Result<Self, BuildError> {
        check_needs(
            &settings.client,
            &settings.identities,
            assertions,
            certificates,
        )?;
        Ok(Self {
            memory: Parts::new(settings.limits),
            portable: Mutex::new(PortableCache::empty()),
            turns: Turns::default(),
            renewals: Renewals::default(),
            slots: Slots::default(),
            clock: Clock::start(),
            settings,
        })
    }

    /// The settings.
    #[must_use]
    #[inline]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is remembered.
    #[must_use]
    pub fn memory(&self) -> &Parts {
        &self.memory
    }

    /// The token that is remembered, if there is nothing else to do for it; none where nobody can say where to look. Where somebody
    /// listens to the steps they are taken, so that whoever listens misses nothing.
    #[inline]
    pub fn hit(&self, look: Option<Look<'_>>) -> Option<AccessToken> {
        if self.is_observed() {
            return None;
        }
        let hit = self.memory.hit(look.as_ref()?, self.clock.about_now());
        match &self.settings.metrics {
            None => hit,
            Some(_) => self.measured(Ok(hit?)).ok(),
        }
    }

    /// Tells whoever counts what came of a request for a token.
    #[expect(clippy::missing_errors_doc, reason = "it hands the result on")]
    pub fn measured(&self, result: Result<AccessToken, Error>) -> Result<AccessToken, Error> {
        if let Some(metrics) = &self.settings.metrics {
            metrics.acquired(&result);
        }
        result
    }

    /// The answer of an exchange, told to whoever listens.
    pub fn answered(
        &self,
        exchanging: Exchanging<'_>,
        answer: &Result<http::Response<Body>, Failure>,
    ) {
        self.observe(|| Event::answered(answer));
        exchanging.end(answer, self.settings.metrics.as_deref());
    }

    /// Remembers what a flow says. Whoever holds a token beside the memory looks there again.
    pub fn save(&self, save: &SaveCache, now: Now) {
        self.memory.save(save.key(), save.update(), now);
        self.slots.let_go(save.key());
    }

    /// The slots for tokens that are held beside the memory.
    #[must_use]
    #[inline]
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    #[inline]
    fn is_observed(&self) -> bool {
        self.settings.observer.is_some() || tracing::enabled!(tracing::Level::DEBUG)
    }

    /// Takes in what makes sense of a document, says how many tokens that were, and keeps the document for
    /// [`export_cache`](Self::export_cache).
    ///
    /// # Errors
    /// `json_parse_failed`; then everything stays as it was.
    pub fn import_cache(&self, document: &[u8]) -> Result<usize, Error> {
        let document = PortableCache::read(document)?;
        let mut portable = self.portable();
        let found = self.memory.load_from(&document, self.clock.now());
        self.slots.let_all_go();
        *portable = document;
        Ok(found)
    }

    /// The document that was imported last, with what is remembered now.
    pub fn export_cache(&self) -> Body {
        let mut portable = self.portable();
        self.memory.add_to(&mut portable, self.clock.now());
        portable.write()
    }

    fn portable(&self) -> MutexGuard<'_, PortableCache> {
        self.portable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turns.
    #[must_use]
    pub fn turns(&self) -> &Turns<W> {
        &self.turns
    }

    /// Begins the renewal that a flow offered, in the background: unless the settings say no, or one of the same token goes on or began a
    /// short while ago (see [`entra_proto::Renewals`]). It goes on until what is returned says that it is over.
    ///
    /// ```
    /// # use entra_adapter::{Handed, Settings, State, Wake};
    /// # use entra_proto::*;
    /// # struct Waker;
    /// # impl Wake for Waker {
    /// #     fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> { Err(handed) }
    /// # }
    /// # fn run(_: &State<Waker>, _: Plan) -> Result<AccessToken, Error> { Err(Error::no_randomness()) }
    /// # let credential = Credential::secret(Secret::new("s"));
    /// # let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
    /// # let offered = Some(TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?);
    /// let state: State<Waker> = State::new(Settings::new(client), false, false)?;
    /// if let Some(renewal) = state.renewal(offered) {
    ///     // On a thread or task of its own:
    ///     let result = run(&state, renewal.plan().clone());
    ///     renewal.end(&result);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    #[must_use]
    pub fn renewal(&self, offered: Option<Plan>) -> Option<Renewal> {
        let offered = offered.filter(|_| self.settings.background_renewal)?;
        self.renewals.begin(offered, self.clock.about_now())
    }

    /// The clock.
    #[must_use]
    #[inline]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Tells the observer, and the log at debug level. The event is made only if somebody listens.
    pub fn observe(&self, event: impl FnOnce() -> Event) {
        if !self.is_observed() {
            return;
        }
        let event = event();
        tracing::debug!(step = event.step, detail = %event.detail);
        if let Some(observer) = &self.settings.observer {
            observer(&event);
        }
    }
}

/// What one answer may take.
///
/// The loop of the [crate's documentation](crate) asks for one with each request.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "two numbers for one call")]
pub struct Allowance {
    /// From the connection to the last byte.
    pub time: std::time::Duration,
    /// Of the body.
    pub bytes: usize,
}

impl<W: Wake> State<W> {
    /// What an answer that is due by `deadline` may take: one attempt's time at most.
    #[must_use]
    pub fn allowance(&self, deadline: std::time::Duration, bytes: usize) -> Allowance {
        Allowance {
            time: self
                .clock
                .until(deadline)
                .min(self.settings.network.request_limit()),
            bytes,
        }
    }

    /// What a resource's answer may take.
    #[must_use]
    pub fn resource_allowance(&self) -> Allowance {
        Allowance {
            time: self.settings.network.request_limit(),
            bytes: 4 * 1_024 * 1_024,
        }
    }
}
