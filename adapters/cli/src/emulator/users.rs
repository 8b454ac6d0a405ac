//! What stands for a user: codes as a browser would have brought them, tokens, and an assertion that the application may act for them.

use std::time::Duration;

use entra_emulator::{Application, AssertionSpec, AuthorizationCode, Emulator, TENANT_ID};

pub(super) const USER: &str = "ada@contoso.onmicrosoft.com";
pub(super) const REDIRECT_URI: &str = "https://contoso.example/signed-in";
/// Only ever good against this emulator, which listens on loopback; once each.
const CODE: &str = "emulator-code";
const PKCE_CODE: &str = "emulator-code-with-pkce";
/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The application with two codes that the user's browser was sent back with, one of them with PKCE.
pub(super) fn signed_in(application: Application) -> Application {
    let code = |code| AuthorizationCode::new(code, REDIRECT_URI).user(USER);
    application
        .code(code(CODE))
        .code(code(PKCE_CODE).challenge_s256(CHALLENGE))
}

/// The files, each with its name.
pub(super) fn files(
    emulator: &Emulator,
    client_id: &str,
    good_for: Duration,
) -> [(&'static str, String); 6] {
    // As Entra issues it to the application's web front end, but good for longer than an hour.
    let issuer = format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0");
    let token = AssertionSpec::new(&issuer, USER)
        .audience(client_id)
        .claim("tid", TENANT_ID)
        .claim("scp", "access_as_user")
        .claim("preferred_username", USER)
        .lifetime(good_for);
    let assertion = AssertionSpec::new(&issuer, client_id).lifetime(good_for);
    [
        ("code.txt", CODE.to_owned()),
        ("code-with-pkce.txt", PKCE_CODE.to_owned()),
        ("code-verifier.txt", VERIFIER.to_owned()),
        ("user-token.jwt", emulator.issue_assertion(&token)),
        (
            "refresh-token.txt",
            emulator.issue_refresh_token(client_id, USER),
        ),
        ("user-assertion.jwt", emulator.issue_assertion(&assertion)),
    ]
}
