//! Between document and memory: what memory holds is added to the document, and what makes sense of the document to memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::cache::key::UserKey;
use crate::cache::partition::CacheUpdate;
use crate::cache::scopes::ScopeSet;
use crate::cache::token_key::TokenKey;
use crate::cache::{Memory, PartitionKey};
use crate::secret::Secret;
use crate::time::Now;

use super::access_token::{AccessToken, has_ended};
use super::members::{DOCUMENT, MOST_ITEM, look_into};
use super::user::{RefreshToken, SignedIn};
use super::{
    ACCESS_TOKENS, ACCOUNTS, ID_TOKENS, Items, PortableCache, REFRESH_TOKENS, Root, member_length,
};

impl PortableCache {
    /// Adds what `memory` holds: access tokens, and the refresh tokens, ID tokens and accounts of users. What the document has for
    /// others stays; what it has for the same gives way to what is newer. Access tokens that have ended leave the document.
    pub fn add_from(&mut self, memory: &Memory, now: Now) {
        self.add_from_all([memory], now);
    }

    /// The same for a driver that keeps its memory in parts.
    pub fn add_from_all<'m>(&mut self, memories: impl IntoIterator<Item = &'m Memory>, now: Now) {
        let mut found = Found::default();
        for memory in memories {
            found.add(memory, now);
        }
        self.change(ACCESS_TOKENS, |items| {
            let ended = |item: &Secret| look_into(item).is_some_and(|item| has_ended(&item, now));
            items.retain(|_, item| !ended(item));
        });
        let mut room = Room(Self::MAX_BYTES.saturating_sub(self.length()));
        self.change(ACCESS_TOKENS, |items| {
            room.add_access_tokens(items, &found.access_tokens, now);
        });
        self.change(REFRESH_TOKENS, |items| {
            room.add_refresh_tokens(items, &found.refresh_tokens, now);
        });
        self.change(ID_TOKENS, |items| room.add_id_tokens(items, &found.users));
        self.change(ACCOUNTS, |items| room.add_accounts(items, &found.users));
    }

    /// Lets `memory` remember what makes sense to it, and says how many tokens that were. What was stored in the future, has ended,
    /// or does not say all that tells it from others is none of them; nor is what memory has longer, or has no room for.
    pub fn load_into(&self, memory: &mut Memory, now: Now) -> usize {
        self.load_into_part(now, |_, load| load(memory))
    }

    /// The same for a driver that keeps its memory in parts: for each token that makes sense `part` is called, and calls what it is
    /// given with the part that has the key.
    pub fn load_into_part(
        &self,
        now: Now,
        mut part: impl FnMut(&PartitionKey, &mut dyn FnMut(&mut Memory) -> bool) -> bool,
    ) -> usize {
        let id_tokens: BTreeMap<SignedIn, Secret> = self
            .items(ID_TOKENS)
            .filter_map(|item| SignedIn::with_id_token(&look_into(item)?))
            .collect();
        let mut adopted = 0_usize;
        for item in self.items(ACCESS_TOKENS) {
            let Some(token) = look_into(item).and_then(|item| AccessToken::read(&item)) else {
                continue;
            };
            let user = SignedIn::of(&token.key);
            let id_token = user.and_then(|user| id_tokens.get(&user));
            let Some(entry) = token.entry(id_token, now) else {
                continue;
            };
            let update = CacheUpdate::entry(entry);
            let key = token.partition_key();
            let new = part(&key, &mut |memory| memory.adopt(&key, &update, now));
            adopted = adopted.saturating_add(usize::from(new));
        }
        for item in self.items(REFRESH_TOKENS) {
            let Some(token) = look_into(item).and_then(|item| RefreshToken::read(&item)) else {
                continue;
            };
            let key = token.partition_key();
            let Some(update) = token.note(now).map(CacheUpdate::note) else {
                continue;
            };
            let new = part(&key, &mut |memory| {
                // Nobody knows whether it is newer if it does not say how old it is.
                let newer = token.modified_by(now).is_some() || memory.partition(&key).is_empty();
                newer && memory.adopt(&key, &update, now)
            });
            adopted = adopted.saturating_add(usize::from(new));
        }
        adopted
    }

    fn items(&self, section: &str) -> impl Iterator<Item = &Secret> {
        match self.roots.get(section) {
            Some(Root::Items(items)) => Some(items.values()),
            Some(Root::Unknown(_)) | None => None,
        }
        .into_iter()
        .flatten()
    }

    /// A member of the document comes into being with its first item.
    fn change(&mut self, section: &str, change: impl FnOnce(&mut Items)) {
        if let Some(Root::Items(items)) = self.roots.get_mut(section) {
            return change(items);
        }
        let mut items = Items::new();
        change(&mut items);
        if !items.is_empty() {
            self.roots.insert(section.to_owned(), Root::Items(items));
        }
    }
}

