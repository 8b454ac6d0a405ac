//! A running emulator: where it listens, what it has seen, what it is told to do wrong.
//!
//! It has threads of its own and stops when dropped, beside blocking and asynchronous tests alike: none of its methods waits
//! for the network.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::application::Application;
use crate::builder::EmulatorBuilder;
use crate::error::StartError;
use crate::fault::{Fault, Target};
use crate::record::{ConnectionRecord, RequestRecord};
use crate::server::{self, Shared};
use crate::service::{AssertionSpec, Service};

/// A running emulator.
///
/// ```
/// use entra_emulator::{Application, Emulator};
///
/// let emulator = Emulator::builder()
///     .application(Application::new("11111111-1111-1111-1111-111111111111").secret("a client secret"))
///     .start()?;
/// // What a client needs to know of it: whom to trust, and where the hosts' names lead.
/// assert!(emulator.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// assert!(emulator.address().ip().is_loopback());
/// // And what a test wants to know afterwards.
/// assert_eq!(emulator.accepted(), 0);
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
pub struct Emulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    imds_address: SocketAddr,
    ca_pem: String,
    resource_host: String,
    /// Held so that they stop with the emulator.
    _threads: Threads,
}

impl Emulator {
    /// Begins a configuration: one tenant, no applications, any free port on loopback.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// Serves on two listeners that do not block.
    pub(crate) fn serve(
        shared: Shared,
        resource_host: String,
        tls: TcpListener,
        imds: TcpListener,
    ) -> Result<Self, StartError> {
        let address = tls.local_addr().map_err(StartError::Listen)?;
        let imds_address = imds.local_addr().map_err(StartError::Listen)?;
        let ca_pem = shared.tls.authority().pem();
        let shared = Arc::new(shared);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("entra-emulator")
            .enable_all()
            .build()
            .map_err(StartError::Listen)?;
        let threads = Threads(Some(runtime));
        for (listener, secure) in [(tls, true), (imds, false)] {
            threads.spawn(listener, Arc::clone(&shared), secure)?;
        }
        Ok(Self {
            shared,
            address,
            imds_address,
            ca_pem,
            resource_host,
            _threads: threads,
        })
    }

    /// Where the TLS port is. Clients have to take the hosts' names for this address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the metadata service is, on plain HTTP; it stands for `169.254.169.254:80`.
    pub fn imds_address(&self) -> SocketAddr {
        self.imds_address
    }

    /// The certificate of the emulator's authority, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The certificate of the emulator's authority, as DER.
    pub fn ca_der(&self) -> &[u8] {
        self.shared.tls.authority().der()
    }

    /// The names that are served; `*.name` stands for regions or tenants below a name.
    pub fn hosts(&self) -> Vec<String> {
        self.shared.service.directory().hosts.names()
    }

    /// Is that name served?
    pub fn serves(&self, host: &str) -> bool {
        self.shared
            .service
            .directory()
            .hosts
            .look_up(host)
            .is_some()
    }

    /// The host of the protected resource.
    pub fn resource_host(&self) -> &str {
        &self.resource_host
    }

    /// The service without its sockets.
    pub fn service(&self) -> &Service {
        &self.shared.service
    }

    /// Adds an application, in place of one with the same client id.
    pub fn register(&self, application: Application) {
        self.shared.service.register(application);
    }

    /// Registers one more certificate on an application; says whether there is such an application.
    pub fn register_certificate(
        &self,
        client_id: &str,
        certificate_der: impl Into<Vec<u8>>,
    ) -> bool {
        self.shared
            .service
            .add_certificate(client_id, certificate_der.into())
    }

    /// Signs a federated assertion as its issuer would.
    pub fn issue_assertion(&self, spec: &AssertionSpec) -> String {
        self.shared
            .service
            .sign_assertion(spec, (self.shared.clock)())
    }

    /// A user's access token for an application, as its web front end would have got it: for on-behalf-of.
    pub fn issue_user_token(&self, client_id: &str, username: &str) -> String {
        self.shared
            .service
            .user_token(client_id, username, (self.shared.clock)())
    }

    /// A user's refresh token for an application in the home tenant, as the user's first sign-in would have brought it.
    pub fn issue_refresh_token(&self, client_id: &str, username: &str) -> String {
        self.shared
            .service
            .refresh_token(client_id, username, (self.shared.clock)())
    }

    /// The connections, in the order in which they were accepted.
    pub fn connections(&self) -> Vec<ConnectionRecord> {
        self.shared.records.connections()
    }

    /// The connections whose client named that host, in the order in which they were accepted.
    pub fn connections_to(&self, host: &str) -> Vec<ConnectionRecord> {
        self.shared.records.connections_to(host)
    }

    /// The requests, in the order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.records.requests()
    }

    /// The requests to one host, in the order of arrival: for tests that share an emulator and have a region each.
    pub fn requests_to(&self, host: &str) -> Vec<RequestRecord> {
        self.shared.records.requests_to(host)
    }

    /// The requests to token endpoints, in the order of arrival.
    pub fn token_requests(&self) -> Vec<RequestRecord> {
        self.requests()
            .into_iter()
            .filter(|request| request.path.ends_with("/token") && request.method == "POST")
            .collect()
    }

    /// How many TCP connections were accepted on both ports, whether or not a handshake followed.
    pub fn accepted(&self) -> usize {
        self.shared.records.accepted()
    }

    /// Forgets requests and closed connections and sets the counts to nought. Open connections stay known.
    pub fn clear_records(&self) {
        self.shared.records.clear();
    }

    /// Scripts a fault that happens once.
    pub fn fail_next(&self, target: Target, fault: Fault) {
        self.fail_times(1, target, fault);
    }

    /// Scripts a fault that happens so many times.
    pub fn fail_times(&self, times: usize, target: Target, fault: Fault) {
        self.shared.faults.push(target, fault, Some(times));
    }

    /// Scripts a fault that happens until [`clear_faults`](Self::clear_faults).
    pub fn set_fault(&self, target: Target, fault: Fault) {
        self.shared.faults.push(target, fault, None);
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("address", &self.address)
            .field("imds_address", &self.imds_address)
            .finish_non_exhaustive()
    }
}

/// The runtime; `None` only while it is being dropped.
struct Threads(Option<Runtime>);

impl Threads {
    fn spawn(
        &self,
        listener: TcpListener,
        shared: Arc<Shared>,
        secure: bool,
    ) -> Result<(), StartError> {
        let Some(runtime) = &self.0 else {
            return Ok(());
        };
        let _inside = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).map_err(StartError::Listen)?;
        runtime.spawn(server::accept(listener, shared, secure));
        Ok(())
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waiting for the threads would panic in an asynchronous test.
            runtime.shutdown_background();
        }
    }
}
