//! Tokens for users: each grant over plain TLS with a secret, and over mutual TLS with a pair, as the server saw it.

use serde_json::{Value, json};

use crate::Outcome;
use crate::program::{CLIENT, Run, TENANT, claims, run, run_with_input};
use crate::world::{
    BY_CERTIFICATE, BY_PAIR, BY_SECRET, REDIRECT_URI, SCOPE, USER, VERIFIER, World,
};

const ON_BEHALF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const MTLS: &str = "eastus.mtlsauth.microsoft.com";
/// What brings a user's tokens.
const SENT_SCOPES: &str = "https://graph.microsoft.com/User.Read openid profile offline_access";

fn code(file: &str) -> Vec<&str> {
    vec!["--code-file", file, "--redirect-uri", REDIRECT_URI]
}

fn pkce(file: &str) -> Vec<&str> {
    [&code(file)[..], &["--code-verifier-file", "@verifier"]].concat()
}

/// A Bearer token of the user came; what was printed beside it.
fn assert_for_the_user(got: &Run) -> Result<Value, Box<dyn std::error::Error>> {
    assert_eq!(got.code, Some(0), "{got:?}");
    let printed = got.json()?;
    assert_eq!(printed["token_type"], "Bearer");
    assert_eq!(printed["scopes"], json!([SCOPE]));
    let claims = claims(printed["access_token"].as_str().unwrap_or_default())?;
    assert_eq!(claims["preferred_username"], USER);
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert_eq!(claims["azp"], CLIENT);
    Ok(printed)
}

/// The user's account and tokens are printed.
fn assert_signed_in(printed: &Value) -> Outcome {
    let account = printed["account"].as_str().unwrap_or_default();
    assert!(account.ends_with(&format!(".{TENANT}")), "{account}");
    let id_token = claims(printed["id_token"].as_str().unwrap_or_default())?;
    assert_eq!(id_token["preferred_username"], USER);
    assert_eq!(id_token["aud"], CLIENT);
    assert!(printed["refresh_token"].is_string());
    Ok(())
}

/// The latest request had this grant; with the pair it went over mutual TLS, bound, and else over plain TLS with the secret.
fn assert_sent(world: &World, grant: &str, is_pair: bool) -> Outcome {
    let sent = world.sent()?;
    assert_eq!(sent.form_value("grant_type"), Some(grant));
    assert_eq!(sent.form_value("scope"), Some(SENT_SCOPES));
    assert_eq!(sent.form_value("token_type"), None);
    if is_pair {
        let jwt_pop = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";
        assert_eq!(sent.host, MTLS);
        assert_eq!(sent.client_thumbprint(), Some(world.binding.thumbprint()));
        assert_eq!(sent.form_value("client_assertion_type"), Some(jwt_pop));
        assert_eq!(sent.form_value("client_secret"), None);
    } else {
        assert_eq!(sent.host, "login.microsoftonline.com");
        assert_eq!(sent.client_thumbprint(), None);
        assert_eq!(sent.form_value("client_assertion_type"), None);
        assert_eq!(sent.form_value("client_secret"), Some("canary~secret"));
    }
    Ok(())
}

#[test]
fn imp01_imp02_on_behalf_of_a_user() -> Outcome {
    let world = World::start("on behalf")?;
    for (credential, is_pair) in [(BY_SECRET, false), (BY_PAIR, true)] {
        let got = world.run(&[credential, &["--on-behalf-of-file", "@user.jwt"]])?;
        let printed = assert_for_the_user(&got)?;
        assert_eq!(printed["account"], Value::Null);
        assert_sent(&world, ON_BEHALF, is_pair)?;
        let sent = world.sent()?;
        let token = std::fs::read_to_string(world.file("user.jwt"))?;
        assert_eq!(sent.form_value("assertion"), Some(token.as_str()));
        assert_eq!(sent.form_value("requested_token_use"), Some("on_behalf_of"));
    }
    Ok(())
}

#[test]
fn imp01_imp02_a_refresh_token_and_the_one_that_comes_for_it() -> Outcome {
    let world = World::start("refresh")?;
    for (credential, is_pair) in [(BY_SECRET, false), (BY_PAIR, true)] {
        let got = world.run(&[credential, &["--refresh-token-file", "@refresh"]])?;
        let printed = assert_for_the_user(&got)?;
        assert_signed_in(&printed)?;
        assert_sent(&world, "refresh_token", is_pair)?;
        // The next run's.
        let next = printed["refresh_token"].as_str().unwrap_or_default();
        let next = world.write("next", &format!("{next}\n"))?;
        let got = world.run(&[credential, &["--refresh-token-file", &next]])?;
        assert_for_the_user(&got)?;
    }
    Ok(())
}

