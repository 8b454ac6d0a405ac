//! The JSON reader takes a document exactly if another library reads one object in it that is within our bounds and has no name twice, and what it writes of it is the same tree, numbers to the digit.
#![no_main]

#[path = "../support.rs"]
mod support;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use support::*;

use certificates::{P256, numbered};
use script::Script;
use tree::Tree;

const CONTOSO: &str = "https://login.microsoftonline.com/contoso.com";
/// The most that a caller's claims may be long, in bytes.
const MOST: usize = 8 * 1_024;

/// The claims of a request as they are sent.
fn sent(claims: &str) -> Option<String> {
    let credential = Credential::secret(Secret::new("CANARY"));
    let client = Client::builder("app", CONTOSO, credential).build();
    let request = TokenRequest::for_app(["scope"]).claims(claims);
    match request.plan(&client.expect("a client")) {
        Ok(plan) => {
            let run = Script::new().run(&plan);
            Some(run.request().field("claims").expect("claims").to_owned())
        }
        Err(error) => {
            assert_eq!(error.code(), "invalid_json_claims_format");
            None
        }
    }
}

/// A credential's own claims as they are signed: the whole of what the assertion says.
fn signed(claims: &str) -> Option<Vec<u8>> {
    let credential = Credential::certificate_with_claims(numbered(P256, 1), claims);
    let client = match Client::builder("app", CONTOSO, credential).build() {
        Ok(client) => client,
        Err(error) => {
            assert_eq!(error.code(), "invalid_credential_material");
            return None;
        }
    };
    let plan = TokenRequest::for_app(["scope"]).plan(&client);
    let run = Script::new().run(&plan.expect("a plan"));
    let message = run.signed.first().expect("something to sign").message();
    let claims = message.rsplit(|byte| *byte == b'.').next().expect("claims");
    Some(URL_SAFE_NO_PAD.decode(claims).expect("base64url"))
}

fn members(tree: Tree) -> BTreeMap<String, Tree> {
    match tree {
        Tree::Object(members) => members,
        Tree::Word(_) | Tree::Text(_) | Tree::Array(_) => panic!("no object"),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((way, document)) = data.split_first() else {
        return;
    };
    let Some(document) = support::text(document) else {
        return;
    };
    let expected = Tree::object(document.as_bytes());
    if way & 1 == 0 {
        let expected = expected.filter(|_| document.len() <= MOST);
        let written = sent(document);
        let tree = written.as_ref().map(|written| {
            Tree::object(written.as_bytes()).expect("what was read is written as JSON")
        });
        assert_eq!(tree, expected);
        // Read once more there is nothing left to change, but that escapes may have made it too long.
        if let Some(written) = written.filter(|written| written.len() <= MOST) {
            assert_eq!(sent(&written), Some(written));
        }
        return;
    }
    let written = signed(document);
    assert_eq!(written.is_some(), expected.is_some());
    let (Some(written), Some(expected)) = (written, expected) else {
        return;
    };
    let own = members(expected);
    // What the assertion says besides could be more than one object may hold.
    if own.len() <= 250 {
        let mut written = members(Tree::object(&written).expect("JSON"));
        for (name, value) in &own {
            assert_eq!(written.remove(name).as_ref(), Some(value), "{name}");
        }
        let ours = ["aud", "exp", "iss", "jti", "nbf", "sub"];
        let ours = ours.into_iter().filter(|name| !own.contains_key(*name));
        assert!(written.keys().eq(ours), "{:?}", written.keys());
    }
});
