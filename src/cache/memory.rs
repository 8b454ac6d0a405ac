//! Memory: every partition of a process, bounded in entries and bytes. What has ended goes first, then what ends soonest; but a tenant
//! with more than an eighth of the tokens makes room with its own, and refresh tokens, which outlive everything else, go first where
//! they are more than half.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::flow::LoadCache;
use crate::time::Now;
use crate::token::AccessToken;

use super::key::{PartitionKey, UserKey};
use super::look::Look;
use super::partition::{CacheUpdate, Change, Held, Note, Partition, Wanted, find};
use super::token_key::TokenKey;
use super::tokens::Tokens;

/// How many tokens that one look-up goes through another process may leave behind: nobody asks for so many sets of several scopes.
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
    tokens: Tokens,
    notes: HashMap<PartitionKey, Arc<Note>>,
    /// The notes but refresh tokens, by when they end.
    others: ByEnd,
    refresh_tokens: ByEnd,
    /// Of the notes.
    bytes: usize,
}

type ByEnd = BTreeSet<(Duration, PartitionKey)>;

/// What goes next.
enum Next<'a> {
    Token(Duration),
    Note(Duration, &'a PartitionKey),
}

impl Memory {
    /// An empty memory.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// What is remembered of what a flow asks for. However many scopes there are tokens for, it takes as long.
    ///
    /// For it in use, see the loop at the top of the [`crate`].
    #[must_use]
    pub fn load(&self, load: &LoadCache) -> Partition {
        // Under a key there are tokens, or there is a note.
        match load.key().of_tokens() {
            Some(key) => Partition::of(self.tokens.of(key, load.scopes()), None),
            None => Partition::of(std::iter::empty(), self.notes.get(load.key())),
        }
    }

    /// All that is remembered under `key`. It goes through the tokens of all keys: for whoever looks into a memory, not for flows.
    #[must_use]
    pub fn partition(&self, key: &PartitionKey) -> Partition {
        match key.of_tokens() {
            Some(key) => Partition::of(self.tokens.all_of(key), None),
            None => Partition::of(std::iter::empty(), self.notes.get(key)),
        }
    }

    /// The token that a flow would be over with at once: one that is remembered, serves, and needs no renewal. The short way for
    /// whoever asks before every call: it costs no step and no allocation. None means nothing but that it takes a flow to say.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use entra_proto::{Client, Credential, Memory, Now, Secret, TokenRequest};
    /// # let credential = Credential::secret(Secret::new("s"));
    /// # let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
    /// # let now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);
    /// let (memory, request) = (Memory::default(), TokenRequest::for_app(["https://vault.azure.net/.default"]));
    /// let hit = request.look(&client).and_then(|look| memory.hit(&look, now));
    /// if hit.is_none() {
    ///     let plan = request.plan(&client)?;
    ///     assert!(plan.look().and_then(|look| memory.hit(&look, now)).is_none());
    ///     // And on to `plan.start`.
    /// }
    /// # Ok::<(), entra_proto::Error>(())
    /// ```
    #[must_use]
    pub fn hit(&self, look: &Look<'_>, now: Now) -> Option<AccessToken> {
        let Look { key, scopes, hit } = *look;
        // What nearly everybody gets takes one look; the rest is for others.
        let exact = self.tokens.exact(key, scopes);
        let held = exact
            .filter(|held| held.issued.serves(Wanted::Any, now))
            .or_else(|| find(self.tokens.for_several(key), scopes, Wanted::Any, now))
            .filter(|held| !held.issued.renewal_is_due(now))?;
        let metadata = hit.in_region(*held.region);
        Some(AccessToken::remembered(held, metadata, now))
    }

    /// Applies `update` under `key`, then lets go of what has ended and of what is too much.
    pub fn save(&mut self, key: &PartitionKey, update: &CacheUpdate, now: Now) {
        match update.change() {
            Change::Entry(entry) => {
                if let Some(key) = key.of_tokens() {
                    self.tokens.put(key, entry);
                }
            }
            Change::Note(note) => {
                self.forget(key);
                self.notes.insert(key.clone(), Arc::clone(note));
                self.shelf(key).insert((note.end(), key.clone()));
                self.bytes = self.bytes.saturating_add(size(key, note));
            }
        }
        self.let_go(now);
    }