#[test]
fn imp01_imp02_an_authorization_code_with_and_without_pkce() -> Outcome {
    let world = World::start("code")?;
    for (credential, grant, verifier) in [
        (BY_SECRET, code("@code-1"), None),
        (BY_PAIR, code("@code-2"), None),
        (BY_SECRET, pkce("@pkce-1"), Some(VERIFIER)),
        (BY_PAIR, pkce("@pkce-2"), Some(VERIFIER)),
    ] {
        let printed = assert_for_the_user(&world.run(&[credential, &grant])?)?;
        assert_signed_in(&printed)?;
        assert_sent(&world, "authorization_code", credential == BY_PAIR)?;
        let sent = world.sent()?;
        assert_eq!(sent.form_value("redirect_uri"), Some(REDIRECT_URI));
        assert_eq!(sent.form_value("code_verifier"), verifier);
    }
    Ok(())
}

#[test]
fn a_code_and_a_refresh_token_need_no_scope() -> Outcome {
    let world = World::start("no scope")?;
    let authority = format!("https://login.microsoftonline.com/{TENANT}");
    for grant in [code("@code-1"), vec!["--refresh-token-file", "@refresh"]] {
        let arguments = [BY_SECRET, &grant].concat();
        let got = run(&mut world.acquire_of(&authority, &arguments))?;
        assert_eq!(got.code, Some(0), "{got:?}");
        assert_eq!(got.json()?["scopes"], json!([]));
        assert_signed_in(&got.json()?)?;
    }
    let arguments = [BY_SECRET, &["--on-behalf-of-file", "@user.jwt"]].concat();
    let got = run(&mut world.acquire_of(&authority, &arguments))?;
    assert_eq!(got.code, Some(2));
    let said = "error: scopes_required_client_credentials: the request names no scope";
    assert!(got.err.contains(said), "{got:?}");
    Ok(())
}

#[test]
fn a_user_by_a_federated_identity_credential_over_plain_tls() -> Outcome {
    let world = World::start("federated")?;
    let id = "33333333-3333-3333-3333-333333333333";
    let by_id = format!("{id}@contoso.onmicrosoft.com");
    let assertion = std::fs::read_to_string(world.file("assertion.jwt"))?;
    for (user, sent_as, username) in [(USER, "username", USER), (id, "user_id", &by_id)] {
        let grant = [
            "--federated-user",
            user,
            "--user-assertion-file",
            "@assertion.jwt",
        ];
        for credential in [BY_SECRET, BY_CERTIFICATE] {
            let got = world.run(&[credential, &grant])?;
            assert_eq!(got.code, Some(0), "{got:?}");
            let printed = got.json()?;
            assert!(printed["account"].is_string() && printed["refresh_token"].is_string());
            let claims = claims(printed["access_token"].as_str().unwrap_or_default())?;
            assert_eq!(claims["preferred_username"], username);
            let sent = world.sent()?;
            assert_eq!(sent.client_thumbprint(), None);
            assert_eq!(sent.form_value("grant_type"), Some("user_fic"));
            assert_eq!(sent.form_value(sent_as), Some(user));
            let name = "user_federated_identity_credential";
            assert_eq!(sent.form_value(name), Some(assertion.as_str()));
        }
    }
    Ok(())
}

#[test]
fn a_federated_user_does_not_go_with_mutual_tls() -> Outcome {
    let world = World::start("federated mtls")?;
    let grant = ["--federated-user", USER];
    let grant = [&grant[..], &["--user-assertion-file", "@assertion.jwt"]].concat();
    let region = ["--region", "eastus"];
    let over_mtls = [BY_CERTIFICATE, &region, &["--send-over-mtls"]].concat();
    let pop = [BY_CERTIFICATE, &region, &["--pop"]].concat();
    for (credential, code) in [
        (BY_PAIR, "invalid_credential_material"),
        (&over_mtls, "invalid_credential_material"),
        (&pop, "invalid_request_parameter"),
    ] {
        let got = world.run(&[credential, &grant])?;
        assert_eq!((got.code, got.out.as_str()), (Some(2), ""), "{got:?}");
        assert!(got.err.contains(&format!("error: {code}: ")), "{got:?}");
        assert!(got.err.contains("federated identity credential"), "{got:?}");
    }
    assert_eq!(world.emulator.token_requests().len(), 0);
    Ok(())
}