/// What there is to add.
#[derive(Default)]
struct Found<'m> {
    access_tokens: Vec<AccessToken<'m>>,
    refresh_tokens: Vec<RefreshToken>,
    /// With the ID token that came last.
    users: BTreeMap<SignedIn, Option<(Duration, &'m Secret)>>,
}

impl<'m> Found<'m> {
    fn add(&mut self, memory: &'m Memory, now: Now) {
        for (user, note) in memory.refresh_tokens() {
            let token = RefreshToken::of(user, note, now);
            self.refresh_tokens.extend(token);
        }
        for (key, entry) in memory.tokens() {
            let Some(token) = AccessToken::of(&key, entry, now) else {
                continue;
            };
            self.access_tokens.push(token);
            if let Some(user) = SignedIn::of(&key) {
                let latest = self.users.entry(user).or_default();
                let came = entry.issued.life.start().wall();
                let id_token = entry.issued.id_token().map(|id_token| (came, id_token));
                let both = latest.iter().copied().chain(id_token);
                *latest = both.max_by_key(|(came, _)| *came);
            }
        }
    }
}

/// How many bytes the document may still take.
struct Room(usize);

impl Room {
    fn add_access_tokens(&mut self, items: &mut Items, tokens: &[AccessToken<'_>], now: Now) {
        let mut held: BTreeMap<(TokenKey, ScopeSet), Vec<(String, AccessToken<'_>)>> =
            BTreeMap::new();
        for (name, item) in items.iter() {
            if let Some(token) = look_into(item).and_then(|item| AccessToken::read(&item)) {
                let id = (token.key.clone(), token.scopes.clone());
                held.entry(id).or_default().push((name.clone(), token));
            }
        }
        for token in tokens {
            let same = held.get(&(token.key.clone(), token.scopes.clone()));
            let same = same.map(Vec::as_slice).unwrap_or_default();
            let is_newer =
                |held: &AccessToken<'_>| held.token != token.token && !held.outlives(token, now);
            if same.iter().all(|(_, held)| is_newer(held)) {
                let older = same.iter().map(|(name, _)| name.as_str());
                self.replace(items, older, token.name(), token.item());
            }
        }
    }

    fn add_refresh_tokens(&mut self, items: &mut Items, tokens: &[RefreshToken], now: Now) {
        let held: BTreeMap<UserKey, (String, RefreshToken)> = items
            .iter()
            .filter_map(|(name, item)| {
                let token = RefreshToken::read(&look_into(item)?)?;
                (!token.shared).then(|| (token.user.clone(), (name.clone(), token)))
            })
            .collect();
        for token in tokens {
            let same = held.get(&token.user);
            if same.is_some_and(|(_, held)| {
                held.token == token.token || held.modified_by(now) > token.modified_by(now)
            }) {
                continue;
            }
            let name = same.map(|(name, _)| name.as_str());
            let older = name.and_then(|name| items.get(name)).cloned();
            let older = older.as_ref().and_then(look_into);
            let item = token.item(older.as_ref());
            self.replace(items, name.into_iter(), token.name(), item);
        }
    }

    fn add_id_tokens(
        &mut self,
        items: &mut Items,
        users: &BTreeMap<SignedIn, Option<(Duration, &Secret)>>,
    ) {
        let held: BTreeMap<SignedIn, (String, Secret)> = items
            .iter()
            .filter_map(|(name, item)| {
                let (user, token) = SignedIn::with_id_token(&look_into(item)?)?;
                Some((user, (name.clone(), token)))
            })
            .collect();
        for (user, id_token) in users {
            let Some((_, id_token)) = id_token else {
                continue;
            };
            let same = held.get(user);
            if same.is_none_or(|(_, held)| held != *id_token) {
                let older = same.map(|(name, _)| name.as_str());
                let item = user.id_token_item(id_token);
                self.replace(items, older.into_iter(), user.id_token_name(), item);
            }
        }
    }

    /// An account that is there already was written by somebody who knows more.
    fn add_accounts(
        &mut self,
        items: &mut Items,
        users: &BTreeMap<SignedIn, Option<(Duration, &Secret)>>,
    ) {
        let mut held: BTreeSet<SignedIn> = items
            .values()
            .filter_map(|item| SignedIn::with_account(&look_into(item)?))
            .collect();
        for (user, id_token) in users {
            let user = user.for_all_clients();
            let item = user.account_item(id_token.map(|(_, token)| token));
            let name = user.account_name();
            if held.insert(user) {
                self.replace(items, std::iter::empty(), name, item);
            }
        }
    }

    /// Puts an item in the place of older ones, unless it is too large for a document that anybody reads again.
    fn replace<'n>(
        &mut self,
        items: &mut Items,
        older: impl Iterator<Item = &'n str> + Clone,
        name: String,
        item: Secret,
    ) {
        let size_of = |items: &Items, name: &str| {
            let item = items.get(name);
            item.map_or(0, |item| member_length(name, item.expose().len()))
        };
        let freed = older
            .clone()
            .filter(|older| *older != name)
            .map(|older| size_of(items, older))
            .fold(size_of(items, &name), usize::saturating_add);
        let size = member_length(&name, item.expose().len());
        let room = self.0.saturating_add(freed);
        let fits = items.len() < DOCUMENT.members || freed > 0;
        if size > room || !fits || item.expose().len() > MOST_ITEM {
            return;
        }
        self.0 = room.saturating_sub(size);
        for older in older {
            items.remove(older);
        }
        items.insert(name, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(length: usize) -> Secret {
        Secret::new("x".repeat(length))
    }

    /// What goes makes room, once, whatever its name: a document never grows past what anybody reads again.
    #[test]
    fn an_item_makes_room_for_its_successor_once() {
        let size = |name: &str, length| member_length(name, length);
        for (older, more, fits) in [
            ("same", 10, true),
            ("same", 11, false),
            ("old", 10, true),
            ("old", 11, false),
        ] {
            let mut items = Items::from([(older.to_owned(), secret(100))]);
            let freed = size(older, 100);
            let length = freed + more - size("same", 0);
            let mut room = Room(10);
            room.replace(
                &mut items,
                [older].into_iter(),
                "same".to_owned(),
                secret(length),
            );
            let taken = items
                .get("same")
                .is_some_and(|item| item.expose().len() == length);
            assert_eq!((taken, items.len()), (fits, 1), "{older}, {more}");
            assert_eq!(room.0, if fits { 0 } else { 10 });
        }
    }

    /// What nobody would look into again is not written, however much room there is.
    #[test]
    fn an_item_is_as_large_as_one_that_is_read_and_no_larger() {
        for (length, fits) in [(MOST_ITEM, true), (MOST_ITEM + 1, false)] {
            let (mut items, mut room) = (Items::new(), Room(usize::MAX));
            let none = std::iter::empty();
            room.replace(&mut items, none, "new".to_owned(), secret(length));
            assert_eq!(items.contains_key("new"), fits, "{length} bytes");
        }
    }

    /// Where no more items fit, only a successor does.
    #[test]
    fn a_full_section_takes_successors_alone() {
        let names = (0..DOCUMENT.members).map(|number| number.to_string());
        let mut items: Items = names.map(|name| (name, secret(1))).collect();
        let mut room = Room(1_000);
        room.replace(&mut items, [].into_iter(), "new".to_owned(), secret(1));
        assert!(!items.contains_key("new"));
        room.replace(&mut items, ["7"].into_iter(), "new".to_owned(), secret(1));
        assert!(items.contains_key("new") && !items.contains_key("7"));
        assert_eq!(items.len(), DOCUMENT.members);
    }
}
