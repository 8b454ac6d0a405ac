//! Whose a token is, and whether it still serves.

use std::time::Duration;

use entra_proto::*;

use super::World;
use super::party::Party;
use super::trail::Trail;
use super::wish::{Grant, Whose, Wish};
use crate::canary::assert_silent;
use crate::certificates::{P384, RSA, thumbprint};
use crate::script::Sent;

impl World {
    /// The refresh token of an account is one that this client was given for that user, in whichever tenant.
    pub(super) fn check_refresh_token(&self, wish: &Wish, sent: &Sent) {
        if !matches!(wish.grant, Grant::Account(_)) {
            return;
        }
        let token = sent.field("refresh_token").expect("a refresh token");
        let to = self.refresh_tokens.get(token).expect("one that was issued");
        assert_eq!(
            (to.whose, &to.issuer, &to.client, to.partition),
            (
                wish.to.whose,
                &wish.to.issuer,
                &wish.to.client,
                wish.to.partition
            )
        );
    }

    /// A token is handed out only to whom it was issued, only while it serves, and only with its own certificate.
    pub(super) fn check_token(
        &self,
        wish: &Wish,
        party: &Party,
        token: &AccessToken,
        trail: &Trail,
        now: Now,
    ) {
        assert_silent(token);
        let issued = self
            .issued
            .get(token.secret().expose())
            .expect("a token that was issued");
        assert_eq!(issued.to, wish.to);
        let named = match wish.to.whose {
            // The refresh token says whose it is, if the answer does not.
            Whose::Accounts(user) if trail.named.is_some() || !wish.grant.is_once() => Some(user),
            Whose::Accounts(_) | Whose::BehalfOf(_) | Whose::Nobodys => None,
        };
        assert_eq!(token.account().map(Account::home_id), named);
        // I13: what it is, what it was answered as, and what was asked for.
        assert_eq!(issued.kind, wish.to.kind.as_str());
        assert_eq!(token.token_type(), wish.to.kind);
        let binding = token.binding_certificate().map(Certificate::thumbprint);
        match wish.to.kind {
            // I10: and it is the certificate that the flow was given.
            TokenKind::MtlsPop => {
                assert!(binding.is_some());
                assert_eq!(binding, issued.certificate);
            }
            _ => assert_eq!(binding, None),
        }
        if token.source() == TokenSource::Network {
            assert_eq!(issued.scopes, wish.scopes);
            return;
        }
        assert!(!wish.grant.is_once());
        // Rule 11: nothing older than the request, for whoever bypasses reading.
        assert!(!wish.bypass || issued.at.monotonic() >= trail.began);
        assert!(issued.scopes.is_superset(&wish.scopes));
        let named = [
            wish.offered,
            trail.answered.as_ref().and_then(|pair| pair.certificate),
            Some(thumbprint(RSA, 1)),
            Some(thumbprint(P384, 1)),
        ];
        if wish.to.kind == TokenKind::MtlsPop {
            assert!(named.contains(&binding), "a certificate that nobody named");
        }
        if wish.to.kind == TokenKind::Bearer && !party.isolated {
            // I11: never asked before a Bearer hit, unless there was a turn to wait for.
            assert_eq!(trail.sent, 0);
        }
        // I17 and I18: by whichever clock went further, it has more than five minutes left.
        let margin = Duration::from_secs(300);
        assert!(now.monotonic() - issued.at.monotonic() + margin < issued.life);
        assert!(now.wall() + margin < issued.at.wall() + issued.life);
        assert!(token.expires_in() <= issued.life);
    }
}
