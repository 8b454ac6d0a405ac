//! Partitions: the entries under one key, the look-up among them and the merge into them. All pure.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::account::Account;
use crate::authority::Endpoints;
use crate::certificate::Certificate;
use crate::error::Error;
use crate::metadata::CacheOutcome;
use crate::region::Region;
use crate::secret::Secret;
use crate::time::{Now, Span};

use super::key::{ScopeSet, TokenKind};

/// How long before its end a token stops to serve (rule 10).
const MARGIN: Duration = Duration::from_secs(300);

/// What is remembered under one [`PartitionKey`](super::PartitionKey). A key that nobody has written to has an empty one.
///
/// [`CacheUpdate`] has an example of a store for them.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Partition {
    entries: Vec<Arc<Entry>>,
    /// Few partitions have one, and it is larger than all the rest.
    note: Option<Arc<Note>>,
}

/// One token that was issued, shared by the cache and by everybody who is handed it.
#[derive(Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) kind: TokenKind,
    pub(crate) scopes: ScopeSet,
    /// The scopes as they were spelled: MSAL for Python, which reads them in a portable cache, tells letters by their case.
    pub(crate) target: Arc<str>,
    pub(crate) token: Secret,
    pub(crate) life: Span,
    /// The age from which renewing is due, jitter included.
    pub(crate) renew_at_age: Option<Duration>,
    /// The certificate that a PoP token is bound to.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) region: Option<Region>,
    /// A user's tokens come with what tells the client about the user.
    pub(crate) id_token: Option<Secret>,
    pub(crate) account: Option<Account>,
}

/// What is remembered about the world rather than about a token.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Note {
    /// The region that was found: for the life of the client.
    Region(Region),
    /// No region was found: for this long.
    NoRegion(Span),
    /// The host is one of Entra's.
    ValidInstance(Span),
    /// What an OpenID provider's document named, after it was judged.
    Provider(Endpoints, Span),
    /// A user's refresh token.
    RefreshToken(Secret, Span),
    /// The service asked not to be asked, with this error.
    Throttled(Error, Span),
}

/// What a look-up wants besides the scopes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wanted {
    /// Any token that serves.
    Any,
    /// One that was fetched since: for whoever bypasses reading and waited for another who does.
    Since(Now),
    /// One whose renewal is not due: for a renewal that somebody else may have done.
    Fresh,
}

impl Partition {
    /// How many entries and notes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
            .len()
            .saturating_add(usize::from(self.note.is_some()))
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry that serves: one with these very scopes, else of the supersets the one that lasts longest.
    pub(crate) fn find(&self, scopes: &ScopeSet, wanted: Wanted, now: Now) -> Option<&Arc<Entry>> {
        let serving = || {
            self.entries
                .iter()
                .filter(move |entry| entry.serves(wanted, now))
        };
        serving().find(|entry| entry.scopes == *scopes).or_else(|| {
            serving()
                .filter(|entry| entry.scopes.has_all_of(scopes))
                .max_by_key(|entry| entry.life.left(now))
        })
    }

    /// Why [`find`](Self::find) found nothing.
    pub(crate) fn why_not(&self, scopes: &ScopeSet, wanted: Wanted) -> CacheOutcome {
        let fits = self
            .entries
            .iter()
            .any(|entry| entry.scopes.has_all_of(scopes));
        match wanted {
            Wanted::Since(_) => CacheOutcome::Bypassed,
            Wanted::Fresh => CacheOutcome::Renewed,
            Wanted::Any if fits => CacheOutcome::Expired,
            Wanted::Any => CacheOutcome::Missing,
        }
    }

    pub(crate) fn note(&self) -> Option<&Arc<Note>> {
        self.note.as_ref()
    }

    pub(super) fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The entry with these very scopes.
    pub(super) fn entry(&self, scopes: &ScopeSet) -> Option<&Arc<Entry>> {
        self.entries.iter().find(|entry| entry.scopes == *scopes)
    }

    pub(super) fn remove_entry(&mut self, scopes: &ScopeSet) {
        self.entries.retain(|entry| entry.scopes != *scopes);
    }

    pub(super) fn remove_note(&mut self) {
        self.note = None;
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("entries", &self.entries.len())
            .field("note", &self.note.is_some())
            .finish()
    }
}

impl Entry {
    /// Whether whoever holds it may go on using it without asking again.
    pub(crate) fn serves_as_it_is(&self, now: Now) -> bool {
        self.serves(Wanted::Fresh, now)
    }

