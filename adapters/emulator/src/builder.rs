//! The configuration of an emulator: everything has a default, what differs is chained.
//!
//! `start` makes the keys and opens the sockets; `build_service` makes the model alone.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::application::{Application, ManagedIdentity};
use crate::authority::{CertificateAuthority, fill_random};
use crate::digest;
use crate::emulator::Emulator;
use crate::error::StartError;
use crate::fault::Faults;
use crate::hosts::{Hosts, RESOURCE_HOST};
use crate::record::Records;
use crate::server::Shared;
use crate::service::{Directory, Service};
use crate::tls::{TlsConfigs, TlsVersions};

/// The tenant of an emulator that was not given one. It is also called `contoso.onmicrosoft.com`.
///
/// ```
/// use entra_emulator::TENANT_ID;
///
/// let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
/// # let _ = authority;
/// ```
pub const TENANT_ID: &str = "22222222-2222-2222-2222-222222222222";

/// The configuration of an emulator.
///
/// ```
/// use std::time::Duration;
/// use entra_emulator::{Application, Emulator, TlsVersions};
///
/// let emulator = Emulator::builder()
///     .application(Application::new("11111111-1111-1111-1111-111111111111").secret("a client secret"))
///     .tls_versions(TlsVersions::Only12)
///     .token_lifetime(Duration::from_secs(600))
///     .start()?;
/// assert!(emulator.token_requests().is_empty());
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[must_use]
pub struct EmulatorBuilder {
    tenants: Vec<Vec<String>>,
    applications: Vec<Application>,
    identities: Vec<ManagedIdentity>,
    region: Option<String>,
    versions: TlsVersions,
    resumption: bool,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    listen: SocketAddr,
    imds_listen: SocketAddr,
    resource_host: String,
    logins: Vec<String>,
    lifetime: Duration,
    refresh_in: Option<Duration>,
    record_limit: usize,
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            tenants: Vec::new(),
            applications: Vec::new(),
            identities: Vec::new(),
            region: Some("eastus".to_owned()),
            versions: TlsVersions::Both,
            resumption: true,
            clock: Arc::new(SystemTime::now),
            listen: loopback,
            imds_listen: loopback,
            resource_host: RESOURCE_HOST.to_owned(),
            logins: Vec::new(),
            lifetime: Duration::from_secs(3_599),
            refresh_in: None,
            record_limit: 100_000,
        }
    }
}

impl EmulatorBuilder {
    /// Adds a tenant by its GUID. The first one is the home of managed identities, and takes the place of the default one.
    pub fn tenant(mut self, id: impl Into<String>) -> Self {
        self.tenants.push(vec![id.into()]);
        self
    }

    /// Gives the tenant that was added last, or the default one, another name.
    pub fn tenant_name(mut self, name: impl Into<String>) -> Self {
        if self.tenants.is_empty() {
            self.tenants.push(vec![TENANT_ID.to_owned()]);
        }
        if let Some(names) = self.tenants.last_mut() {
            names.push(name.into());
        }
        self
    }

    /// Adds an application.
    pub fn application(mut self, application: Application) -> Self {
        self.applications.push(application);
        self
    }

    /// Adds a managed identity, for which the metadata service gives tokens.
    pub fn managed_identity(mut self, identity: ManagedIdentity) -> Self {
        self.identities.push(identity);
        self
    }

    /// Sets the region that the metadata service names; `eastus` unless told otherwise.
    pub fn imds_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The metadata service knows no region.
    pub fn no_imds_region(mut self) -> Self {
        self.region = None;
        self
    }

    /// Sets the versions of TLS; both unless told otherwise.
    pub fn tls_versions(mut self, versions: TlsVersions) -> Self {
        self.versions = versions;
        self
    }

    /// Are sessions resumed? They are unless told otherwise.
    pub fn resumption(mut self, on: bool) -> Self {
        self.resumption = on;
        self
    }

    /// Sets the clock by which tokens are issued and assertions judged; TLS keeps the real one.
    pub fn clock(mut self, clock: Arc<dyn Fn() -> SystemTime + Send + Sync>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the address of the TLS port; any free port of `127.0.0.1` unless told otherwise.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the address of the metadata service; any free port of `127.0.0.1` unless told otherwise.
    pub fn imds_listen(mut self, address: SocketAddr) -> Self {
        self.imds_listen = address;
        self
    }

    /// Sets the host of the protected resource; `resource.entra-emulator.test` unless told otherwise.
    pub fn resource_host(mut self, host: impl Into<String>) -> Self {
        self.resource_host = host.into();
        self
    }

    /// Serves another `login.` host, known to instance discovery, with its `mtlsauth.` sibling and their regions.
    pub fn login_host(mut self, host: impl Into<String>) -> Self {
        self.logins.push(host.into());
        self
    }

    /// Sets for how long access tokens are good; 3,599 seconds unless told otherwise.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets `refresh_in` of the answers; there is none unless told otherwise.
    pub fn refresh_in(mut self, refresh_in: Duration) -> Self {
        self.refresh_in = Some(refresh_in);
        self
    }

    /// How many connections, and how many requests, are remembered; 100,000 unless told otherwise.
    pub fn record_limit(mut self, limit: usize) -> Self {
        self.record_limit = limit.max(1);
        self
    }

    /// The service alone, for tests that need no sockets.
    ///
    /// # Errors
    /// If keys cannot be made.
    pub fn build_service(self) -> Result<Service, StartError> {
        let mut tenants = self.tenants;
        if tenants.is_empty() {
            tenants.push(vec![TENANT_ID.to_owned()]);
        }
        // Names that the first tenant has unless another one has taken them.
        for name in ["contoso.onmicrosoft.com", "contoso"] {
            let taken = tenants.iter().flatten().any(|known| known == name);
            if let (false, Some(names)) = (taken, tenants.first_mut()) {
                names.push(name.to_owned());
            }
        }
        let directory = Directory {
            hosts: Hosts::new(&self.resource_host, &self.logins),
            tenants,
            identities: self.identities,
            region: self.region,
            lifetime: self.lifetime,
            refresh_in: self.refresh_in,
        };
        let mut seed = [0_u8; 32];
        fill_random(&mut seed)?;
        Service::new(directory, self.applications, digest::base64url(&seed))
    }

    /// Makes keys, listens, and serves.
    ///
    /// # Errors
    /// If an address is not on loopback or cannot be listened on, or if keys or threads cannot be made.
    pub fn start(self) -> Result<Emulator, StartError> {
        let tls = listen(self.listen)?;
        let imds = listen(self.imds_listen)?;
        let authority = CertificateAuthority::generate()?;
        let resource_host = self.resource_host.clone();
        let shared = Shared {
            tls: TlsConfigs::new(authority, self.versions, self.resumption),
            faults: Faults::default(),
            records: Records::new(self.record_limit),
            clock: Arc::clone(&self.clock),
            service: self.build_service()?,
        };
        Emulator::serve(shared, resource_host, tls, imds)
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("tenants", &self.tenants)
            .field("applications", &self.applications)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// A listener on loopback, not blocking.
fn listen(address: SocketAddr) -> Result<std::net::TcpListener, StartError> {
    if !address.ip().is_loopback() {
        return Err(StartError::NotLoopback(address));
    }
    let listener = std::net::TcpListener::bind(address).map_err(StartError::Listen)?;
    listener.set_nonblocking(true).map_err(StartError::Listen)?;
    Ok(listener)
}
