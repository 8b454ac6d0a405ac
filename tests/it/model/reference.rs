//! The reference: what the service issued, what a memory must know of it and when that serves, whom the service asked to wait,
//! and which requests are one flight. It knows nothing of the core's own bookkeeping.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use entra_proto::{FlightKey, Now, Thumbprint};

use super::program::Bypass;

/// How long before its end a token stops to serve.
const MARGIN: u64 = 300;
/// The longest life that is believed (I19).
const LONGEST: u64 = 48 * 3_600;
/// What a new process's monotonic clock says when it begins.
const YOUNG: u64 = 5;

/// Everything but the scopes that tells one token from another.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub(super) party: usize,
    pub(super) tenant: usize,
    pub(super) pop: bool,
    pub(super) certificate: Option<Thumbprint>,
}

/// What makes requests one flight.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Flight {
    Token(Key, BTreeSet<String>, Bypass),
    /// The region that a party is in.
    Region(usize),
}

/// What the service knows of a token.
#[derive(Debug)]
pub(super) struct Issued {
    /// With the certificate of the handshake, whatever the kind.
    pub(super) key: Key,
    pub(super) scopes: BTreeSet<String>,
    life: Span,
}

#[derive(Clone, Debug)]
struct Entry {
    scopes: BTreeSet<String>,
    token: String,
    life: Span,
    length: u64,
    /// The ages from which renewing may be due, and from which it is.
    due: Option<(u64, u64)>,
}

/// A time that began once and ends by whichever clock is first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    start: u64,
    start_wall: u64,
    end: u64,
    end_wall: u64,
}

/// What a look into the memory has to come to.
#[derive(Clone, Debug)]
pub(super) enum Look {
    /// One of these tokens: more than one only if they last equally long.
    Hit(Vec<String>),
    Miss,
    /// Chance has a say in when a token's renewal is due.
    Either,
}

/// What a look-up may take.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    Any,
    Since(u64),
    Fresh,
}

pub(super) struct Reference {
    /// Seconds since the model began. Nobody sets this clock.
    time: u64,
    /// When the process began.
    origin: u64,
    wall: u64,
    pub(super) issued: BTreeMap<String, Issued>,
    held: BTreeMap<Key, Vec<Entry>>,
    /// By party, tenant and host: until when, and the status that said so.
    throttled: BTreeMap<(usize, usize, String), (Span, u16)>,
    flights: BTreeMap<Flight, FlightKey>,
    names: HashMap<FlightKey, Flight>,
}

impl Reference {
    pub(super) fn new() -> Self {
        Self {
            time: 1_000,
            origin: 0,
            wall: 1_798_761_600,
            issued: BTreeMap::new(),
            held: BTreeMap::new(),
            throttled: BTreeMap::new(),
            flights: BTreeMap::new(),
            names: HashMap::new(),
        }
    }

    // ── the clocks ──

    pub(super) fn time(&self) -> u64 {
        self.time
    }

    /// What the driver's clocks say.
    pub(super) fn now(&self) -> Now {
        let monotonic = Duration::from_secs(self.time - self.origin);
        Now::new(Duration::from_secs(self.wall), monotonic)
    }

    /// When a moment of the driver's monotonic clock has come, in whole seconds.
    pub(super) fn moment(&self, monotonic: Duration) -> u64 {
        let begun = u64::from(monotonic.subsec_nanos() > 0);
        self.origin + monotonic.as_secs() + begun
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.time += seconds;
        self.wall += seconds;
    }

    pub(super) fn set_wall(&mut self, seconds: i64) {
        self.wall = self.wall.saturating_add_signed(seconds);
    }

    /// From now on.
    pub(super) fn span(&self, length: u64) -> Span {
        Span {
            start: self.time,
            start_wall: self.wall,
            end: self.time + length,
            end_wall: self.wall + length,
        }
    }

    fn left(&self, span: &Span) -> u64 {
        let by_wall = span.end_wall.saturating_sub(self.wall);
        by_wall.min(span.end.saturating_sub(self.time))
    }

    // ── tokens ──

    pub(super) fn issue(&mut self, token: &str, key: Key, scopes: BTreeSet<String>, life: u64) {
        let issued = Issued {
            key,
            scopes,
            life: self.span(life.min(LONGEST)),
        };
        self.issued.insert(token.to_owned(), issued);
    }

    /// The token is written under that key.
    pub(super) fn hold(&mut self, key: Key, token: &str, refresh: Option<u64>) {
        let issued = &self.issued[token];
        let entry = Entry {
            scopes: issued.scopes.clone(),
            token: token.to_owned(),
            life: issued.life,
            length: issued.life.end - issued.life.start,
            // As much as a tenth later by chance, and never so late that nothing is left.
            due: refresh.map(|age| (age, age + (age / 10).min(300))),
        };
        let held = self.held.entry(key).or_default();
        held.retain(|other| other.scopes != entry.scopes);
        held.push(entry);
    }

