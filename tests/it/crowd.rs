//! Many users and a small memory (I33): what each of them takes, and what is let go of first.

use entra_proto::*;

use crate::clients::{client, plan, secret};
use crate::script::{Script, granting, granting_user, seconds};
use crate::users::{GRAPH, VAULT, redeeming, refresh_token};

/// I33: what is let go of costs a request and no more. Refresh tokens last longest; that alone must not make them all there is.
#[test]
fn a_crowd_of_users_leaves_room_for_access_tokens() {
    let client = client(secret());
    let mut script = Script::new();
    script.memory = Memory::new(Limits {
        entries: 10,
        bytes: 1 << 20,
    });
    let user = |number: u32| format!("user-{number}.home-0");
    for number in 0..30 {
        let life = ",\"expires_in\":3600";
        script = script.answers([granting_user("Bearer", &user(number), number, life)]);
        script.run(&plan(redeeming(), &client));
        script.pass(seconds(1));
        assert!(script.memory.len() <= 10);
    }
    let app = plan(TokenRequest::for_app([GRAPH]), &client);
    script.run(&app);
    assert_eq!(script.run(&app).seen, ["LoadCache token", "Done"]);
    // The last of the crowd are still known, by refresh token and by access token.
    for number in [27, 28, 29] {
        let account = || Account::from_home_id(&user(number));
        let hit = script.run(&plan(
            TokenRequest::for_account(account(), [GRAPH]),
            &client,
        ));
        assert_eq!(hit.seen, ["LoadCache token", "Done"], "{number}");
    }
    let last = TokenRequest::for_account(Account::from_home_id(&user(29)), [VAULT]);
    let mut script = script.answers([granting("Bearer", "CANARY", ",\"expires_in\":3600")]);
    let run = script.run(&plan(last, &client));
    assert_eq!(refresh_token(&run), Some("CANARY-refresh-29"));
}

/// I33: the bound holds for bytes as well, and with nothing but refresh tokens.
#[test]
fn refresh_tokens_alone_keep_within_the_bounds() {
    let client = client(secret());
    for (entries, bytes) in [(3, 1 << 20), (100, 8_000), (1, 1 << 20)] {
        let mut script = Script::new();
        script.memory = Memory::new(Limits { entries, bytes });
        for number in 0..20 {
            let home_id = format!("user-{number}.home-0");
            let life = ",\"expires_in\":0";
            script = script.answers([granting_user("Bearer", &home_id, number, life)]);
            script.run(&plan(redeeming(), &client));
            script.pass(seconds(1));
            assert!(script.memory.len() <= entries && script.memory.bytes() <= bytes);
        }
        assert!(!script.memory.is_empty());
        // The latest is the last to go, and all go when their time is over.
        let account = Account::from_home_id("user-19.home-0");
        let run = script.run(&plan(TokenRequest::for_account(account, [VAULT]), &client));
        assert_eq!(refresh_token(&run), Some("CANARY-refresh-19"));
        script.pass(seconds(90 * 86_400));
        script.run(&plan(TokenRequest::for_app([GRAPH]), &client));
        assert_eq!(script.memory.len(), 1);
    }
}
