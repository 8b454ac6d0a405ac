//! Which items go by the name that all MSALs give them, and which by one of their own, because another could have the same.

use std::time::Duration;

use crate::account::Account;
use crate::authority::AuthorityKind;
use crate::cache::key::UserKey;
use crate::cache::partition::{Beside, CacheUpdate};
use crate::cache::portable::access_token::AccessToken;
use crate::cache::portable::members::look_into;
use crate::cache::portable::names;
use crate::cache::portable::user::{RefreshToken, SignedIn};
use crate::cache::samples::entry;
use crate::cache::scopes::ScopeSet;
use crate::cache::token_key::{GrantKey, TokenKey};
use crate::cache::{Memory, PartitionKey, PortableCache};
use crate::secret::Secret;
use crate::time::Now;

use super::draft::{CLIENT, NOW, plain_key};
use super::read;

const TENANT: &str = "22222222-2222-2222-2222-222222222222";
const USER: &str = "33333333-3333-3333-3333-333333333333";

fn home() -> String {
    format!("{USER}.{TENANT}")
}

fn of_account(home_id: &str) -> TokenKey {
    TokenKey {
        grant: GrantKey::Account(Account::from_home_id(home_id)),
        ..plain_key()
    }
}

/// A standard name has no capital letters, and a digest is announced with some.
fn is_standard(name: &str) -> bool {
    !name.contains("-SHA256.")
}

/// Parts of one length, or without a hyphen, can be told apart; all others could run together.
#[test]
fn i15_t13_an_access_token_goes_by_the_standard_name_only_where_no_other_can_have_it() {
    let in_tenant = |tenant: &str| TokenKey {
        tenant: tenant.to_owned(),
        ..plain_key()
    };
    let of_client = |client: &str| TokenKey {
        client: client.into(),
        ..plain_key()
    };
    let at = |authority_kind, authority: &str| TokenKey {
        authority_kind,
        authority: authority.into(),
        ..plain_key()
    };
    let upper = "AAAAAAAA-1111-1111-1111-111111111111";
    for (what, key, standard) in [
        ("a tenant's domain", plain_key(), true),
        ("a tenant's GUID", in_tenant(TENANT), true),
        ("a user", of_account(&home()), true),
        ("a domain with a hyphen", in_tenant("con-toso.com"), false),
        ("a name without a dot", in_tenant("common"), false),
        ("no tenant", in_tenant(""), false),
        ("a client that is no GUID", of_client("app"), false),
        ("a client in capitals", of_client(upper), false),
        (
            "a user without a GUID",
            of_account(&format!("user.{TENANT}")),
            false,
        ),
        (
            "a user of a tenant without one",
            of_account(&format!("{USER}.utid")),
            false,
        ),
        ("a user without a tenant", of_account(USER), false),
        (
            "another cloud",
            at(AuthorityKind::Entra, "login.microsoftonline.us"),
            true,
        ),
        (
            "a host of CIAM",
            at(AuthorityKind::Ciam, "contoso.ciamlogin.com"),
            true,
        ),
        (
            "a host of CIAM with a hyphen",
            at(AuthorityKind::Ciam, "con-toso.ciamlogin.com"),
            false,
        ),
    ] {
        let name = names::access_token_name(&key, &ScopeSet::of(["a"]));
        assert_eq!(is_standard(&name), standard, "{what}: {name}");
    }
}

/// Only the hosts of clouds, and those of CIAM, say by themselves what stands there and how its tokens are remembered.
#[test]
fn t13_an_authority_is_told_by_its_host_only_if_kind_and_port_are_those_of_the_host() {
    let cloud = "login.windows.net";
    for (kind, name, told) in [
        (AuthorityKind::Entra, cloud, true),
        (AuthorityKind::Entra, "login.windows.net:8443", false),
        (AuthorityKind::Entra, "login.example.com", false),
        (AuthorityKind::Dsts, cloud, false),
        (AuthorityKind::Oidc, cloud, false),
        (AuthorityKind::Ciam, "contoso.ciamlogin.com", true),
        (AuthorityKind::Ciam, "contoso.ciamlogin.com:8443", false),
        (AuthorityKind::Dsts, "contoso.ciamlogin.com", false),
    ] {
        let found = names::is_told_by_host(kind, name, Some("contoso.com"));
        assert_eq!(found, told, "{kind:?} {name}");
    }
}

