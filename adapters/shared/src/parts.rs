//! The memory of a client in parts, so that threads that ask for different keys do not wait for each other. Its bounds hold for all
//! parts together.

use std::cmp::Reverse;
use std::time::Duration;

use entra_proto::{
    AccessToken, CacheUpdate, Limits, LoadCache, Look, Memory, Now, Partition, PartitionKey,
    PortableCache,
};

use crate::sync::{Mutex, MutexGuard, PARTS, PoisonError};

/// What a client remembers. A panic elsewhere does not take it away.
///
/// ```
/// use std::time::Duration;
/// use entra_adapter::Parts;
/// use entra_proto::*;
///
/// # let credential = Credential::secret(Secret::new("s"));
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
/// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
/// let now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);
/// let parts = Parts::new(Limits::default());
/// let Step::LoadCache(load) = plan.clone().start(Seed::from_bytes([7; 32]), now) else { panic!("another step") };
/// assert!(parts.load(&load).is_empty());
/// assert!(plan.look().and_then(|look| parts.hit(&look, now)).is_none());
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Parts {
    parts: Box<[Part; PARTS]>,
    /// Locked by whoever changes what is remembered, and before its part: so whoever counts never sees more than the bounds allow.
    sizes: Mutex<Sizes>,
    limits: Limits,
}

/// Each in cache lines of its own, which threads would take from each other otherwise.
#[derive(Debug)]
#[repr(align(128))]
struct Part(Mutex<Memory>);

/// What is known of the parts without locking them.
#[derive(Debug)]
pub(crate) struct Sizes {
    parts: Vec<Size>,
    /// Of all parts.
    entries: usize,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Size {
    entries: usize,
    bytes: usize,
    first_end: Option<Duration>,
}

impl Part {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    /// With nothing in it.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let part = |_| Part(Mutex::new(Memory::new(limits)));
        Self {
            parts: Box::new(std::array::from_fn(part)),
            sizes: Mutex::new(Sizes {
                parts: vec![Size::default(); PARTS],
                entries: 0,
                bytes: 0,
            }),
            limits,
        }
    }

    /// What is remembered of what a flow asks for: see [`Memory::load`].
    #[must_use]
    pub fn load(&self, load: &LoadCache) -> Partition {
        self.parts[place(load.key().digest())].lock().load(load)
    }

    /// The token that a flow would be over with at once: see [`Memory::hit`].
    #[must_use]
    #[inline]
    pub fn hit(&self, look: &Look<'_>, now: Now) -> Option<AccessToken> {
        self.parts[place(look.digest())].lock().hit(look, now)
    }

    /// Applies `update` under `key`, then lets go of what is too much, whatever part it is in: what has ended, then what ends soonest, unless
    /// another tenant has so many tokens that it makes room with its own.
    pub fn save(&self, key: &PartitionKey, update: &CacheUpdate, now: Now) {
        let mut sizes = self.sizes();
        self.change(&mut sizes, place(key.digest()), |memory| {
            memory.save(key, update, now);
        });
        while sizes.entries > self.limits.entries || sizes.bytes > self.limits.bytes {
            let place = self.goes_next(&sizes, now);
            self.change(&mut sizes, place, |memory| memory.let_one_go(now));
        }
    }

    /// The part where one is let go.
    fn goes_next(&self, sizes: &Sizes, now: Now) -> usize {
        let (end, first) = sizes.ends_first();
        // All tokens of one key are in one part, however many they are.
        let largest = sizes.largest().filter(|_| end > now.monotonic());
        if let Some(largest) = largest {
            return largest;
        }
        let crowd = |place: usize| self.parts[place].lock().crowd();
        if end <= now.monotonic() || crowd(first).is_none() {
            return first;
        }
        let crowds = (0..PARTS).filter_map(|place| Some((crowd(place)?, place)));
        crowds.max().map_or(first, |(_, place)| place)
    }

    /// Remembers what makes sense of a document and has room, and says how many tokens that were.
    pub fn load_from(&self, document: &PortableCache, now: Now) -> usize {
        let mut sizes = self.sizes();
        document.load_into_part(now, |key, load| {
            let place = place(key.digest());
            let here = sizes.parts[place];
            let room = Limits {
                entries: self.limits.entries - sizes.entries + here.entries,
                bytes: self.limits.bytes - sizes.bytes + here.bytes,
            };
            self.change(&mut sizes, place, |memory| {
                memory.set_limits(room);
                let new = load(memory);
                memory.set_limits(self.limits);
                new
            })
        })
    }

    /// Adds everything that is remembered to a document. Flows go on while it is put together.
    pub fn add_to(&self, document: &mut PortableCache, now: Now) {
        let parts: Vec<Memory> = self.parts.iter().map(|part| part.lock().clone()).collect();
        document.add_from_all(&parts, now);
    }

    /// How many tokens and notes are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sizes().entries
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes are remembered, as far as the core can count them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.sizes().bytes
    }

    /// Changes a part, and counts what it holds then.
    pub(crate) fn change<T>(
        &self,
        sizes: &mut Sizes,
        place: usize,
        change: impl FnOnce(&mut Memory) -> T,
    ) -> T {
        let mut memory = self.parts[place].lock();
        let changed = change(&mut memory);
        let now = Size {
            entries: memory.len(),
            bytes: memory.bytes(),
            first_end: memory.first_end(),
        };
        let before = std::mem::replace(&mut sizes.parts[place], now);
        sizes.entries = sizes.entries + now.entries - before.entries;
        sizes.bytes = sizes.bytes + now.bytes - before.bytes;
        changed
    }

    pub(crate) fn sizes(&self) -> MutexGuard<'_, Sizes> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sizes {
    /// The part with more than a quarter of everything.
    fn largest(&self) -> Option<usize> {
        let parts = self.parts.iter().enumerate();
        let (place, size) = parts.max_by_key(|(_, size)| size.entries)?;
        (size.entries > self.entries / 4).then_some(place)
    }

    /// When what ends first of all ends, and the part that it is in; of several, the one with most: so that none gets far larger than the
    /// others, whose room it could not use again.
    fn ends_first(&self) -> (Duration, usize) {
        let ends = self.parts.iter().enumerate();
        let ends =
            ends.filter_map(|(place, size)| Some((size.first_end?, Reverse(size.entries), place)));
        let first = ends.min();
        first.map_or_else(Default::default, |(end, _, place)| (end, place))
    }
}

/// The part of a key of this digest.
fn place(digest: u64) -> usize {
    // The remainder is less than the number of parts.
    (digest % PARTS as u64) as usize
}
