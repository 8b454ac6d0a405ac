//! Partitions: the entries under one key, the look-up among them and the merge into them. All pure.

use std::cmp::Reverse;
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
use crate::time::{Now, Span, nanos};

use super::scopes::ScopeSet;
use super::token_key::TokenKind;

/// How long before its end a token stops to serve (rule 10), in nanoseconds.
const MARGIN: u64 = 300 * 1_000_000_000;
/// The age that no token reaches.
const NEVER: u64 = u64::MAX;

/// What is remembered under one [`PartitionKey`](super::PartitionKey). A key that nobody has written to has an empty one.
///
/// [`CacheUpdate`] has an example of a store for them.
#[derive(Clone, Default)]
pub struct Partition {
    entries: Entries,
    /// Few partitions have one, and it is larger than all the rest.
    note: Option<Arc<Note>>,
}

/// Most partitions have one entry, which takes no allocation, neither to hold it nor to load it. Where there are many, whoever loads
/// them shares them, however many they are.
#[derive(Clone, Default)]
enum Entries {
    #[default]
    None,
    One(Entry),
    Many(Arc<Vec<Entry>>),
}

/// One token as it is remembered. Clones share it.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) about: Arc<About>,
    /// Where it was issued.
    pub(crate) region: Option<Region>,
    pub(crate) issued: Arc<Issued>,
}

/// What tokens for the same have in common, whoever's they are.
#[derive(Eq, Hash, PartialEq)]
pub(crate) struct About {
    pub(crate) kind: TokenKind,
    pub(crate) scopes: ScopeSet,
    /// The scopes as they were spelled: MSAL for Python, which reads them in a portable cache, tells letters by their case.
    pub(crate) target: Arc<str>,
}

/// An entry where it is held.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    pub(crate) about: &'a Arc<About>,
    pub(crate) region: &'a Option<Region>,
    pub(crate) issued: &'a Arc<Issued>,
}

/// What was issued, shared by the cache and by everybody who is handed it. There is one for each token, so it is kept small; and what a
/// look-up reads of it comes first, beside the count of who shares it, so that both come from memory at once.
#[derive(Eq, PartialEq)]
#[repr(C)]
pub(crate) struct Issued {
    pub(crate) life: Span,
    /// The age from which renewing is due in nanoseconds, jitter included; one that no token reaches, if none was named.
    renew_at_age: u64,
    pub(crate) token: Secret,
    /// Most tokens have nothing of it.
    beside: Option<Box<Beside>>,
}

/// What comes beside a token, of some kinds.
#[derive(Default, Eq, PartialEq)]
pub(crate) struct Beside {
    /// The certificate that a PoP token is bound to.
    pub(crate) certificate: Option<Certificate>,
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
        self.entries()
            .len()
            .saturating_add(usize::from(self.note.is_some()))
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry that serves: one with these very scopes, else of the supersets the one that lasts longest.
    pub(crate) fn find(&self, scopes: &ScopeSet, wanted: Wanted, now: Now) -> Option<Held<'_>> {
        find(self.entries().iter().map(Entry::held), scopes, wanted, now)
    }

    /// Why [`find`](Self::find) found nothing.
    pub(crate) fn why_not(&self, scopes: &ScopeSet, wanted: Wanted) -> CacheOutcome {
        let fits = self
            .entries()
            .iter()
            .any(|entry| entry.about.scopes.has_all_of(scopes));
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

    /// What is held under one key.
    pub(super) fn of<'a>(held: impl Iterator<Item = Held<'a>>, note: Option<&Arc<Note>>) -> Self {
        let mut partition = Self {
            entries: Entries::None,
            note: note.cloned(),
        };
        held.for_each(|held| partition.add_entry(held.into()));
        // A memory comes upon them in the order of its hashes, which are others in each process.
        if let Entries::Many(entries) = &mut partition.entries {
            Arc::make_mut(entries).sort_by(|one, other| one.about.scopes.cmp(&other.about.scopes));
        }
        partition
    }

    fn entries(&self) -> &[Entry] {
        match &self.entries {
            Entries::None => &[],
            Entries::One(entry) => std::slice::from_ref(entry),
            Entries::Many(entries) => entries,
        }
    }

    fn remove_entry(&mut self, scopes: &ScopeSet) {
        match &mut self.entries {
            Entries::None => {}
            Entries::One(entry) if entry.about.scopes == *scopes => self.entries = Entries::None,
            Entries::One(_) => {}
            Entries::Many(entries) => {
                Arc::make_mut(entries).retain(|entry| entry.about.scopes != *scopes);
            }
        }
    }

    fn add_entry(&mut self, entry: Entry) {
        self.entries = match std::mem::take(&mut self.entries) {
            Entries::None => Entries::One(entry),
            Entries::One(first) => Entries::Many(Arc::new(vec![first, entry])),
            Entries::Many(mut entries) => {
                Arc::make_mut(&mut entries).push(entry);
                Entries::Many(entries)
            }
        };
    }
}

