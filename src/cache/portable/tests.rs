//! What the items' names and contents promise, for keys of all kinds; documents as a whole are tested in `tests/it/portable.rs`.

mod draft;
mod kept_apart;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::account::Account;
use crate::cache::key::UserKey;
use crate::cache::partition::Note;
use crate::cache::token_key::GrantKey;
use crate::certificate::example;
use crate::secret::Secret;
use crate::time::{Now, Span};

use super::access_token::AccessToken;
use super::members::look_into;
use super::names;
use super::user::RefreshToken;
use draft::{CLIENT, Draft, NOW, Remembered, draft, plain_key, remembered, texts};

/// The constants of MSAL.NET's `CacheKeyExtensionTests`, `ExtraBodyParametersTests` and `FmiIntegrationTests`.
#[test]
fn hashes_of_extensions_are_those_of_msal_net() {
    let keys = [
        ("key1", "value1"),
        ("key2", "value2"),
        ("key3", "value3"),
        ("key4", "value4"),
    ];
    let attributes = [
        ("attributetoken", "AttributeToken"),
        ("attributetoken2", "AttributeToken"),
        ("fmi_path", "SomeFmiPath/FmiCredentialPath"),
        ("attributetoken3", "AttributeToken"),
    ];
    for (extension, hash) in [
        (&keys[..2], "bNs2ytmX5hxKH4FnfIxrIdMezPBBAYhnmuh6t4bbgHI"),
        (&keys[2..], "3-Rg6_wyjx5Bcy0C3CQQ7GAJtzGsQY3oXQpWj4Y8k4U"),
        (&keys[..], "Ap4MvS3CQ7eWSb5cL17MiyMk5r1nqoGQH11UzWQJvW4"),
        (
            &attributes[..3],
            "8cY9AFTXo3uSqueI1A_HPiX0j66dJXB-3c3BTDcJVxE",
        ),
        (
            &attributes[..],
            "aPnz3SdIoSMmI5yKcFs9h2vMKdZB_vahvt61jBrsCIE",
        ),
        (
            &attributes[2..3],
            "zm2n0E62zwTsnNsozptLsoOoB_C7i-GfpxHYQQINJUw",
        ),
        (
            &[("fmi_path", "SomeFmiPath/Path")],
            "7CX57Q63os7benQ6ER0sxgJPtNQSv7TGb5zexcidFoI",
        ),
    ] {
        assert_eq!(names::concatenated_hash(&texts(extension)), hash);
    }
}

/// The samples of MSAL.NET's `CacheKeyExtensionTests` and `MsalTokenCacheKeysTests`.
#[test]
fn standard_names_are_those_of_msal_net() {
    let hash = names::concatenated_hash(&texts(&[("key1", "value1"), ("key2", "value2")]));
    let scopes = "r1/scope1 r1/scope2";
    for (parts, name) in [
        (
            &["", "login.windows.net", "atext", CLIENT, "common", scopes, &hash][..],
            format!("-login.windows.net-atext-{CLIENT}-common-{scopes}-bns2ytmx5hxkh4fnfixridmezpbbayhnmuh6t4bbghi"),
        ),
        (
            &["uid.utid", "login.microsoftonline.com", "accesstoken_with_authscheme", "clientid", "contoso.com", "User.Read User.Write", "pop"],
            "uid.utid-login.microsoftonline.com-accesstoken_with_authscheme-clientid-contoso.com-user.read user.write-pop".to_owned(),
        ),
    ] {
        assert_eq!(names::standard_name(parts), name);
    }
}

/// What `_compute_ext_cache_key` of MSAL for Python 1.39.0 returns.
#[test]
fn hashes_of_extensions_with_lengths_are_those_of_msal_for_python() {
    for (extension, hash) in [
        (
            texts(&[("fmi_path", "SomeFmiPath/FmiCredentialPath")]),
            "cojvfy5tzae3njpkvcebguvvx5vvmnj8hphqrbogjoi",
        ),
        (
            texts(&[("fmi_path", "a"), ("client_claims", "{}")]),
            "jmc5vcxppatbbp25wjyrpzwaxzvlwvnsjopphpjr7ve",
        ),
        (
            texts(&[("é", "ü")]),
            "oozvczrwl0wg8rezlcktfipuz1ewmffxeqbrcvro2hs",
        ),
    ] {
        let found = names::extension_hash(&plain_key(), &extension);
        assert_eq!(found.as_deref(), Some(hash));
    }
    assert_eq!(names::extension_hash(&plain_key(), &BTreeMap::new()), None);
}

