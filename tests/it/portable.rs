//! The portable cache between two processes: what one remembered serves in the other, to the same and to nobody else.

use entra_proto::*;
use serde_json::{Value, json};

use crate::canary::{assert_silent, is_silent};
use crate::certificates::{P256, RSA, ending, numbered, thumbprint};
use crate::script::{START, Script, answer, pair, seconds};

pub(crate) const CLIENT: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const TENANT: &str = "22222222-2222-2222-2222-222222222222";
pub(crate) const ENTRA: &str =
    "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222";
pub(crate) const VAULT: &str = "https://vault.azure.net/.default";
pub(crate) const HOME: &str =
    "33333333-3333-3333-3333-333333333333.22222222-2222-2222-2222-222222222222";

pub(crate) fn client(authority: impl Into<AuthorityUrl>, credential: Credential) -> Client {
    Client::builder(CLIENT, authority, credential)
        .region(RegionSource::Named("westus3".to_owned()))
        .region_policy(RegionPolicy::Optional)
        .known_authorities(["login.example.com"])
        .build()
        .expect("a client")
}

pub(crate) fn secret() -> Credential {
    Credential::secret(Secret::new("CANARY-secret"))
}

fn fixed(serial: u32) -> Credential {
    Credential::certificate(numbered(RSA, serial))
}

pub(crate) fn app() -> TokenRequest {
    TokenRequest::for_app([VAULT])
}

/// An answer about a user, whose id is [`HOME`].
pub(crate) fn about_user(token: &str) -> crate::script::Answer {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let encoded = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let (user, tenant) = HOME.split_once('.').expect("two parts");
    let id_token = json!({"oid": user, "preferred_username": "user@contoso.com", "CANARY": token});
    answer(
        200,
        json!({
            "token_type": "Bearer",
            "access_token": format!("CANARY-{token}"),
            "refresh_token": format!("CANARY-refresh-{token}"),
            "id_token": format!("e30.{}.CANARY", encoded(id_token)),
            "client_info": encoded(json!({"uid": user, "utid": tenant})),
            "expires_in": 3_600,
        })
        .to_string(),
    )
}

pub(crate) fn document(cache: &PortableCache) -> Value {
    serde_json::from_slice(cache.write().expose()).expect("JSON")
}

pub(crate) fn exported(script: &Script) -> PortableCache {
    let mut cache = PortableCache::empty();
    cache.add_from(&script.memory, script.now);
    assert_silent(&cache);
    cache
}

/// Another process: nothing is remembered but what is in the document, and its monotonic clock has just begun.
pub(crate) fn imported(cache: &PortableCache, now: Now) -> (Script, usize) {
    let stored = cache.write();
    let read = PortableCache::read(stored.expose()).expect("what was written");
    assert!(read == *cache);
    let mut script = Script::new();
    script.now = Now::new(now.wall(), seconds(5));
    let found = read.load_into(&mut script.memory, script.now);
    (script, found)
}

/// Everybody who is somebody else, one request each (rule 10).
fn everybody() -> Vec<(Client, TokenRequest)> {
    let oidc = |url| Authority::oidc(url).expect("an authority");
    let isolated = |serial| {
        Client::builder(CLIENT, ENTRA, fixed(serial).send_over_mtls())
            .region(RegionSource::Named("westus3".to_owned()))
            .bearer_isolation(BearerIsolation::PerCertificate)
            .build()
            .expect("a client")
    };
    let elsewhere = "https://login.example.com:8443";
    let users = |text| TokenRequest::on_behalf_of(Secret::new(format!("CANARY {text}")), [VAULT]);
    vec![
        (client(ENTRA, secret()), app()),
        (
            client(ENTRA, secret()),
            TokenRequest::for_app(["User.Read", "a"]),
        ),
        (client(ENTRA, secret()), app().tenant("fabrikam.com")),
        (client(ENTRA, secret()), app().fmi_path("a/b")),
        (client(ENTRA, secret()), app().assertion_fmi_path("a/b")),
        (client(ENTRA, secret()), app().partition("a/b")),
        (client(ENTRA, secret()), app().client_claims("{\"a\": 1}")),
        (client(ENTRA, secret()), app().body_parameter("a", "b")),
        (client(ENTRA, secret()), app().query_parameter("a", "b")),
        (client(ENTRA, secret()), app().body_parameter("fmi", "a/b")),
        (client(ENTRA, fixed(1)), app().assertion_claims("{\"a\":1}")),
        (client(ENTRA, secret()), users("one")),
        (client(ENTRA, secret()), users("two")),
        (client(ENTRA, fixed(1)), app().proof_of_possession()),
        (client(ENTRA, fixed(2)), app().proof_of_possession()),
        (
            client(ENTRA, fixed(2)),
            app().proof_of_possession().fmi_path("a/b"),
        ),
        (isolated(1), app()),
        (isolated(2), app()),
        (
            Client::builder("other", ENTRA, secret())
                .build()
                .expect("a client"),
            app(),
        ),
        (
            client("https://login.microsoftonline.us/t", secret()),
            app(),
        ),
        (client("https://contoso.ciamlogin.com", secret()), app()),
        (
            client(format!("{elsewhere}/contoso.com").as_str(), secret()),
            app(),
        ),
        (
            client(format!("{elsewhere}/dstsv2/contoso.com").as_str(), secret()),
            app(),
        ),
        (
            client(format!("{elsewhere}/adfs").as_str(), secret()),
            app(),
        ),
        (
            client(
                format!("{elsewhere}/tfp/contoso.com/one").as_str(),
                secret(),
            ),
            app(),
        ),
        (
            client(
                format!("{elsewhere}/tfp/contoso.com/two").as_str(),
                secret(),
            ),
            app(),
        ),
        (client(oidc(elsewhere), secret()), app()),
        (
            client(oidc("https://login.example.com:8443/adfs"), secret()),
            app(),
        ),
    ]
}