    /// Remembers what another process left behind, and says whether it did: not if what is held lasts longer, nor if it would cost
    /// something else its place.
    pub(super) fn adopt(&mut self, key: &PartitionKey, update: &CacheUpdate, now: Now) -> bool {
        let (held, new, size) = match update.change() {
            Change::Entry(entry) => {
                let Some(key) = key.of_tokens() else {
                    return false;
                };
                let same = |held: &Held<'_>| held.about.scopes == entry.about.scopes;
                let mut tokens = self.tokens.of(key, &entry.about.scopes);
                if tokens.clone().count() >= MOST_ADOPTED {
                    return false;
                }
                let held = tokens.find(same);
                (
                    held.map(|held| held.issued.end()),
                    entry.issued.end(),
                    self.tokens.size_of(key, entry),
                )
            }
            Change::Note(note) => {
                let held = self.notes.get(key);
                (held.map(|held| held.end()), note.end(), size(key, note))
            }
        };
        if held.is_some_and(|held| held >= new) {
            return false;
        }
        self.let_go(now);
        let bytes = self.bytes().saturating_add(size);
        let room = self.len() < self.limits.entries && bytes <= self.limits.bytes;
        if room {
            self.save(key, update, now);
        }
        room
    }

    /// When what ends first ends, on the monotonic clock. For drivers that keep their memory in parts, within one bound: where this
    /// is soonest, one is [let go](Self::let_one_go).
    #[must_use]
    pub fn first_end(&self) -> Option<Duration> {
        let notes = [&self.others, &self.refresh_tokens].into_iter();
        let notes = notes.filter_map(|shelf| Some(shelf.first()?.0));
        self.tokens.first_end().into_iter().chain(notes).min()
    }

    /// How many tokens the tenant has that has most, if that is more than an eighth and what ends first is of no such tenant. For drivers
    /// that keep their memory in parts: where this is most, one is [let go](Self::let_one_go) if nothing has ended.
    #[must_use]
    pub fn crowd(&mut self) -> Option<usize> {
        self.tokens.crowd()
    }

    /// Lets go of what goes next, full or not: what has ended, if anything has.
    pub fn let_one_go(&mut self, now: Now) {
        match self.next(now) {
            Some(Next::Token(end)) if end <= now.monotonic() => self.tokens.remove_first(),
            Some(Next::Token(_)) => self.tokens.make_room(),
            Some(Next::Note(_, key)) => {
                let key = key.clone();
                self.forget(&key);
            }
            None => {}
        }
    }

    /// Changes how much it may hold. What is too much goes with the next [`save`](Self::save).
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// All tokens that are held, with their keys.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (TokenKey, Held<'_>)> {
        self.tokens.all()
    }

    /// All users whose refresh tokens are held.
    pub(super) fn refresh_tokens(&self) -> impl Iterator<Item = (&UserKey, &Note)> {
        let notes = self.notes.iter();
        notes.filter_map(|(key, note)| Some((key.of_user()?, note.as_ref())))
    }

    /// Lets go of what has ended and of what is too much.
    fn let_go(&mut self, now: Now) {
        while let Some(next) = self.next(now)
            && (next.end() <= now.monotonic() || self.is_full())
        {
            self.let_one_go(now);
        }
    }

    fn is_full(&self) -> bool {
        self.len() > self.limits.entries || self.bytes() > self.limits.bytes
    }

    fn next(&self, now: Now) -> Option<Next<'_>> {
        let token = self.tokens.first_end().map(Next::Token);
        let others = token
            .into_iter()
            .chain(first(&self.others))
            .min_by_key(Next::end);
        let refresh_token = first(&self.refresh_tokens);
        let has_ended = |next: &&Next<'_>| next.end() <= now.monotonic();
        let ended = |next: &Option<Next<'_>>| next.as_ref().filter(has_ended).is_some();
        let held = self.others.len().saturating_add(self.tokens.len());
        let crowded = self.refresh_tokens.len() > held;
        match (ended(&others), ended(&refresh_token)) {
            (true, _) => others,
            (false, true) => refresh_token,
            (false, false) if crowded => refresh_token,
            (false, false) => others,
        }
    }

    fn shelf(&mut self, key: &PartitionKey) -> &mut ByEnd {
        if key.is_of_refresh_token() {
            &mut self.refresh_tokens
        } else {
            &mut self.others
        }
    }

    /// Removes the note under this key.
    fn forget(&mut self, key: &PartitionKey) {
        if let Some(note) = self.notes.remove(key) {
            self.shelf(key).remove(&(note.end(), key.clone()));
            self.bytes = self.bytes.saturating_sub(size(key, &note));
        }
    }

    /// How many tokens and notes are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len().saturating_add(self.notes.len())
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes are held, as far as the core can count them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.saturating_add(self.tokens.bytes())
    }
}

impl Next<'_> {
    fn end(&self) -> Duration {
        match self {
            Self::Token(end) | Self::Note(end, _) => *end,
        }
    }
}

fn first(shelf: &ByEnd) -> Option<Next<'_>> {
    shelf.first().map(|(end, key)| Next::Note(*end, key))
}

/// How many bytes a note takes.
fn size(key: &PartitionKey, note: &Note) -> usize {
    key.size().saturating_add(note.size())
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("entries", &self.len())
            .field("bytes", &self.bytes())
            .field("limits", &self.limits)
            .finish()
    }
}