/// Pairs whose standard names are one: parts that run together, and letters whose case is lost.
#[test]
fn i15_t13_names_stay_apart_where_parts_run_together() {
    let plain = Draft::plain();
    let with_client = |client: &str, scope| Draft {
        client: client.to_owned(),
        scopes: vec![scope],
        ..plain.clone()
    };
    let with_body = |name, value| Draft {
        parameters: [texts(&[(name, value)]), BTreeMap::new()],
        ..plain.clone()
    };
    let with_account = |place: usize| Draft {
        grant: place,
        ..plain.clone()
    };
    let bound_to = |serial, pop| Draft {
        bound: Some(serial),
        pop,
        ..plain.clone()
    };
    // With a GUID, as most clients have one.
    let guid_a = format!("{CLIENT}-contoso.com");
    for (one, other) in [
        (with_client("app", "a"), with_client("APP", "a")),
        (
            with_client("app-contoso.com", "a"),
            with_client("app", "contoso.com-a"),
        ),
        (
            with_client(&guid_a, "a"),
            with_client(CLIENT, "contoso.com-a"),
        ),
        (with_body("name", "value"), with_body("namev", "alue")),
        (with_body("n", "é"), with_body("né", "")),
        (bound_to(1, true), bound_to(2, true)),
        (bound_to(1, false), bound_to(2, false)),
        (bound_to(1, false), plain.clone()),
        (with_account(4), with_account(7)),
    ] {
        let standard = |draft: &Draft| {
            let name = draft.name();
            name.split("-SHA256.").next().unwrap().to_owned()
        };
        assert_eq!(standard(&one), standard(&other));
        assert_ne!(one.name(), other.name());
    }
}

/// Whoever can write a document can write a checksum too.
#[test]
fn t13_a_certificate_other_than_the_one_that_the_token_is_kept_for_makes_no_token() {
    let remembered = Remembered::plain(Draft {
        pop: true,
        bound: Some(1),
        ..Draft::plain()
    });
    for (serial, makes_sense) in [(1, true), (2, false)] {
        let entry = remembered.bound_to(Some(example(serial)));
        let written = AccessToken::of(&remembered.draft.key(), entry.held(), NOW).unwrap();
        assert_eq!(read(&written.item()).is_some(), makes_sense, "{serial}");
    }
    let bearer = Remembered::plain(Draft::plain());
    let entry = bearer.bound_to(Some(example(1)));
    let written = AccessToken::of(&bearer.draft.key(), entry.held(), NOW).unwrap();
    assert!(read(&written.item()).is_none());
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::with_cases(cases)
    }
}

fn read(item: &Secret) -> Option<AccessToken<'static>> {
    look_into(item).and_then(|item| AccessToken::read(&item))
}

