//! Documents that others wrote: what other libraries leave behind, what nobody knows, and what somebody made up.

use entra_proto::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::canary::{assert_silent, is_silent};
use crate::certificates::{RSA, numbered};
use crate::portable::{
    CLIENT, ENTRA, HOME, TENANT, VAULT, about_user, app, client, document, exported, imported,
    secret,
};
use crate::properties::{cases, document as any_document, object};
use crate::script::{START, Script, granting, seconds};

fn read(document: &Value) -> PortableCache {
    PortableCache::read(document.to_string().as_bytes()).expect("a document")
}

/// How many of its tokens serve in a process that begins now.
fn found(document: &Value) -> usize {
    imported(&read(document), START).1
}

/// What MSAL for Python 1.39.0 writes for an application.
fn python() -> Value {
    let name = format!("-login.microsoftonline.com-accesstoken-{CLIENT}-{TENANT}-{VAULT}");
    let metadata = format!("appmetadata-login.microsoftonline.com-{CLIENT}");
    json!({
        "AccessToken": {name: {
            "credential_type": "AccessToken",
            "secret": "CANARY-python",
            "home_account_id": null,
            "environment": "login.microsoftonline.com",
            "client_id": CLIENT,
            "target": VAULT,
            "realm": TENANT,
            "token_type": "Bearer",
            "cached_at": "1798761600",
            "expires_on": "1798765199",
            "extended_expires_on": "1798765199",
            "refresh_on": "1798763400"
        }},
        "AppMetadata": {metadata: {
            "client_id": CLIENT,
            "environment": "login.microsoftonline.com"
        }}
    })
}

/// What MSAL.NET writes, after its `ExpectedTokenCache.json`: for an application with an FMI path and its claims as they were given,
/// and for a user; with a comma too many.
fn dotnet() -> String {
    let document = json!({
        "AccessToken": {"-login.windows.net-atext-…": {
            "environment": "login.windows.net",
            "client_id": CLIENT,
            "secret": "CANARY-net",
            "credential_type": "ATExt",
            "realm": TENANT,
            "target": VAULT,
            "cached_at": "1798761600",
            "expires_on": "1798765200",
            "extended_expires_on": "1798765200",
            "ext_expires_on": "1798765200",
            "ext": {"fmi_path": "a/b", "client_claims": "{ \"a\" : 1 }"}
        }},
        "RefreshToken": {"…": {
            "home_account_id": HOME,
            "environment": "login.windows.net",
            "client_id": CLIENT,
            "secret": "CANARY-net-refresh",
            "credential_type": "RefreshToken",
            "client_info": "e30"
        }},
        "IdToken": {}, "Account": {}, "AppMetadata": {}
    });
    document.to_string().replace("\"e30\"}", "\"e30\",}")
}

#[test]
fn tokens_of_msal_for_python_serve() {
    let (mut script, found) = imported(&read(&python()), START);
    assert_eq!(found, 1);
    let run = script.run(&app().plan(&client(ENTRA, secret())).expect("a plan"));
    assert_eq!(run.token().secret().expose(), "CANARY-python");
    assert_eq!(run.token().expires_in(), seconds(3_599));
}

#[test]
fn tokens_of_msal_net_serve() {
    let cache = PortableCache::read(dotnet().as_bytes()).expect("a document");
    let (mut script, found) = imported(&cache, START);
    assert_eq!(found, 2);
    let client = client(
        "https://sts.windows.net/22222222-2222-2222-2222-222222222222",
        secret(),
    );
    let with_both = app().fmi_path("a/b").client_claims("{\"a\":1}");
    let hit = script.run(&with_both.plan(&client).expect("a plan"));
    assert_eq!(hit.token().secret().expose(), "CANARY-net");
    let silent = TokenRequest::for_account(Account::from_home_id(HOME), ["User.Read"]);
    let sent = script.run(&silent.plan(&client).expect("a plan"));
    assert_eq!(
        sent.request().field("refresh_token"),
        Some("CANARY-net-refresh")
    );
    let miss = script.run(&app().fmi_path("a/b").plan(&client).expect("a plan"));
    assert_eq!(miss.sent.len(), 1);
}

