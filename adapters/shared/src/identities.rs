//! What belongs to a certificate: its identity and whatever an adapter builds for it, such as connections. Bounded; the least
//! recently used goes first.

use std::fmt;

use entra_proto::{Failure, Thumbprint};

use crate::failure::missing;
use crate::identity::ClientIdentity;
use crate::sync::{Arc, Mutex, PoisonError};

/// Identities by thumbprint, each with what was built for it alone (DESIGN: connections are never shared and never swapped).
///
/// ```
/// use entra_adapter::{ClientIdentity, Identities, Network, NetworkError, Tls};
///
/// /// Connections of an adapter: here the TLS that they begin with.
/// struct Pool(rustls::ClientConfig);
///
/// fn pool(tls: &Tls, pools: &Identities<Pool>, identity: &ClientIdentity) -> Result<std::sync::Arc<Pool>, NetworkError> {
///     pools.built(identity, |identity| tls.with_identity(identity).map(Pool))
/// }
/// let pools: Identities<Pool> = Identities::new(32);
/// assert!(pools.is_empty());
/// # let _ = (pool, Network::new);
/// ```
pub struct Identities<T> {
    most: usize,
    /// The most recently used last.
    held: Mutex<Vec<Slot<T>>>,
}

struct Slot<T> {
    thumbprint: Thumbprint,
    identity: ClientIdentity,
    built: Option<Arc<T>>,
}

impl<T> Identities<T> {
    /// Holds at most this many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            held: Mutex::new(Vec::new()),
        }
    }

    /// Remembers an identity. One that is known already keeps what was built for it.
    pub fn insert(&self, identity: &ClientIdentity) {
        let thumbprint = identity.thumbprint();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = match held.iter().position(|slot| slot.thumbprint == thumbprint) {
            Some(place) => held.remove(place),
            None => Slot {
                thumbprint,
                identity: identity.clone(),
                built: None,
            },
        };
        if held.len() >= self.most {
            held.remove(0);
        }
        held.push(slot);
    }

    /// The identity of this certificate, if it is still held.
    #[must_use]
    pub fn get(&self, thumbprint: Thumbprint) -> Option<ClientIdentity> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter()
            .find(|slot| slot.thumbprint == thumbprint)
            .map(|slot| slot.identity.clone())
    }

    /// The identity of this certificate: the one that a flow's provider named, else one that is held.
    ///
    /// # Errors
    /// `Provider`: nobody has given its key.
    pub fn find(
        &self,
        named: Option<&ClientIdentity>,
        thumbprint: Thumbprint,
    ) -> Result<ClientIdentity, Failure> {
        let named = named.filter(|identity| identity.thumbprint() == thumbprint);
        named
            .cloned()
            .or_else(|| self.get(thumbprint))
            .ok_or_else(|| {
                missing(
                    "this client does not hold the key of that certificate; give it with identity()",
                )
            })
    }

    /// What is built for this identity, building it if need be: once, whoever asks at the same time.
    ///
    /// # Errors
    /// What `build` says; nothing is remembered then.
    pub fn built<E>(
        &self,
        identity: &ClientIdentity,
        build: impl FnOnce(&ClientIdentity) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        self.insert(identity);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let thumbprint = identity.thumbprint();
        let Some(slot) = held.iter_mut().find(|slot| slot.thumbprint == thumbprint) else {
            // Pushed out between the two locks by others: this one call builds for itself.
            return build(identity).map(Arc::new);
        };
        if let Some(built) = &slot.built {
            return Ok(Arc::clone(built));
        }
        let built = Arc::new(build(&slot.identity)?);
        slot.built = Some(Arc::clone(&built));
        Ok(built)
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> fmt::Debug for Identities<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities")
            .field("held", &self.len())
            .field("most", &self.most)
            .finish()
    }
}
