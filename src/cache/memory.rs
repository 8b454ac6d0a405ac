//! Memory: every partition of a process, bounded in entries and bytes. What has ended goes first, then what ends soonest; but
//! refresh tokens, which outlive everything else, go first where they are more than half.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use crate::metadata::Metadata;
use crate::plan::Plan;
use crate::time::Now;
use crate::token::AccessToken;

use super::key::{PartitionKey, ScopeSet};
use super::partition::{CacheUpdate, Change, Partition};

/// How many tokens of one partition another process may leave behind: nobody asks for so many sets of scopes, and every look-up
/// goes through them all.
const MOST_ADOPTED: usize = 1_000;

/// How much a [`Memory`] may hold.
///
/// A [`Memory`] is made with them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "two numbers, and a third would be another kind of memory"
)]
pub struct Limits {
    /// Tokens and notes together.
    pub entries: usize,
    /// Bytes of text and of the structures around it, as far as the core can count them.
    pub bytes: usize,
}

impl Default for Limits {
    /// 10,000 entries and 64 MiB.
    fn default() -> Self {
        Self {
            entries: 10_000,
            bytes: 64 * 1_024 * 1_024,
        }
    }
}

/// What a driver keeps between flows when nobody brings another store: a plain value, to be held behind whatever lock suits.
/// Clones share the tokens' text.
///
/// ```
/// use entra_proto::{Limits, Memory};
///
/// let memory = Memory::new(Limits { entries: 100, bytes: 1 << 20 });
/// assert!(memory.is_empty());
/// ```
#[derive(Clone, Default)]
pub struct Memory {
    limits: Limits,
    partitions: HashMap<PartitionKey, Partition>,
    /// Everything held but refresh tokens.
    by_end: ByEnd,
    refresh_tokens: ByEnd,
    bytes: usize,
}

/// What is held, by when it ends; the scopes name an entry, their absence the note.
type ByEnd = BTreeSet<(Duration, PartitionKey, Option<ScopeSet>)>;

impl Memory {
    /// An empty memory.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// What is remembered under `key`; clones share the tokens' text.
    #[must_use]
    pub fn load(&self, key: &PartitionKey) -> Partition {
        self.partitions.get(key).cloned().unwrap_or_default()
    }

    /// The token that a flow of this plan would be over with at once: one that is remembered, serves, and needs no renewal. The
    /// short way for whoever asks before every call: it costs no step and no allocation. None means nothing but that it takes a
    /// flow to say.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use entra_proto::{Client, Credential, Memory, Now, Secret, TokenRequest};
    /// # let credential = Credential::secret(Secret::new("s"));
    /// # let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
    /// # let now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);
    /// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
    /// assert!(Memory::default().hit(&plan, now).is_none());
    /// # Ok::<(), entra_proto::Error>(())
    /// ```
    #[must_use]
    pub fn hit(&self, plan: &Plan, now: Now) -> Option<AccessToken> {
        let decided = plan.decided();
        let partition = self.partitions.get(decided.first_look.as_ref()?)?;
        let entry = partition.find(&decided.scopes, plan.wanted(), now)?;
        let metadata = Metadata::of_hit(decided.correlation_id, entry.region);
        let token = AccessToken::remembered(entry, metadata, now);
        (!token.renewal_is_due()).then_some(token)
    }

    /// Applies `update` under `key`, then lets go of what has ended and of what is too much.
    pub fn save(&mut self, key: &PartitionKey, update: &CacheUpdate, now: Now) {
        match update.change() {
            Change::Entry(entry) => self.forget(key, Some(&entry.scopes)),
            Change::Note(_) => self.forget(key, None),
        }
        let partition = self.partitions.entry(key.clone()).or_default();
        update.apply(partition);
        let (end, scopes, size) = match update.change() {
            Change::Entry(entry) => (entry.end(), Some(entry.scopes.clone()), entry.size()),
            Change::Note(note) => (note.end(), None, note.size()),
        };
        self.shelf(key).insert((end, key.clone(), scopes));
        self.bytes = self.bytes.saturating_add(size).saturating_add(key.size());
        self.let_go(now);
    }

    /// Remembers what another process left behind, and says whether it did: not if what is held lasts longer, nor if it would cost
    /// something else its place.
    pub(super) fn adopt(&mut self, key: &PartitionKey, update: &CacheUpdate, now: Now) -> bool {
        let held = self.partitions.get(key);
        let (held, new, size) = match update.change() {
            Change::Entry(entry) => {
                let held = held.and_then(|held| held.entry(&entry.scopes));
                (held.map(|held| held.end()), entry.end(), entry.size())
            }
            Change::Note(note) => {
                let held = held.and_then(Partition::note);
                (held.map(|held| held.end()), note.end(), note.size())
            }
        };
        let crowded = self
            .partitions
            .get(key)
            .is_some_and(|partition| partition.len() >= MOST_ADOPTED);
        if crowded || held.is_some_and(|held| held >= new) {
            return false;
        }
        self.let_go(now);
        let bytes = self.bytes.saturating_add(size).saturating_add(key.size());
        let room = self.len() < self.limits.entries && bytes <= self.limits.bytes;
        if room {
            self.save(key, update, now);
        }
        room
    }

    /// Everything that is held.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (&PartitionKey, &Partition)> {
        self.partitions.iter()
    }

    /// Lets go of what has ended and of what is too much.
    fn let_go(&mut self, now: Now) {
        while let Some((key, scopes)) = self.too_much(now) {
            self.forget(&key, scopes.as_ref());
        }
    }

    /// What goes next, if anything has to.
    fn too_much(&self, now: Now) -> Option<(PartitionKey, Option<ScopeSet>)> {
        let (others, refresh_tokens) = (self.by_end.first(), self.refresh_tokens.first());
        let ended = [others, refresh_tokens]
            .into_iter()
            .flatten()
            .find(|(end, ..)| *end <= now.monotonic());
        let full = self.len() > self.limits.entries || self.bytes > self.limits.bytes;
        let crowded = self.refresh_tokens.len() > self.by_end.len();
        let (_, key, scopes) = match ended {
            Some(ended) => ended,
            None if !full => return None,
            None if crowded => refresh_tokens.or(others)?,
            None => others.or(refresh_tokens)?,
        };
        Some((key.clone(), scopes.clone()))
    }

    fn shelf(&mut self, key: &PartitionKey) -> &mut ByEnd {
        if key.is_of_refresh_token() {
            &mut self.refresh_tokens
        } else {
            &mut self.by_end
        }
    }

    /// Removes one entry, or the note.
    fn forget(&mut self, key: &PartitionKey, scopes: Option<&ScopeSet>) {
        let Some(partition) = self.partitions.get_mut(key) else {
            return;
        };
        let held = match scopes {
            Some(scopes) => partition
                .entry(scopes)
                .map(|entry| (entry.end(), entry.size())),
            None => partition.note().map(|note| (note.end(), note.size())),
        };
        let Some((end, size)) = held else {
            return;
        };
        match scopes {
            Some(scopes) => partition.remove_entry(scopes),
            None => partition.remove_note(),
        }
        if partition.is_empty() {
            self.partitions.remove(key);
        }
        self.shelf(key).remove(&(end, key.clone(), scopes.cloned()));
        self.bytes = self.bytes.saturating_sub(size).saturating_sub(key.size());
    }

    /// How many tokens and notes are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_end.len().saturating_add(self.refresh_tokens.len())
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes are held, as far as the core can count them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("entries", &self.len())
            .field("bytes", &self.bytes)
            .field("limits", &self.limits)
            .finish()
    }
}