/// T25: each of these is no error, serves nobody, and stays as it is.
#[test]
fn t25_an_item_that_does_not_fit_together_serves_nobody_and_stays() {
    let name = |document: &Value| {
        let items = document["AccessToken"].as_object().expect("items");
        items.keys().next().expect("an item").clone()
    };
    let removed = json!("removed");
    for (member, value) in [
        ("secret", json!("a b")),
        ("secret", json!("")),
        ("secret", json!(1)),
        ("secret", removed.clone()),
        ("credential_type", json!("RefreshToken")),
        ("credential_type", removed.clone()),
        ("environment", json!("login.example.com")),
        ("environment", json!("login.microsoftonline.com/x")),
        ("environment", removed.clone()),
        ("client_id", json!("a\nb")),
        ("client_id", removed.clone()),
        ("realm", json!("..")),
        ("realm", json!("adfs")),
        ("realm", removed.clone()),
        ("target", json!(" ")),
        ("target", json!(["a"])),
        ("target", removed.clone()),
        ("token_type", json!("pop")),
        ("token_type", json!("mtls_pop")),
        ("kid", json!("short")),
        ("cached_at", json!("1798761601")),
        ("cached_at", json!("-1")),
        ("cached_at", json!("17987616001")),
        ("cached_at", removed.clone()),
        ("expires_on", json!("1798761600")),
        ("expires_on", json!("9999999999")),
        ("expires_on", json!("1e9")),
        ("expires_on", removed.clone()),
        ("refresh_on", json!("soon")),
        ("user_assertion_hash", json!("a key of the caller's")),
        ("target", json!("https://vault.azure.net/.default\u{1}")),
        ("ext", json!({"cert_sn": "1"})),
        ("ext", json!({"client_claims": "no JSON"})),
        ("ext", json!({"fmi_path": 1})),
        ("ext", json!("x")),
        ("ext_cache_key", json!("x")),
        ("entra_proto", json!({})),
        ("entra_proto", json!({"sum": "x"})),
        ("entra_proto", json!([])),
    ] {
        let mut document = python();
        let name = name(&document);
        let item = document["AccessToken"][&name]
            .as_object_mut()
            .expect("an item");
        if value == removed {
            item.remove(member);
        } else {
            item.insert(member.to_owned(), value.clone());
        }
        assert_eq!(found(&document), 0, "{member} {value}");
        let mut cache = read(&document);
        let before = crate::portable::document(&cache);
        assert_eq!(before, document);
        cache.add_from(&Memory::default(), START);
        let kept = crate::portable::document(&cache)["AccessToken"]
            .get(&name)
            .is_some();
        assert!(kept, "{member} {value}");
    }
    assert_eq!(found(&python()), 1);
    for item in [json!(null), json!("x"), json!([]), json!({})] {
        let mut document = python();
        document["AccessToken"] = json!({"x": item});
        assert_eq!(found(&document), 0);
        assert_eq!(crate::portable::document(&read(&document)), document);
    }
}

/// T13: the certificate beside a PoP token has to be the one that the token is kept for.
#[test]
fn t13_a_pop_token_without_its_own_certificate_serves_nobody() {
    let mut script = Script::new();
    for serial in [1, 2] {
        let client = client(ENTRA, Credential::certificate(numbered(RSA, serial)));
        script.run(&app().proof_of_possession().plan(&client).expect("a plan"));
    }
    let written = document(&exported(&script));
    let items: Vec<&Value> = written["AccessToken"]
        .as_object()
        .expect("items")
        .values()
        .collect();
    let [one, other] = items[..] else {
        panic!("two items")
    };
    let change = |change: &dyn Fn(&mut Value)| {
        let mut item = one.clone();
        change(&mut item);
        json!({"AccessToken": {"x": item}})
    };
    assert_eq!(found(&change(&|_| ())), 1);
    assert_eq!(
        found(&change(&|item| item["kid"] = other["kid"].clone())),
        0
    );
    assert_eq!(
        found(&change(
            &|item| item["entra_proto"] = other["entra_proto"].clone()
        )),
        0
    );
    assert_eq!(
        found(&change(&|item| item["secret"] = other["secret"].clone())),
        0
    );
    assert_eq!(
        found(&change(&|item| item["token_type"] = json!("Bearer"))),
        0
    );
    assert_eq!(
        found(&change(
            &|item| item["entra_proto"]["certificate"] = json!("MAA=")
        )),
        0
    );
    for member in ["kid", "entra_proto", "token_type"] {
        let without = change(&|item| drop(item.as_object_mut().expect("an item").remove(member)));
        assert_eq!(found(&without), 0, "{member}");
    }
}