/// T13, I15: whoever had a token has it in the next process, with the same certificate; and each token is another's, so nobody
/// has anybody else's.
#[test]
fn i15_i31_t13_everybody_finds_their_own_token_again_and_nobody_elses() {
    let mut script = Script::new();
    for (client, request) in everybody() {
        let provider = r#"{"token_endpoint":"https://login.example.com:8443/token","tenant_discovery_endpoint":"https://x"}"#;
        script = script.instances([answer(200, provider)]);
        let run = script.run(&request.plan(&client).expect("a plan"));
        assert_eq!(run.sent.len(), 1, "{run:?}");
        script = script.forgetting();
    }
    let everybody = everybody();
    let cache = exported(&script);
    let (mut next, found) = imported(&cache, script.now);
    assert_eq!(found, everybody.len());
    for (client, request) in everybody {
        let plan = request.plan(&client).expect("a plan");
        let (before, after) = (script.run(&plan), next.run(&plan));
        assert!(before.sent.is_empty() && after.sent.is_empty());
        let facts = |token: &AccessToken| {
            let certificate = token.binding_certificate().map(Certificate::thumbprint);
            let life = (
                token.expires_in(),
                token.expires_at(),
                token.renewal_is_due(),
            );
            (
                (token.secret().clone(), token.token_type(), certificate),
                (life, token.region().cloned(), token.source()),
            )
        };
        assert_eq!(facts(before.token()), facts(after.token()));
    }
    // What a process brings back that changed nothing is what it was given.
    let mut again = cache.clone();
    again.add_from(&next.memory, next.now);
    assert!(again == cache);
}

#[test]
fn a_plain_token_is_written_as_the_msals_write_it() {
    let mut script = Script::new().answers([answer(
        200,
        r#"{"token_type":"Bearer","access_token":"CANARY-1","expires_in":3600,"refresh_in":1800}"#,
    )]);
    let request = TokenRequest::for_app(["User.Write", "user.read", "A/b"]);
    script.run(&request.plan(&client(ENTRA, secret())).expect("a plan"));
    let cache = exported(&script);
    let mut written = document(&cache);
    let name = format!(
        "-login.microsoftonline.com-accesstoken-{CLIENT}-{TENANT}-a/b user.read user.write"
    );
    let item = &mut written["AccessToken"][&name];
    // By chance up to a tenth later.
    let refresh_on = item["refresh_on"].as_str().and_then(|at| at.parse().ok());
    assert!((1_798_763_400..=1_798_763_580).contains(&refresh_on.unwrap_or(0_u64)));
    item["refresh_on"] = Value::Null;
    assert!(item["entra_proto"]["sum"].is_string());
    item["entra_proto"]["sum"] = Value::Null;
    assert_eq!(
        written,
        json!({"AccessToken": {name: {
            "home_account_id": null,
            "environment": "login.microsoftonline.com",
            "client_id": CLIENT,
            "secret": "CANARY-1",
            "credential_type": "AccessToken",
            "realm": TENANT,
            "target": "A/b user.read User.Write",
            "cached_at": "1798761600",
            "expires_on": "1798765200",
            "extended_expires_on": "1798765200",
            "refresh_on": null,
            "entra_proto": {"region": "westus3", "sum": null},
        }}})
    );
}

