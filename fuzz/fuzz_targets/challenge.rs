//! A challenge is found in `WWW-Authenticate` exactly as it was written there, its claims are one JSON object that a request sends, or there is none, or an error that repeats nothing of it.
#![no_main]

#[path = "../support.rs"]
mod support;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use support::*;

fuzz_target!(|data: &[u8]| {
    let Some(field) = support::text(data) else {
        return;
    };
    let client = Client::builder(
        "app",
        "https://login.microsoftonline.com/contoso.com",
        Credential::secret(Secret::new("CANARY")),
    )
    .build()
    .expect("a client");
    let found = match ClaimsChallenge::find([field]) {
        Ok(found) => found,
        Err(error) => {
            assert_eq!(error.code(), "invalid_json_claims_format");
            // One of a few texts of ours.
            assert!(error.to_string().len() < 200 && error.to_string().is_ascii());
            return;
        }
    };
    // The fields of one response are one list (RFC 9110 §5.3).
    let lines = ClaimsChallenge::find(["Negotiate, NTLM realm=\"x\"", field]);
    assert_eq!(lines.as_ref(), Ok(&found));
    if field.len() < 16_000 {
        let joined = format!("Negotiate, NTLM realm=\"x\",, {field}");
        assert_eq!(ClaimsChallenge::find([joined.as_str()]), lines);
    }
    let Some(challenge) = found else {
        return;
    };
    let claims = challenge.claims();
    assert_eq!(
        ClaimsChallenge::from_json(claims)
            .as_ref()
            .map(ClaimsChallenge::claims),
        Ok(claims)
    );
    let request = TokenRequest::for_app(["scope"]).answering(&challenge);
    assert!(
        request.plan(&client).is_ok(),
        "what is found can be answered"
    );
    let scheme = challenge.token_type();
    for encoded in [STANDARD.encode(claims), URL_SAFE_NO_PAD.encode(claims)] {
        let again = format!("{scheme} realm=\"\", claims=\"{encoded}\"");
        assert_eq!(
            ClaimsChallenge::find([again.as_str()]),
            Ok(Some(challenge.clone()))
        );
    }
});