    fn serves(&self, wanted: Wanted, now: Now) -> bool {
        let alive = self.life.left(now) > MARGIN;
        alive
            && match wanted {
                Wanted::Any => true,
                Wanted::Since(since) => self.life.start().monotonic() >= since.monotonic(),
                Wanted::Fresh => !self.renewal_is_due(now),
            }
    }

    pub(crate) fn renewal_is_due(&self, now: Now) -> bool {
        let age = self.life.length().saturating_sub(self.life.left(now));
        self.renew_at_age.is_some_and(|due| age >= due)
    }

    /// When it ends on the monotonic clock.
    pub(super) fn end(&self) -> Duration {
        self.life.start().after(self.life.length()).monotonic()
    }

    pub(super) fn size(&self) -> usize {
        let certificate = self
            .certificate
            .as_ref()
            .map_or(0, |certificate| certificate.der().len());
        size_of::<Self>()
            .saturating_add(self.token.expose().len())
            .saturating_add(self.scopes.size())
            .saturating_add(self.target.len())
            .saturating_add(
                self.id_token
                    .as_ref()
                    .map_or(0, |token| token.expose().len()),
            )
            .saturating_add(certificate)
    }
}

impl Note {
    /// How long a refresh token is kept: Entra's live 90 days unless used, and say so nowhere.
    pub(crate) const REFRESH_TOKEN_LASTS: Duration = Duration::from_secs(90 * 24 * 3_600);

    /// Its share of the budget: but for a refresh token, none holds more than an error or a URL.
    pub(super) fn size(&self) -> usize {
        const USUAL: usize = 512;
        match self {
            Self::RefreshToken(token, _) => USUAL.saturating_add(token.expose().len()),
            Self::Region(_)
            | Self::NoRegion(_)
            | Self::ValidInstance(_)
            | Self::Provider(..)
            | Self::Throttled(..) => USUAL,
        }
    }

    /// When it ends on the monotonic clock.
    pub(super) fn end(&self) -> Duration {
        match self {
            Self::Region(_) => Duration::MAX,
            Self::NoRegion(span)
            | Self::ValidInstance(span)
            | Self::Provider(_, span)
            | Self::RefreshToken(_, span)
            | Self::Throttled(_, span) => span.start().after(span.length()).monotonic(),
        }
    }
}

/// One change of a partition. It is a delta: two drivers that apply theirs in any order lose neither.
///
/// For a store of one's own, where a [`Memory`](super::Memory) does not do:
///
/// ```
/// use std::collections::BTreeMap;
/// use entra_proto::{LoadCache, Partition, PartitionKey, SaveCache};
///
/// #[derive(Default)]
/// struct Store(BTreeMap<PartitionKey, Partition>);
///
/// impl Store {
///     fn load(&self, load: &LoadCache) -> Partition {
///         self.0.get(load.key()).cloned().unwrap_or_default()
///     }
///
///     fn save(&mut self, save: &SaveCache) {
///         save.update().apply(self.0.entry(save.key().clone()).or_default());
///     }
/// }
/// # let _ = (Store::default(), Store::load, Store::save);
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct CacheUpdate(Change);

#[derive(Clone, Eq, PartialEq)]
pub(super) enum Change {
    Entry(Arc<Entry>),
    Note(Arc<Note>),
}

impl CacheUpdate {
    pub(crate) const fn entry(entry: Arc<Entry>) -> Self {
        Self(Change::Entry(entry))
    }

    pub(crate) fn note(note: impl Into<Arc<Note>>) -> Self {
        Self(Change::Note(note.into()))
    }

    /// Applies the change: the entry with the same scopes is replaced, and no other.
    pub fn apply(&self, partition: &mut Partition) {
        match &self.0 {
            Change::Entry(entry) => {
                partition.remove_entry(&entry.scopes);
                // Most partitions hold one: room for four, as a vector makes by itself, would be paid for by every tenant. Where
                // there are more, it makes room for many at a time, so that they are not all moved for each.
                if partition.entries.is_empty() {
                    partition.entries.reserve_exact(1);
                }
                partition.entries.push(Arc::clone(entry));
            }
            Change::Note(note) => partition.note = Some(Arc::clone(note)),
        }
    }

    pub(super) const fn change(&self) -> &Change {
        &self.0
    }
}

impl fmt::Debug for CacheUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Change::Entry(_) => "CacheUpdate(an entry)",
            Change::Note(_) => "CacheUpdate(a note)",
        })
    }
}