/// PoP tokens of two certificates are two items, whose names end in the certificates'; other libraries can tell them from a Bearer
/// token by what each of them looks at.
#[test]
fn pop_tokens_of_two_certificates_never_collide() {
    let mut script = Script::new();
    for serial in [1, 2] {
        let pop = app()
            .proof_of_possession()
            .plan(&client(ENTRA, fixed(serial)));
        script.run(&pop.expect("a plan"));
    }
    let written = document(&exported(&script));
    let items = written["AccessToken"].as_object().expect("items");
    assert_eq!(items.len(), 2);
    for serial in [1, 2] {
        let kid = thumbprint(RSA, serial).to_string();
        let name = items.keys().find(|name| name.ends_with(&format!("-{kid}")));
        let item = &items[name.expect("a name")];
        assert_eq!(item["kid"], kid);
        assert_eq!(item["keyid"], kid);
        assert_eq!(item["token_type"], "mtls_pop");
        assert!(item["ext_cache_key"].is_string());
        assert_eq!(item.get("ext"), None);
    }
}

#[test]
fn imp12_a_pair_of_the_next_process_finds_the_token_of_its_own_certificate() {
    let client = client(ENTRA, Credential::signed_assertion_provider());
    let plan = app().proof_of_possession().plan(&client).expect("a plan");
    let mut script = Script::new().pairs([pair(1)]);
    let first = script.run(&plan);
    let (mut next, found) = imported(&exported(&script), script.now);
    assert_eq!(found, 1);
    next = next.pairs([pair(1), pair(2)]);
    let hit = next.run(&plan);
    assert_eq!(hit.token().secret(), first.token().secret());
    let binding = hit
        .token()
        .binding_certificate()
        .map(Certificate::thumbprint);
    assert_eq!(binding, Some(thumbprint(P256, 1)));
    assert_eq!(next.run(&plan).sent.len(), 1);
}

#[test]
fn a_user_finds_access_token_refresh_token_and_id_token_again() {
    let client = client(ENTRA, secret());
    let mut script = Script::new().answers([about_user("1")]);
    let refresh = TokenRequest::refreshing(Secret::new("CANARY-old"), ["User.Read"]);
    let run = script.run(&refresh.plan(&client).expect("a plan"));
    let account = run.token().account().expect("an account").clone();
    let cache = exported(&script);
    let written = document(&cache);
    for (section, name) in [
        (
            "RefreshToken",
            format!("{HOME}-login.microsoftonline.com-refreshtoken-{CLIENT}--"),
        ),
        (
            "IdToken",
            format!("{HOME}-login.microsoftonline.com-idtoken-{CLIENT}-{TENANT}-"),
        ),
        (
            "Account",
            format!("{HOME}-login.microsoftonline.com-{TENANT}"),
        ),
    ] {
        assert_eq!(
            written[section][&name]["home_account_id"], HOME,
            "{section}"
        );
    }
    let account_item = written["Account"]
        .as_object()
        .and_then(|items| items.values().next());
    assert_eq!(
        account_item,
        Some(&json!({
            "home_account_id": HOME,
            "environment": "login.microsoftonline.com",
            "realm": TENANT,
            "local_account_id": HOME.split('.').next(),
            "username": "user@contoso.com",
            "authority_type": "MSSTS",
        }))
    );
    let (mut next, found) = imported(&cache, script.now);
    assert_eq!(found, 2);
    let silent = |scope: &str| TokenRequest::for_account(account.clone(), [scope]).plan(&client);
    let hit = next.run(&silent("user.read").expect("a plan"));
    assert_eq!(hit.token().secret(), run.token().secret());
    assert_eq!(hit.token().id_token(), run.token().id_token());
    assert_eq!(hit.token().account(), Some(&account));
    let other = next.run(&silent("Mail.Read").expect("a plan"));
    assert_eq!(
        other.request().field("refresh_token"),
        Some("CANARY-refresh-1")
    );
}