/// A life longer than any token's is cut to 48 hours (I19).
#[test]
fn i19_t11_an_imported_token_lives_for_48_hours_at_most() {
    let plan = app().plan(&client(ENTRA, secret())).expect("a plan");
    let text = python().to_string().replace("1798765199", "1799999999");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    for (later, serves) in [(48 * 3_600 - 301, true), (48 * 3_600 - 300, false)] {
        let now = Now::new(START.wall() + seconds(later), START.monotonic());
        let mut script = Script::new();
        script.now = now;
        read(&document).load_into(&mut script.memory, now);
        assert_eq!(script.run(&plan).sent.is_empty(), serves, "{later}");
    }
}

#[test]
fn what_is_no_document_is_an_error_that_says_where_and_not_what() {
    let item = |inner: &str| format!("{{\"AccessToken\":{inner}}}");
    for (document, at) in [
        ("CANARY".to_owned(), "byte 0"),
        ("[\"CANARY\"]".to_owned(), "byte 0"),
        ("{\"CANARY\":1".to_owned(), "byte 11"),
        ("{\"CANARY\":1}CANARY".to_owned(), "byte 12"),
        // A control character, wherever it stands in its text.
        ("{\"CANARY CANARY\u{1}\":1}".to_owned(), "byte 15"),
        ("{\"CANARY CANARY".to_owned(), "byte 15"),
        (item("[\"CANARY\"]"), "byte 15"),
        (item("\"CANARY\""), "byte 15"),
        (item("{\"CANARY\":{},\"CANARY\":{}}"), "byte 28"),
        (item("{\"CANARY\":{\"a\":01}}"), "byte 31"),
        (
            item(&format!("{{\"CANARY\":{}}}", "[".repeat(100))),
            "byte 55",
        ),
    ] {
        let error = PortableCache::read(document.as_bytes()).expect_err(&document);
        assert_eq!(
            (error.code(), error.fault()),
            ("json_parse_failed", Fault::Garbled)
        );
        assert!(error.to_string().contains(at), "{document}: {error}");
        assert!(is_silent(&format!("{error} {error:?}")));
    }
    let large = vec![b' '; PortableCache::MAX_BYTES + 1];
    let error = PortableCache::read(&large).expect_err("too large");
    assert_eq!(error.code(), "json_parse_failed");
    assert!(PortableCache::read(b"\xff{}").is_err());
    let nothing = PortableCache::read(b"").expect("nothing is an empty document");
    assert_eq!(nothing.write().expose(), b"{}");
    assert!(nothing == PortableCache::empty());
}

/// A token that was fetched since takes the place of the older one, whoever wrote that and under whatever name of the host.
#[test]
fn what_is_newer_takes_the_place_of_what_is_older_and_of_nothing_else() {
    let client = client(ENTRA, secret());
    let mut foreign = python();
    foreign["AccessToken"]["somewhere"] = foreign["AccessToken"]
        .as_object_mut()
        .and_then(|items| items.values().next().cloned())
        .expect("an item");
    foreign["AccessToken"]["somewhere"]["environment"] = json!("sts.windows.net");
    foreign["AccessToken"]["somewhere"]["unknown"] = json!([1.50, {"b": null}]);
    let mut script = Script::new();
    script.pass(seconds(10));
    script.run(&app().bypassing_cache().plan(&client).expect("a plan"));
    let mut cache = read(&foreign);
    cache.add_from(&script.memory, script.now);
    let written = document(&cache);
    let items = written["AccessToken"].as_object().expect("items");
    let secrets: Vec<_> = items.values().map(|item| &item["secret"]).collect();
    assert_eq!(secrets, [&json!("CANARY-token-1")]);
    assert_eq!(written["AppMetadata"], foreign["AppMetadata"]);
    // The older one does not come back, neither to the document nor to memory.
    let (older, _) = imported(&read(&foreign), START);
    let before = cache.clone();
    cache.add_from(&older.memory, script.now);
    assert!(cache == before);
    assert_eq!(read(&foreign).load_into(&mut script.memory, script.now), 0);
}