    /// I17, I18, I21: what a look under that key has to find.
    pub(super) fn look(&self, key: &Key, scopes: &BTreeSet<String>, wanted: Wanted) -> Look {
        let held = self.held.get(key).map_or(&[][..], Vec::as_slice);
        let mut serving = Vec::new();
        for entry in held {
            let serves = entry.scopes.is_superset(scopes) && self.left(&entry.life) > MARGIN;
            let fits = match wanted {
                Wanted::Any => Some(true),
                Wanted::Since(moment) => Some(entry.life.start >= moment),
                Wanted::Fresh => self.is_due(entry).map(|due| !due),
            };
            match fits {
                Some(true) if serves => serving.push(entry),
                None if serves => return Look::Either,
                _ => {}
            }
        }
        if let Some(exact) = serving.iter().find(|entry| entry.scopes == *scopes) {
            return Look::Hit(vec![exact.token.clone()]);
        }
        let longest = serving.iter().map(|entry| self.left(&entry.life)).max();
        let lasts = |entry: &&&Entry| Some(self.left(&entry.life)) == longest;
        let best = serving.iter().filter(lasts);
        match best.map(|entry| entry.token.clone()).collect::<Vec<_>>() {
            none if none.is_empty() => Look::Miss,
            best => Look::Hit(best),
        }
    }

    fn is_due(&self, entry: &Entry) -> Option<bool> {
        let Some((earliest, latest)) = entry.due else {
            return Some(false);
        };
        let age = entry.length.saturating_sub(self.left(&entry.life));
        match () {
            () if age < earliest => Some(false),
            () if age >= latest && latest < entry.length => Some(true),
            () => None,
        }
    }

    /// Whether a token that was found has to come with a renewal; none if that is left to chance.
    pub(super) fn renewal(&self, key: &Key, token: &str) -> Option<bool> {
        let held = self.held.get(key)?;
        let entry = held.iter().find(|entry| entry.token == token)?;
        self.is_due(entry)
    }

    /// How much of its life a token has left by a clock that nobody sets (I18).
    pub(super) fn true_life(&self, token: &str) -> u64 {
        self.issued[token].life.end.saturating_sub(self.time)
    }

    // ── throttling (I28) ──

    pub(super) fn throttle(&mut self, at: (usize, usize, String), span: Span, status: u16) {
        self.throttled.insert(at, (span, status));
    }

    /// The time that is left to wait, and the status that said so.
    pub(super) fn throttled(&self, at: &(usize, usize, String)) -> Option<(u64, u16)> {
        let (span, status) = self.throttled.get(at)?;
        let left = self.left(span);
        (left > 0).then_some((left, *status))
    }

    // ── flights ──

    /// Equal flights have equal keys, and others have others.
    pub(super) fn name(&mut self, flight: Flight, key: &FlightKey) {
        let known = self
            .flights
            .entry(flight.clone())
            .or_insert_with(|| key.clone());
        assert_eq!(known, key, "one flight by two names: {flight:?}");
        let named = self
            .names
            .entry(key.clone())
            .or_insert_with(|| flight.clone());
        assert_eq!(*named, flight, "two flights by one name: {key:?}");
    }

    // ── endings ──

    pub(super) fn forget(&mut self) {
        self.held.clear();
        self.throttled.clear();
    }

    /// A new process: what goes along ends when it would have ended, by whichever clock was first. Says how many tokens live.
    pub(super) fn restart(&mut self, portable: bool) -> usize {
        self.origin = self.time - YOUNG;
        self.throttled.clear();
        let held = std::mem::take(&mut self.held);
        if !portable {
            return 0;
        }
        for (key, entries) in held {
            let lives = |entry: Entry| {
                let left = self.left(&entry.life);
                let begun = self.wall - entry.life.start_wall.min(self.wall);
                let age = begun.min(YOUNG);
                let life = Span {
                    start: self.time - age,
                    start_wall: self.wall - age,
                    end: self.time + left,
                    end_wall: self.wall + left,
                };
                let (length, due) = (left + age, entry.due.map(|_| (0, u64::MAX)));
                (left > 0).then_some(Entry {
                    life,
                    length,
                    due,
                    ..entry
                })
            };
            let entries: Vec<_> = entries.into_iter().filter_map(lives).collect();
            self.held.insert(key, entries);
        }
        self.held.values().map(Vec::len).sum()
    }
}
