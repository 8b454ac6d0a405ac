//! What a flow ends in when it ends well: an access token and what is known of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::account::Account;
use crate::cache::{Held, Issued, TokenKind};
use crate::certificate::Certificate;
use crate::metadata::Metadata;
use crate::region::Region;
use crate::secret::Secret;
use crate::time::Now;

/// An access token. Clones share its text.
///
/// ```no_run
/// # fn call(token: &entra_proto::AccessToken) -> String {
/// // What goes into the resource's `Authorization` header.
/// format!("{} {}", token.token_type(), token.secret().expose())
/// # }
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct AccessToken {
    /// Shared with the cache and with whoever else was handed it, so that a hit copies nothing.
    pub(crate) issued: Arc<Issued>,
    pub(crate) kind: TokenKind,
    pub(crate) source: TokenSource,
    /// In nanoseconds, as the next.
    pub(crate) expires_in: u64,
    pub(crate) expires_at: u64,
    pub(crate) renewal_due: bool,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) metadata: Metadata,
}

/// Where a token came from.
///
/// ```
/// use entra_proto::{AccessToken, TokenSource};
///
/// fn was_fetched_for_this_call(token: &AccessToken) -> bool {
///     token.source() == TokenSource::Network
/// }
/// # let _ = was_fetched_for_this_call;
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TokenSource {
    /// The service issued it for this request.
    Network,
    /// It was remembered.
    Cache,
}

impl AccessToken {
    /// A token that was remembered, as it is handed out now.
    #[inline]
    pub(crate) fn remembered(held: Held<'_>, metadata: Metadata, now: Now) -> Self {
        let left = held.issued.life.left_nanos(now);
        Self {
            source: TokenSource::Cache,
            expires_in: left,
            expires_at: now.wall_nanos().saturating_add(left),
            renewal_due: held.issued.renewal_is_due(now),
            refresh_token: None,
            issued: Arc::clone(held.issued),
            kind: held.about.kind,
            metadata,
        }
    }

    /// The token's text.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.issued.token
    }

    /// The kind, which is also the scheme of the `Authorization` header.
    #[must_use]
    pub fn token_type(&self) -> TokenKind {
        self.kind
    }

    /// Whether it was fetched or remembered.
    #[must_use]
    pub fn source(&self) -> TokenSource {
        self.source
    }

    /// The certificate that a PoP token is bound to: present it to the resource. A Bearer token has none, over whatever
    /// transport it came (rule 2).
    #[must_use]
    pub fn binding_certificate(&self) -> Option<&Certificate> {
        self.issued.certificate()
    }

    /// How long it lives from the moment it was handed out.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        Duration::from_nanos(self.expires_in)
    }

    /// When it ends, as time since the Unix epoch by the driver's wall clock.
    #[must_use]
    pub fn expires_at(&self) -> Duration {
        Duration::from_nanos(self.expires_at)
    }

    /// Whether it was getting old when it was handed out, so that [`Done::take_renewal`](crate::Done::take_renewal) has a renewal
    /// to offer, unless that flow was one itself.
    #[must_use]
    #[inline]
    pub fn renewal_is_due(&self) -> bool {
        self.renewal_due
    }

    /// Until when whoever holds on to it may use it as it is, which is while [`Now::precedes`] says so: then by either clock it has
    /// five minutes left (rule 10), or its renewal is due. For drivers that keep a token beside the memory.
    ///
    /// ```
    /// use entra_proto::{AccessToken, Now};
    ///
    /// fn is_kept(token: &AccessToken, now: Now) -> bool {
    ///     now.precedes(token.serves_until())
    /// }
    /// # let _ = is_kept;
    /// ```
    #[must_use]
    pub fn serves_until(&self) -> Now {
        self.issued.serves_until()
    }

    /// The region whose endpoint issued it.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.metadata.region()
    }

    /// The URL that issued it, without parameters of the caller's own; none if it was remembered.
    #[must_use]
    pub fn token_endpoint(&self) -> Option<&str> {
        self.metadata.token_endpoint()
    }

    /// The user whose token it is, if the grant is about one and the service said so: for
    /// [`TokenRequest::for_account`](crate::TokenRequest::for_account), whose tokens are always of the account asked for.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.issued.account()
    }

    /// The refresh token that came with it, if the grant brings one. It is remembered for the account, but not that of a token on
    /// behalf of a user, which lives as long as the user's own.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.refresh_token.as_ref()
    }

    /// The ID token that came with it, not validated: it tells the client about the user, it authorizes nothing.
    #[must_use]
    pub fn id_token(&self) -> Option<&Secret> {
        self.issued.id_token()
    }

    /// How the flow went that handed it out.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The id under which the service logged this request; see [`Metadata::correlation_id`].
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.metadata.correlation_id()
    }

    /// How many token requests were sent for it.
    #[must_use]
    pub fn attempts(&self) -> u8 {
        self.metadata.attempts()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("kind", &self.kind)
            .field("source", &self.source)
            .field("binding_certificate", &self.binding_certificate())
            .field("expires_in", &self.expires_in())
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}