#[test]
fn a_refresh_token_gives_way_to_a_newer_one_and_its_item_keeps_the_rest() {
    let client = client(ENTRA, secret());
    let refresh = TokenRequest::refreshing(Secret::new("CANARY-old"), ["User.Read"]);
    let plan = refresh.plan(&client).expect("a plan");
    let mut script = Script::new().answers([about_user("1"), about_user("2")]);
    script.run(&plan);
    let first = exported(&script);
    script.pass(seconds(10));
    script.run(&plan);
    let mut cache = PortableCache::read(dotnet().as_bytes()).expect("a document");
    cache.add_from(&script.memory, script.now);
    let written = document(&cache);
    let items = written["RefreshToken"].as_object().expect("items");
    let items: Vec<_> = items.values().collect();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["secret"], "CANARY-refresh-2");
    assert_eq!(items[0]["client_info"], "e30");
    // And not to an older one.
    let before = cache.clone();
    let (older, _) = imported(&first, script.now);
    cache.add_from(&older.memory, older.now);
    assert_eq!(
        document(&cache)["RefreshToken"],
        document(&before)["RefreshToken"]
    );
    // One of a family of clients is for nobody else to replace.
    let mut family: Value = serde_json::from_str(&dotnet().replace(",}", "}")).expect("JSON");
    family["RefreshToken"]["…"]["family_id"] = json!("1");
    let mut cache = read(&family);
    cache.add_from(&script.memory, script.now);
    assert_eq!(
        document(&cache)["RefreshToken"]["…"],
        family["RefreshToken"]["…"]
    );
    assert_eq!(
        document(&cache)["RefreshToken"].as_object().map(Map::len),
        Some(2)
    );
}

/// MSAL.NET does not say when one came, so nobody knows whether it is newer than the one that is held.
#[test]
fn a_refresh_token_without_a_date_takes_no_others_place() {
    let refresh = TokenRequest::refreshing(Secret::new("CANARY-old"), ["User.Read"]);
    let plan = refresh.plan(&client(ENTRA, secret())).expect("a plan");
    let undated = PortableCache::read(dotnet().as_bytes()).expect("a document");
    let held = |script: &Script| {
        let written = document(&exported(script));
        let items = written["RefreshToken"].as_object().expect("items");
        items
            .values()
            .map(|item| item["secret"].clone())
            .collect::<Vec<_>>()
    };
    let mut script = Script::new().answers([about_user("1")]);
    undated.load_into(&mut script.memory, script.now);
    let foreign = held(&script);
    script.run(&plan);
    let own = held(&script);
    assert_eq!(own, [json!("CANARY-refresh-1")]);
    assert_ne!(own, foreign);
    script.pass(seconds(10));
    undated.load_into(&mut script.memory, script.now);
    assert_eq!(held(&script), own);
}

/// A token that would be renewed once it has ended is one that is not renewed.
#[test]
fn a_renewal_that_comes_too_late_is_not_written_down() {
    for (refresh_in, written) in [(8, Some(json!("1798761608"))), (9, None)] {
        let times = format!(",\"expires_in\":9,\"refresh_in\":{refresh_in}");
        let mut script = Script::new().answers([granting("Bearer", "CANARY", &times)]);
        script.run(&app().plan(&client(ENTRA, secret())).expect("a plan"));
        let document = document(&exported(&script));
        let items = document["AccessToken"].as_object().expect("items");
        let found: Vec<_> = items.values().map(|item| item.get("refresh_on")).collect();
        assert_eq!(found, [written.as_ref()], "{refresh_in} s");
    }
}

#[test]
fn access_tokens_that_have_ended_leave_the_document() {
    let ended = START.after(seconds(3_600));
    let mut cache = read(&python());
    cache.add_from(&Memory::default(), ended);
    assert_eq!(document(&cache)["AccessToken"], json!({}));
    // One that MSAL.NET may still serve stays.
    let text = python()
        .to_string()
        .replace("on\":\"1798765199\",\"ext", "on\":\"1798765199\",\"x");
    let mut longer: Value = serde_json::from_str(&text).expect("JSON");
    let items = longer["AccessToken"].as_object_mut().expect("items");
    for item in items.values_mut() {
        item["ext_expires_on"] = json!("1799999999");
    }
    let mut cache = read(&longer);
    cache.add_from(&Memory::default(), ended);
    assert_eq!(document(&cache), longer);
}

/// T35, I41: what somebody put into the document takes no place from what this process fetched itself.
#[test]
fn t35_a_full_memory_lets_nothing_go_for_a_document() {
    let mut script = Script::new();
    script.memory = Memory::new(Limits {
        entries: 2,
        bytes: 1 << 20,
    });
    let plan = app()
        .fmi_path("own")
        .plan(&client(ENTRA, secret()))
        .expect("a plan");
    script.run(&plan);
    let mut crowd = python();
    let item = crowd["AccessToken"]
        .as_object_mut()
        .and_then(|items| items.values().next().cloned())
        .expect("an item");
    for number in 0..100 {
        let mut item = item.clone();
        item["target"] = json!(format!("scope{number}"));
        item["expires_on"] = json!("1798900000");
        crowd["AccessToken"][format!("{number}")] = item;
    }
    assert_eq!(read(&crowd).load_into(&mut script.memory, script.now), 1);
    assert_eq!(script.memory.len(), 2);
    assert!(script.run(&plan).sent.is_empty());
}