/// An answer need not say who the user is: then there is an account, and nothing about it.
#[test]
fn a_user_without_an_id_token_is_written_without_one() {
    let client = client(ENTRA, secret());
    let body = about_user("1").expect("an answer");
    let body: Value = serde_json::from_slice(body.body().expose()).expect("JSON");
    let mut body = body.as_object().expect("an object").clone();
    body.remove("id_token");
    let mut script = Script::new().answers([answer(200, Value::from(body).to_string())]);
    let refresh = TokenRequest::refreshing(Secret::new("CANARY-old"), ["User.Read"]);
    script.run(&refresh.plan(&client).expect("a plan")).token();
    let written = document(&exported(&script));
    assert_eq!(written.get("IdToken"), None);
    let account = &written["Account"][format!("{HOME}-login.microsoftonline.com-{TENANT}")];
    assert_eq!(account["home_account_id"], HOME);
}

/// T11: nor is a refresh token kept for longer than ninety days for having been stored.
#[test]
fn t11_a_refresh_token_that_has_ended_is_not_imported() {
    let client = client(ENTRA, secret());
    let mut script = Script::new().answers([about_user("1")]);
    let refresh = TokenRequest::refreshing(Secret::new("CANARY-old"), ["User.Read"]);
    script.run(&refresh.plan(&client).expect("a plan")).token();
    let cache = exported(&script);
    let lasts = 90 * 24 * 3_600;
    for (later, found) in [(lasts - 1, 1), (lasts, 0)] {
        let then = Now::new(script.now.wall() + seconds(later), seconds(5));
        assert_eq!(imported(&cache, then).1, found);
    }
}

/// What is remembered gives way to nothing that is as old: the user's newer tokens replace those of the document.
#[test]
fn a_users_newer_tokens_replace_those_of_the_document() {
    let client = client(ENTRA, secret());
    let signed_in = |name: &str| {
        let mut script = Script::new().answers([about_user(name)]);
        let refresh = TokenRequest::refreshing(Secret::new("CANARY-old"), ["User.Read"]);
        let id_token = script.run(&refresh.plan(&client).expect("a plan"));
        let id_token = id_token.token().id_token().expect("an ID token").clone();
        (script, id_token)
    };
    let (first, older) = signed_in("1");
    let (second, newer) = signed_in("2");
    // Both came in the same second.
    let mut cache = exported(&first);
    cache.add_from(&second.memory, second.now);
    let written = document(&cache).to_string();
    assert!(written.contains("CANARY-refresh-2") && !written.contains("CANARY-refresh-1"));
    assert!(written.contains(newer.expose()) && !written.contains(older.expose()));
}

/// An account that is there was written by somebody who knows more of the user.
#[test]
fn an_account_that_is_there_stays_as_it_is() {
    let client = client(ENTRA, secret());
    let mut script = Script::new().answers([about_user("1")]);
    let refresh = TokenRequest::refreshing(Secret::new("CANARY-old"), ["User.Read"]);
    script.run(&refresh.plan(&client).expect("a plan")).token();
    let name = format!("{HOME}-login.microsoftonline.com-{TENANT}");
    let mut before = document(&exported(&script))["Account"][&name].clone();
    before["given_name"] = json!("Alice");
    let written = json!({"Account": {name.as_str(): before}}).to_string();
    let mut cache = PortableCache::read(written.as_bytes()).expect("a document");
    cache.add_from(&script.memory, script.now);
    assert_eq!(document(&cache)["Account"], json!({name: before}));
}

/// For whoever looks by what the schema has.
#[test]
fn t13_a_refresh_token_of_a_partition_is_found_there_alone() {
    let client = client(ENTRA, secret());
    let mut script = Script::new().answers([about_user("1")]);
    let refresh = TokenRequest::refreshing(Secret::new("CANARY-old"), ["User.Read"]);
    script.run(&refresh.partition("mine").plan(&client).expect("a plan"));
    let cache = exported(&script);
    let written = document(&cache);
    let item = written["RefreshToken"]
        .as_object()
        .and_then(|items| items.values().next());
    let item = item.expect("an item");
    assert_eq!(item.get("home_account_id"), None);
    assert_eq!(
        (written.get("Account"), written.get("IdToken")),
        (None, None)
    );
    let (mut next, _) = imported(&cache, script.now);
    let account = Account::from_home_id(HOME);
    let silent = TokenRequest::for_account(account, ["Mail.Read"]);
    let missed = next.run(&silent.clone().plan(&client).expect("a plan"));
    assert_eq!(missed.error().code(), "no_tokens_found");
    let found = next.run(&silent.partition("mine").plan(&client).expect("a plan"));
    assert_eq!(
        found.request().field("refresh_token"),
        Some("CANARY-refresh-1")
    );
}

