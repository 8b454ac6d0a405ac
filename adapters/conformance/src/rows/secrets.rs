//! SEC-01: what may be printed, whatever goes wrong.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use entra_emulator::{Cut, Endpoint, Fault, Reply, Target};
use entra_proto::{Credential, Secret};

use super::bound::to_the_resource;
use crate::world::{SECRET, World, bearer, pop};
use crate::{Assertions, Driver};

/// SEC-01: secrets, assertions, keys and tokens in no event, no error and no `Debug`, whatever goes wrong.
pub fn sec01_no_secret_in_any_event_or_error<D: Driver>() {
    let (canaries, printed) = secrets_and_what_was_printed::<D>();
    assert!(
        printed.contains("SendRequest"),
        "there is something to search"
    );
    assert_silent(&canaries, &printed);
}

/// None of them, as it is or in another writing, and no signature of a token or assertion.
pub(crate) fn assert_silent(canaries: &[String], printed: &str) {
    assert!(canaries.len() > 10);
    for canary in canaries {
        let signature = canary.rsplit('.').next().unwrap_or_default();
        let parts = [canary.as_str(), signature];
        for part in parts.into_iter().filter(|part| part.len() >= 12) {
            for written in writings(part) {
                assert!(!printed.contains(&written), "a secret was printed");
            }
        }
    }
}

/// A secret in the ways in which something may be printed. Base64 is looked for without its last characters, which depend on
/// what follows.
fn writings(secret: &str) -> Vec<String> {
    let each = |show: fn(u8) -> String, between: &str| {
        let shown: Vec<String> = secret.bytes().map(show).collect();
        shown.join(between)
    };
    let mut encoded = STANDARD_NO_PAD.encode(secret);
    encoded.truncate(secret.len() / 3 * 4);
    vec![
        secret.to_owned(),
        encoded.replace('+', "-").replace('/', "_"),
        encoded,
        each(|byte| format!("{byte:02x}"), ""),
        each(|byte| format!("{byte:02X}"), ""),
        each(|byte| format!("%{byte:02X}"), ""),
        each(|byte| byte.to_string(), ", "),
    ]
}

/// Every credential through good and bad answers, and a resource: the secrets that there were, and what events, errors and
/// `Debug` said meanwhile.
pub(crate) fn secrets_and_what_was_printed<D: Driver>() -> (Vec<String>, String) {
    let world = World::new();
    let printed = Arc::new(Mutex::new(String::new()));
    let mut canaries = vec![
        SECRET.to_owned(),
        world.alpha.key_pem().lines().nth(1).unwrap().to_owned(),
    ];
    let (pairs, _) = world.pairs(&world.alpha);
    let (seen, inner) = (Arc::new(Mutex::new(Vec::new())), pairs);
    let noted = Arc::clone(&seen);
    let provider: Assertions = Arc::new(move |context| {
        let provided = inner(context)?;
        noted.lock().unwrap().push(format!("{provided:?}"));
        Ok(provided)
    });
    let secret = world
        .client(Credential::secret(Secret::new(SECRET)))
        .build()
        .unwrap();
    let setups = [
        world.setup(secret),
        world.with_provider(provider),
        world.with_certificate(&world.alpha, Credential::send_over_mtls),
        world.with_certificate(&world.rsa, |credential| credential),
    ];
    for mut setup in setups {
        let out = Arc::clone(&printed);
        setup.listener = Some(Arc::new(move |event| {
            out.lock()
                .unwrap()
                .push_str(&format!("{event}\n{event:?}\n"))
        }));
        printed
            .lock()
            .unwrap()
            .push_str(&format!("{:?}\n", setup.client));
        let client = D::build(setup).unwrap();
        for fault in [
            None,
            Some(Fault::Reply(Reply::json(
                400,
                format!("{{\"error\":\"invalid_client\",\"error_description\":\"{SECRET}\"}}"),
            ))),
            Some(Fault::Reply(Reply::new(500).body(SECRET))),
            Some(Fault::TokenType("pop".to_owned())),
            Some(Fault::Close(Cut::AfterRequest)),
        ] {
            if let Some(fault) = fault {
                world
                    .emulator
                    .fail_next(Target::Endpoint(Endpoint::Token), fault);
            }
            let result = D::token(&client, &bearer().bypassing_cache());
            if let Ok(token) = &result {
                canaries.push(token.secret().expose().to_owned());
            }
            printed.lock().unwrap().push_str(&format!("{result:?}\n"));
            if let Err(error) = result {
                printed.lock().unwrap().push_str(&format!("{error}\n"));
            }
        }
    }
    for request in world.emulator.token_requests() {
        canaries.extend(request.form_value("client_assertion").map(str::to_owned));
    }
    let setup = world.with_certificate(&world.alpha, |credential| credential);
    let bound = D::build(setup).unwrap();
    let token = D::token(&bound, &pop()).unwrap();
    let answer = D::send(&bound, &token, to_the_resource(&world)).unwrap();
    assert_eq!(answer.status(), 200);
    canaries.push(token.secret().expose().to_owned());
    let printed = printed.lock().unwrap().clone() + &seen.lock().unwrap().join("\n");
    (canaries, printed)
}
