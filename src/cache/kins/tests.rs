//! What tokens have in common is held once, under tenants that are told apart, and found and held at the cost of one.

use std::time::Duration;

use crate::cache::partition::Beside;
use crate::cache::samples::{self, key};
use crate::time::Now;

use super::*;

fn entry(scope: &str) -> Entry {
    let start = Now::new(Duration::ZERO, Duration::ZERO);
    samples::entry(scope, start, None, Beside::default())
}

/// Two tenants that were held as one would be handed each other's tokens.
#[test]
fn t13_a_tenant_is_held_as_a_guid_only_where_that_is_all_of_it() {
    let guid = "01234567-89ab-cdef-0123-456789abcdef";
    let apart = |tenant| {
        let (id, rest) = TenantId::out_of(key(tenant, "one"));
        assert_eq!(id, TenantId::of(tenant));
        (id, rest.tenant)
    };
    let (id, rest) = apart(guid);
    assert_eq!((id.in_full(&rest), rest.as_str()), (guid.to_owned(), ""));
    for tenant in [
        "",
        "contoso.com",
        "01234567-89AB-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcde",
        "01234567-89ab-cdef-0123-456789abcdef0",
        "0123456789abcdef0123456789abcdef",
        // As long as a GUID, with a digit more in the place of each hyphen.
        "01234567089ab0cdef001230456789abcdef",
        "0123456-789ab-cdef-0123-456789abcdef",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let (id, rest) = apart(tenant);
        assert_eq!(id, TenantId::NONE, "{tenant}");
        assert_eq!(
            (rest.as_str(), id.in_full(tenant)),
            (tenant, tenant.to_owned())
        );
    }
}

/// So that a kin among many is found without a look at the others.
#[test]
fn other_kins_are_looked_for_elsewhere() {
    let kins = Kins::default();
    let place = |client: &str, tenant: &str, scope: &str| {
        let (key, entry) = (Arc::new(key(tenant, client)), entry(scope));
        let wanted = Wanted::new(&key, &entry);
        kins.hashes.hash(wanted.digest())
    };
    let plain = place("one", "contoso.com", "a");
    assert_eq!(plain, place("one", "contoso.com", "a"));
    assert_ne!(plain, place("two", "contoso.com", "a"));
    assert_ne!(plain, place("one", "fabrikam.com", "a"));
    assert_ne!(plain, place("one", "contoso.com", "b"));
}

/// In a table of as many places as there are digests, in whichever bits these differ, under whatever secret: a good hash would
/// leave 63 % of the places in use.
#[test]
fn digests_spread_over_a_table() {
    const COUNT: u64 = 4_096;
    for secret in [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210] {
        let hashes = Hashes(secret);
        for shift in [0, 4, 8, 12, 16, 20] {
            let places: std::collections::HashSet<u64> = (0..COUNT)
                .map(|digest| hashes.hash(digest << shift) % COUNT)
                .collect();
            assert!(places.len() > 1_800, "{shift} bits: {}", places.len());
        }
    }
}

/// Where tenants have names, there are as many kins as tokens: not twice the room.
#[test]
fn kins_make_room_by_the_quarter() {
    let (mut kins, entry, mut grown) = (Kins::default(), entry("a"), 0);
    for number in 0..1_000 {
        let before = kins.places.capacity();
        let key = Arc::new(key(&format!("t{number}.example"), "one"));
        let held = kins.hold(Wanted::new(&key, &entry));
        assert!(held.is_some_and(|(_, size)| size > 0));
        let (length, room) = (kins.places.len(), kins.places.capacity());
        assert!(room <= length + length / 4 + 1, "{room} for {length}");
        grown += usize::from(room != before);
    }
    assert!(grown < 40, "{grown} times");
}