/// The one that serves: one with these very scopes, else of the supersets the one that lasts longest, and of several the first by its
/// scopes, so that it does not depend on where they are held.
pub(super) fn find<'a>(
    held: impl Iterator<Item = Held<'a>> + Clone,
    scopes: &ScopeSet,
    wanted: Wanted,
    now: Now,
) -> Option<Held<'a>> {
    let serving = held.filter(|held| held.issued.serves(wanted, now));
    serving
        .clone()
        .find(|held| held.about.scopes == *scopes)
        .or_else(|| {
            serving
                .filter(|held| held.about.scopes.has_all_of(scopes))
                .max_by_key(|held| (held.issued.life.left(now), Reverse(&held.about.scopes)))
        })
}

impl PartialEq for Partition {
    fn eq(&self, other: &Self) -> bool {
        self.entries() == other.entries() && self.note == other.note
    }
}

impl Eq for Partition {}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("entries", &self.entries().len())
            .field("note", &self.note.is_some())
            .finish()
    }
}

impl Issued {
    pub(crate) fn new(
        token: Secret,
        life: Span,
        renew_at_age: Option<Duration>,
        beside: Beside,
    ) -> Self {
        Self {
            token,
            life,
            renew_at_age: renew_at_age.map_or(NEVER, nanos),
            beside: (beside != Beside::default()).then(|| Box::new(beside)),
        }
    }

    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.beside.as_ref()?.certificate.as_ref()
    }

    pub(crate) fn id_token(&self) -> Option<&Secret> {
        self.beside.as_ref()?.id_token.as_ref()
    }

    pub(crate) fn account(&self) -> Option<&Account> {
        self.beside.as_ref()?.account.as_ref()
    }

    pub(crate) fn renew_at_age(&self) -> Option<Duration> {
        (self.renew_at_age != NEVER).then(|| Duration::from_nanos(self.renew_at_age))
    }

    /// Until when whoever holds it may go on using it without asking again: as long as it serves whoever wants it fresh.
    pub(crate) fn serves_until(&self) -> Now {
        let renewed_with = self.life.nanos_left_at(self.renew_at_age);
        self.life.moment_with(MARGIN.max(renewed_with))
    }

    #[inline]
    pub(super) fn serves(&self, wanted: Wanted, now: Now) -> bool {
        let alive = self.life.left_nanos(now) > MARGIN;
        alive
            && match wanted {
                Wanted::Any => true,
                Wanted::Since(since) => self.life.start().monotonic() >= since.monotonic(),
                Wanted::Fresh => !self.renewal_is_due(now),
            }
    }

    #[inline]
    pub(crate) fn renewal_is_due(&self, now: Now) -> bool {
        self.renew_at_age != NEVER && self.life.age_nanos(now) >= self.renew_at_age
    }

    /// When it ends on the monotonic clock.
    pub(super) fn end(&self) -> Duration {
        self.life.start().after(self.life.length()).monotonic()
    }

    pub(super) fn size(&self) -> usize {
        let certificate = self.certificate().map_or(0, |of| of.der().len());
        let id_token = self.id_token().map_or(0, |token| token.expose().len());
        let beside = self.beside.as_ref().map_or(0, |_| size_of::<Beside>());
        size_of::<Self>()
            .saturating_add(self.token.expose().len())
            .saturating_add(beside)
            .saturating_add(certificate)
            .saturating_add(id_token)
    }
}

impl Entry {
    pub(super) fn held(&self) -> Held<'_> {
        Held {
            about: &self.about,
            region: &self.region,
            issued: &self.issued,
        }
    }
}

impl From<Held<'_>> for Entry {
    fn from(held: Held<'_>) -> Self {
        Self {
            about: Arc::clone(held.about),
            region: *held.region,
            issued: Arc::clone(held.issued),
        }
    }
}

impl About {
    pub(super) fn size(&self) -> usize {
        size_of::<Self>()
            .saturating_add(self.scopes.size())
            .saturating_add(self.target.len())
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
    Entry(Entry),
    Note(Arc<Note>),
}

impl CacheUpdate {
    pub(crate) const fn entry(entry: Entry) -> Self {
        Self(Change::Entry(entry))
    }

    pub(crate) fn note(note: impl Into<Arc<Note>>) -> Self {
        Self(Change::Note(note.into()))
    }

    /// Applies the change: the entry with the same scopes is replaced, and no other.
    pub fn apply(&self, partition: &mut Partition) {
        match &self.0 {
            Change::Entry(entry) => {
                partition.remove_entry(&entry.about.scopes);
                partition.add_entry(entry.clone());
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