/// What callers may write can be what stands between two parts: then only the digest tells the two tokens apart.
#[test]
fn t13_paths_that_run_together_are_told_apart_by_the_digest() {
    let with = |fmi_path: Option<&str>, assertion: &str| TokenKey {
        fmi_path: fmi_path.map(str::to_owned),
        assertion_fmi_path: Some(assertion.to_owned()),
        ..plain_key()
    };
    let (one, other) = (with(Some("a"), "b"), with(None, "bfmi_patha"));
    let hash = |key| names::concatenated_hash(&names::extension(key));
    assert_eq!(hash(&one), hash(&other));
    let name = |key| names::access_token_name(key, &ScopeSet::of(["a"]));
    assert_ne!(name(&one), name(&other));
}

fn refresh_token(client: &str, home_id: &str) -> RefreshToken {
    RefreshToken {
        user: UserKey {
            authority_kind: AuthorityKind::Entra,
            authority: "login.windows.net".into(),
            client: client.into(),
            account: Account::from_home_id(home_id),
            partition: None,
        },
        token: Secret::new("refresh token"),
        modified: None,
        shared: false,
    }
}

#[test]
fn i15_t13_a_refresh_token_goes_by_the_standard_name_only_where_no_other_can_have_it() {
    let plain = refresh_token(CLIENT, &home());
    let in_partition = |name: &str| RefreshToken {
        user: UserKey {
            partition: Some(name.to_owned()),
            ..plain.user.clone()
        },
        ..plain.clone()
    };
    let elsewhere = RefreshToken {
        user: UserKey {
            authority: "login.example.com".into(),
            ..plain.user.clone()
        },
        ..plain.clone()
    };
    for (what, token, standard) in [
        ("a user", plain.clone(), true),
        (
            "a client that is no GUID",
            refresh_token("app", &home()),
            false,
        ),
        (
            "a user without a GUID",
            refresh_token(CLIENT, "uid.utid"),
            false,
        ),
        ("a partition", in_partition("one"), false),
        ("a host that does not tell its kind", elsewhere, false),
    ] {
        let name = token.name();
        assert_eq!(is_standard(&name), standard, "{what}: {name}");
    }
    assert_ne!(in_partition("one").name(), in_partition("two").name());
}

#[test]
fn i15_t13_users_go_by_standard_names_only_where_no_others_can_have_them() {
    let of = |home_id: &str, client: &str, tenant: &str| {
        let key = TokenKey {
            client: client.into(),
            tenant: tenant.to_owned(),
            ..of_account(home_id)
        };
        SignedIn::of(&key).expect("a user that the schema knows")
    };
    for (what, user, id_token, account) in [
        ("GUIDs", of(&home(), CLIENT, TENANT), true, true),
        (
            "a tenant's domain",
            of(&home(), CLIENT, "contoso.com"),
            false,
            false,
        ),
        (
            "a client that is no GUID",
            of(&home(), "app", TENANT),
            false,
            true,
        ),
        (
            "a user without a GUID",
            of("uid.utid", CLIENT, TENANT),
            false,
            false,
        ),
    ] {
        let name = user.id_token_name();
        assert_eq!(is_standard(&name), id_token, "{what}: {name}");
        let name = user.for_all_clients().account_name();
        assert_eq!(is_standard(&name), account, "{what}: {name}");
    }
}

/// The object id of a guest is another in each tenant, and only that in the user's own tenant is in the id.
#[test]
fn an_account_has_the_users_own_id_in_the_users_own_tenant_alone() {
    let local_id = |tenant: &str| {
        let key = TokenKey {
            tenant: tenant.to_owned(),
            ..of_account(&home())
        };
        let user = SignedIn::of(&key).expect("a user that the schema knows");
        let item = user.account_item(None);
        let json = look_into(&item).expect("an item");
        json.get("local_account_id")
            .and_then(|id| id.text())
            .map(str::to_owned)
    };
    assert_eq!(local_id(TENANT).as_deref(), Some(USER));
    assert_eq!(local_id("contoso.com"), None);
}