#[test]
fn cfg01_cfg02_tokens_on_behalf_of_a_user_are_bound_if_asked_for() -> Outcome {
    let world = World::start("bound user")?;
    let region = ["--region", "eastus"];
    let certificate = [BY_CERTIFICATE, &region].concat();
    for (credential, identity, further, kind) in [
        (BY_PAIR, &world.binding, "--pop", "mtls_pop"),
        (&certificate, &world.client, "--pop", "mtls_pop"),
        (&certificate, &world.client, "--send-over-mtls", "Bearer"),
    ] {
        let obo = ["--on-behalf-of-file", "@user.jwt", further];
        let got = world.run(&[credential, &obo])?;
        assert_eq!(got.code, Some(0), "{got:?}");
        let printed = got.json()?;
        assert_eq!(printed["token_type"], kind);
        let bound = match kind {
            "mtls_pop" => json!(identity.thumbprint()),
            _ => Value::Null,
        };
        assert_eq!(printed["x5t#S256"], bound);
        let claims = claims(printed["access_token"].as_str().unwrap_or_default())?;
        assert_eq!(claims["cnf"]["x5t#S256"], bound);
        assert_eq!(claims["preferred_username"], USER);
        let sent = world.sent()?;
        assert_eq!(sent.host, MTLS);
        assert_eq!(sent.client_thumbprint(), Some(identity.thumbprint()));
        let asked = (kind == "mtls_pop").then_some("mtls_pop");
        assert_eq!(sent.form_value("token_type"), asked);
    }
    Ok(())
}

#[test]
fn what_stands_for_a_user_comes_from_standard_input_or_a_variable_too() -> Outcome {
    let world = World::start("inputs")?;
    let token = std::fs::read_to_string(world.file("user.jwt"))?;
    let by_input = [BY_SECRET, &["--on-behalf-of-file", "-"]].concat();
    let got = run_with_input(&mut world.acquire(&by_input), &format!("{token}\n"))?;
    assert_for_the_user(&got)?;
    assert!(got.err.contains("token is in standard input"), "{got:?}");

    // With the secret from one variable and all of the code from others.
    let by_variable = [
        &["--secret-file", "env:MY_SECRET"],
        &code("env:MY_CODE")[..],
        &["--code-verifier-file", "env:MY_VERIFIER"],
    ]
    .concat();
    let mut acquire = world.acquire(&by_variable);
    acquire.env("MY_SECRET", "canary~secret");
    acquire
        .env("MY_CODE", "pkce-1")
        .env("MY_VERIFIER", VERIFIER);
    let got = run(&mut acquire)?;
    assert_signed_in(&assert_for_the_user(&got)?)?;
    assert_eq!(got.step("grant"), Some("authorization code in MY_CODE"));
    Ok(())
}

#[test]
fn the_service_refuses_what_stands_for_the_user_and_says_why() -> Outcome {
    let world = World::start("refused user")?;
    let wrong = [&code("@pkce-1")[..], &["--code-verifier-file", "@other"]].concat();
    world.write("other", &"x".repeat(43))?;
    world.write("garbage", "garbage")?;
    let another = world.emulator.issue_user_token("another", USER);
    world.write("another.jwt", &another)?;
    let mut elsewhere = code("@code-1");
    elsewhere[3] = "https://elsewhere.example/";
    let used = world.run(&[BY_SECRET, &code("@code-2")])?;
    assert_eq!(used.code, Some(0), "{used:?}");
    for (grant, number) in [
        (wrong, "AADSTS501481"),
        (code("@pkce-2"), "AADSTS501481"),
        (code("@code-2"), "AADSTS54005"),
        (code("@garbage"), "AADSTS70000"),
        (elsewhere, "AADSTS500112"),
        (vec!["--refresh-token-file", "@garbage"], "AADSTS70000"),
        (vec!["--on-behalf-of-file", "@garbage"], "AADSTS50013"),
        (vec!["--on-behalf-of-file", "@another.jwt"], "AADSTS50013"),
        (vec!["--on-behalf-of-file", "@refresh"], "AADSTS50013"),
    ] {
        for credential in [BY_SECRET, BY_PAIR] {
            let got = world.run(&[credential, &grant])?;
            assert_eq!((got.code, got.out.as_str()), (Some(1), ""), "{got:?}");
            let said = "error: invalid_grant: the service refused";
            assert!(got.err.contains(said), "{grant:?}: {got:?}");
            assert!(got.err.contains(number), "{grant:?}: {got:?}");
            assert!(got.err.contains("let the user sign in again"));
            assert!(!got.err.contains(&another) && !got.err.contains("xxx"));
        }
    }
    // A wrong verifier does not use the code up.
    assert_for_the_user(&world.run(&[BY_SECRET, &pkce("@pkce-1")])?)?;
    Ok(())
}