/// The bytes that an item would take count before it is let in: its names as well, which it has in common with no other.
#[test]
fn t35_an_item_with_long_names_lets_nothing_go() {
    let plan = app().plan(&client(ENTRA, secret())).expect("a plan");
    let mut script = Script::new();
    script.run(&plan);
    let mut long = python();
    let items = long["AccessToken"].as_object_mut().expect("items");
    for item in items.values_mut() {
        item["target"] = json!("x".repeat(8_000));
        item["expires_on"] = json!("1798900000");
    }
    let bytes = script.memory.bytes();
    for (more, found) in [(4_000, 0), (40_000, 1)] {
        script.memory.set_limits(Limits {
            entries: 10,
            bytes: bytes + more,
        });
        let adopted = read(&long).load_into(&mut script.memory, script.now);
        assert_eq!((adopted, script.memory.len()), (found, 1 + found), "{more}");
        assert!(script.run(&plan).sent.is_empty());
    }
}

/// A thousand sets of several scopes for one principal are more than anybody asks for, and each look-up would go through them. Those of
/// one scope cost nobody anything.
#[test]
fn t35_a_document_can_not_fill_memory_with_scopes() {
    for (scopes, expected) in [("scope{} more", 1_001), ("scope{}", 1_201)] {
        let mut crowd = python();
        let items = crowd["AccessToken"].as_object_mut().expect("items");
        let item = items.values().next().cloned().expect("an item");
        for number in 0..1_200 {
            let mut item = item.clone();
            item["target"] = json!(scopes.replace("{}", &number.to_string()));
            items.insert(format!("{number}"), item);
        }
        assert_eq!(found(&crowd), expected, "{scopes}");
    }
}

/// As many as memory holds by default, and as fast as their number.
#[test]
fn ten_thousand_tokens_go_through_a_document() {
    let client = client(ENTRA, secret());
    let mut script = Script::new();
    let plans: Vec<Plan> = (0..40)
        .map(|number| {
            app()
                .fmi_path(format!("{number}"))
                .plan(&client)
                .expect("a plan")
        })
        .collect();
    for plan in &plans {
        script.run(plan);
    }
    let mut crowd = document(&exported(&script));
    let item = python()["AccessToken"]
        .as_object()
        .and_then(|items| items.values().next().cloned())
        .expect("an item");
    for number in 0..9_960 {
        let mut item = item.clone();
        item["realm"] = json!(format!("tenant{number}.com"));
        crowd["AccessToken"][format!("{number}")] = item;
    }
    let (mut next, found) = imported(&read(&crowd), START);
    assert_eq!(found, 10_000);
    assert!(next.run(&plans[39]).sent.is_empty());
    let mut cache = read(&crowd);
    cache.add_from(&next.memory, next.now);
    assert_eq!(document(&cache), crowd);
}

proptest! {
    #![proptest_config(cases(300))]

    /// Whatever it is: a document or an error, no panic, and nothing told. What is read is written as it was.
    #[test]
    fn any_document_is_kept_as_it_is(
        mut roots in object(),
        section in prop::sample::select(vec!["AccessToken", "RefreshToken", "IdToken", "Account"]),
        items in object(),
        unknown in any_document(),
    ) {
        let mut item = python()["AccessToken"].as_object().unwrap().values().next().unwrap().clone();
        item["unknown"] = unknown;
        let mut items = items;
        items.insert("CANARY".to_owned(), item);
        roots.insert(section.to_owned(), Value::Object(items));
        let roots = Value::Object(roots);
        let mut cache = read(&roots);
        assert_silent(&cache);
        prop_assert_eq!(document(&cache), roots.clone());
        let mut script = Script::new();
        let found = cache.load_into(&mut script.memory, START);
        prop_assert_eq!(found, usize::from(section == "AccessToken"));
        cache.add_from(&script.memory, START);
        prop_assert_eq!(document(&cache), roots);
    }

    #[test]
    fn any_bytes_are_a_document_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = PortableCache::read(&bytes) {
            prop_assert_eq!(error.code(), "json_parse_failed");
        }
    }
}

/// A document of 64 MiB is read, and not a byte more.
#[test]
fn t25_a_document_is_no_larger_than_64_mib() {
    let mut document = b"{}".to_vec();
    document.resize(PortableCache::MAX_BYTES, b' ');
    assert!(PortableCache::read(&document).is_ok());
    document.push(b' ');
    let error = PortableCache::read(&document).unwrap_err();
    assert_eq!(error.code(), "json_parse_failed");
}