fn with_id_token(text: &str) -> Beside {
    Beside {
        id_token: Some(Secret::new(text)),
        ..Beside::default()
    }
}

/// The schema has one ID token for a user, and finds it by what the schema has; who is kept apart by more has it beside the token.
#[test]
fn i31_an_id_token_that_the_schema_has_no_place_for_goes_with_its_access_token() {
    let entry = entry("a", NOW, None, with_id_token("ID"));
    let in_partition = TokenKey {
        partition: Some("one".to_owned()),
        ..of_account(&home())
    };
    for (what, key, goes_along) in [
        ("a user", of_account(&home()), false),
        ("a user in a partition", in_partition, true),
        (
            "a user's assertion",
            TokenKey {
                grant: GrantKey::OnBehalfOf([1; 32]),
                ..plain_key()
            },
            true,
        ),
        ("an application", plain_key(), true),
    ] {
        let written = AccessToken::of(&key, entry.held(), NOW).expect("a token that lives");
        let again = read(&written.item()).expect("a token");
        let again = again.entry(None, NOW).expect("a token that lives");
        assert_eq!(again.issued.id_token().is_some(), goes_along, "{what}");
    }
}

/// Whichever token of the user came last, in whatever order they are found.
#[test]
fn of_a_users_id_tokens_the_document_has_the_one_that_came_last() {
    let key = of_account(&home());
    let at = |age| {
        let age = Duration::from_secs(age);
        Now::new(NOW.wall() - age, NOW.monotonic() - age)
    };
    for ages in [[20, 10, 30], [10, 20, 30], [30, 20, 10]] {
        let mut memory = Memory::default();
        for age in ages {
            let entry = entry(
                &format!("scope-{age}"),
                at(age),
                None,
                with_id_token(&format!("ID-{age}")),
            );
            memory.save(
                &PartitionKey::tokens(key.clone()),
                &CacheUpdate::entry(entry),
                NOW,
            );
        }
        let without = entry("another", NOW, None, Beside::default());
        memory.save(
            &PartitionKey::tokens(key.clone()),
            &CacheUpdate::entry(without),
            NOW,
        );
        let mut cache = PortableCache::empty();
        cache.add_from(&memory, NOW);
        let document = String::from_utf8(cache.write().expose().to_vec()).expect("text");
        let found: Vec<_> = ages
            .iter()
            .filter(|age| document.contains(&format!("ID-{age}")))
            .collect();
        assert_eq!(found, [&10], "{ages:?}");
    }
}

/// An item with these times, in seconds from now on.
fn item(cached_at: i64, expires_on: i64, refresh_on: i64) -> Secret {
    let time = |from_now: i64| NOW.wall().as_secs().saturating_add_signed(from_now);
    Secret::new(format!(
        r#"{{"credential_type":"AccessToken","secret":"token","environment":"login.windows.net","realm":"contoso.com",
            "client_id":"{CLIENT}","target":"a","cached_at":{},"expires_on":{},"refresh_on":{}}}"#,
        time(cached_at),
        time(expires_on),
        time(refresh_on),
    ))
}

/// To the second: an end that is believed, a life that is one, and a renewal that comes before the end.
#[test]
fn t25_the_times_of_an_item_are_believed_up_to_their_bounds() {
    let ten_years = 3_650 * 24 * 3_600;
    let found = |cached_at, expires_on| {
        let read = read(&item(cached_at, expires_on, 0)).expect("an item");
        read.entry(None, NOW).is_some()
    };
    assert!(found(0, ten_years));
    assert!(!found(0, ten_years + 1));
    assert!(found(-10, 1));
    assert!(!found(0, 0));
    let renewal = |refresh_on| {
        let read = read(&item(0, 3_600, refresh_on)).expect("an item");
        let entry = read.entry(None, NOW).expect("a token that lives");
        entry.issued.renew_at_age().map(|age| age.as_secs())
    };
    assert_eq!(renewal(3_599), Some(3_599));
    // Nobody renews what has ended.
    assert_eq!(renewal(3_600), None);
}