proptest! {
    #![proptest_config(config(1_000))]

    #[test]
    fn i31_what_is_written_is_read_as_it_was(remembered in remembered()) {
        let (entry, written) = (remembered.entry(), remembered.stored());
        let item = written.item();
        let read = read(&item);
        prop_assert!(read.as_ref() == Some(&written), "{}", item.expose());
        let read = read.unwrap();
        prop_assert!(read.key == remembered.draft.key());
        let id_token = entry.issued.id_token();
        let again = read.entry(id_token, NOW).unwrap();
        // Of the order in which scopes were asked for nothing is left.
        prop_assert!(again.issued == entry.issued && again.region == entry.region);
        prop_assert!(again.about.kind == entry.about.kind && again.about.scopes == entry.about.scopes);
        // Nor does it live any longer in a younger process.
        let young = Now::new(NOW.wall(), Duration::from_secs(10));
        let again = read.entry(id_token, young).unwrap();
        prop_assert_eq!(again.issued.life.left(young), entry.issued.life.left(NOW));
        prop_assert_eq!(again.issued.renewal_is_due(young), entry.issued.renewal_is_due(NOW));
    }

    /// Whoever's token it is, and whatever their names are made of: one name, one principal.
    #[test]
    fn i15_t13_no_two_principals_have_a_name_in_common(
        one in draft(), other in draft(), part in 0..9_usize, place in 0..3_usize,
    ) {
        // As often as not, everything but one part is the same.
        let mut near = one.clone();
        match part {
            0 => near.client.clone_from(&other.client),
            1 => near.grant = other.grant,
            2 => near.paths[place].clone_from(&other.paths[place]),
            3 => near.paths.rotate_left(place),
            4 => near.claims.swap(0, 1),
            5 => near.parameters.clone_from(&other.parameters),
            6 => near.parameters.swap(0, 1),
            7 => near.scopes.clone_from(&other.scopes),
            _ => near.authority = other.authority,
        }
        for two in [&near, &other] {
            let same = one.key() == two.key() && one.scopes() == two.scopes();
            prop_assert_eq!(one.name() == two.name(), same, "{} and {}", one.name(), two.name());
        }
    }

    /// A token that is kept for a certificate has a name that ends in the certificate's, with its capital letters.
    #[test]
    fn two_certificates_never_collide(draft in draft()) {
        let name = |serial| Draft { bound: Some(serial), ..draft.clone() }.name();
        for serial in [1, 2] {
            let ending = format!("-{}", example(serial).thumbprint());
            prop_assert!(name(serial).ends_with(&ending));
        }
        prop_assert_ne!(name(1).to_ascii_lowercase(), name(2).to_ascii_lowercase());
    }

    /// One bit, byte or end of an item that is not as it was: the same token for the same principal, or none.
    #[test]
    fn i31_t25_a_damaged_item_is_the_same_token_or_none(
        remembered in remembered(), place in any::<prop::sample::Index>(), damage in 0..11_u8,
    ) {
        let written = remembered.stored();
        let mut bytes = written.item().expose().as_bytes().to_vec();
        let place = place.index(bytes.len());
        match damage {
            0..=7 => bytes[place] ^= 1 << damage,
            8 => bytes.truncate(place),
            9 => drop(bytes.remove(place)),
            _ => bytes.insert(place, b'0'),
        }
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()); };
        let item = Secret::new(text);
        if let Some(read) = read(&item) {
            // Our own member can lose its name; then what remains has to be all that there was to know.
            prop_assert!(
                read.key == written.key && read.scopes == written.scopes && read.token == written.token,
                "{}", item.expose()
            );
            let left = |of: &AccessToken<'_>| of.entry(None, NOW).map(|entry| entry.issued.life.left(NOW));
            prop_assert!(left(&read) <= left(&written), "{}", item.expose());
        }
    }

    /// Whoever looks for a user's token by what the schema has finds none that is kept apart by more.
    #[test]
    fn i31_refresh_tokens_are_read_as_they_were(
        draft in draft(), token in "[!-~]{1,40}", age in 0_u64..7_000,
    ) {
        let key = draft.key();
        let user = UserKey {
            authority_kind: key.authority_kind,
            authority: key.authority,
            client: key.client,
            account: match key.grant {
                GrantKey::Account(account) => account,
                GrantKey::App | GrantKey::OnBehalfOf(_) | GrantKey::Once => {
                    Account::from_home_id("uid.utid")
                }
            },
            partition: key.partition,
        };
        let age = Duration::from_secs(age);
        let start = Now::new(NOW.wall() - age, NOW.monotonic() - age);
        let note = Note::RefreshToken(Secret::new(token), Span::new(start, Note::REFRESH_TOKEN_LASTS));
        let written = RefreshToken::of(&user, &note, NOW).unwrap();
        let item = written.item(None);
        let json = look_into(&item).unwrap();
        prop_assert!(RefreshToken::read(&json) == Some(written.clone()), "{}", item.expose());
        prop_assert!(written.note(NOW) == Some(note));
        let told_by_host = names::is_told_by_host(user.authority_kind, &user.authority, None);
        let kept_apart = user.partition.is_some() || !told_by_host;
        prop_assert_eq!(json.get("home_account_id").is_none(), kept_apart);
    }
}

/// What is written takes the room that was made for it, so that no part of a secret stays behind in a smaller one.
#[test]
fn the_length_of_a_document_is_known_before_it_is_written() {
    for document in [
        "{}".to_owned(),
        r#"{"Unknown":[1,"two"],"AccessToken":{"a":{"secret":"S"},"b\u0001":{}}}"#.to_owned(),
        format!(
            r#"{{"AccessToken":{{"{}":{{"secret":"{}"}}}},"x":null}}"#,
            "n".repeat(500),
            "s".repeat(5_000)
        ),
    ] {
        let cache = super::PortableCache::read(document.as_bytes()).expect("a document");
        let (written, room) = (cache.write().expose().len(), cache.length());
        let members = document.matches(':').count();
        assert!(
            (written..=written + 2 * members + 2).contains(&room),
            "{written} bytes written, room for {room}"
        );
    }
}