/// T11, I17 to I19: nothing lives longer for having been stored.
#[test]
fn t11_what_was_stored_serves_no_longer_than_it_would_have() {
    let client = client(ENTRA, secret());
    let plan = app().plan(&client).expect("a plan");
    let mut script = Script::new();
    script.run(&plan);
    script.pass(seconds(1_000));
    let cache = exported(&script);
    // 2,600 s are left, of which the last 300 do not serve.
    for (later, back, serves) in [(2_299, 0, true), (2_300, 0, false), (2_300, 2_300, false)] {
        let (mut next, found) = imported(&cache, script.now);
        assert_eq!(found, 1);
        next.pass(seconds(later));
        // Whatever becomes of the wall clock.
        next.now = Now::new(next.now.wall() - seconds(back), next.now.monotonic());
        assert_eq!(next.run(&plan).sent.is_empty(), serves, "{later} {back}");
    }
    let before = Now::new(START.wall() - seconds(1), seconds(5));
    assert_eq!(imported(&cache, before).1, 0, "it comes from the future");
    let after = Now::new(START.wall() + seconds(3_600), seconds(5));
    assert_eq!(imported(&cache, after).1, 0, "it has ended");
    // A PoP token ends with its certificate, here half an hour from now.
    let credential = Credential::certificate(ending(RSA, b"270101003000Z"));
    let pop = app().proof_of_possession();
    let pop = pop.plan(&self::client(ENTRA, credential)).expect("a plan");
    let mut script = Script::new();
    script.run(&pop);
    let written = document(&exported(&script)).to_string();
    assert!(written.contains("\"expires_on\":\"1798763400\""));
    let longer = written.replace("1798763400", "1798765200");
    let read = PortableCache::read(longer.as_bytes()).expect("JSON");
    assert_eq!(imported(&read, script.now).1, 0, "its sum is another");
    assert!(is_silent(&format!("{read:?}")));
}

#[test]
fn a_request_that_bypasses_reading_is_not_served_what_was_imported_meanwhile() {
    let client = client(ENTRA, secret());
    let mut script = Script::new();
    script.run(&app().plan(&client).expect("a plan"));
    let cache = exported(&script);
    let bypassing = app().bypassing_cache().plan(&client).expect("a plan");
    let mut next = Script::new();
    next.pass(seconds(1));
    let mut step = bypassing.start(crate::script::seed(1), next.now);
    let mut seen = Vec::new();
    loop {
        seen.push(crate::script::name(&step));
        step = match step {
            Step::TakeTurn(take) => {
                next.pass(seconds(1));
                cache.load_into(&mut next.memory, next.now);
                take.resume(Turn::Waited, next.now)
            }
            Step::LoadCache(load) => {
                let found = next.memory.load(&load);
                load.resume(Ok(found), next.now)
            }
            _ => break,
        };
    }
    assert_eq!(next.memory.len(), 1);
    assert_eq!(seen.last(), Some(&"SendRequest"), "{seen:?}");
}

/// Found by the fuzz target of flows: what was stored after the wall clock had been set back looked as if it was just fetched.
#[test]
fn r11_a_request_that_bypasses_reading_is_not_served_what_a_clock_set_back_made_young() {
    let client = client(ENTRA, secret());
    let mut script = Script::new();
    script.run(&app().plan(&client).expect("a plan"));
    script.pass(seconds(60));
    script.now = Now::new(script.now.wall() - seconds(43_200), script.now.monotonic());
    let cache = exported(&script);
    let token = &document(&cache)["AccessToken"];
    let token = token.as_object().and_then(|items| items.values().next());
    let stored = token.expect("one token")["cached_at"].as_str();
    let age = script.now.wall().as_secs() - stored.expect("text").parse::<u64>().expect("seconds");
    assert_eq!(age, 60);
    script.memory = Memory::default();
    assert_eq!(cache.load_into(&mut script.memory, script.now), 1);
    let bypassing = app().bypassing_cache().plan(&client).expect("a plan");
    let step = bypassing.start(crate::script::seed(1), script.now);
    let Step::TakeTurn(take) = step else {
        panic!("{step:?}");
    };
    let Step::LoadCache(load) = take.resume(Turn::Waited, script.now) else {
        panic!("whoever waited looks");
    };
    let found = script.memory.load(&load);
    assert_eq!(found.len(), 1);
    let step = load.resume(Ok(found), script.now);
    assert!(!matches!(step, Step::Done(_)), "{step:?}");
}
