//! How a flow ends, and what has to hold of a token that is handed out.

use entra_proto::*;

use super::flow::{Expects, Flow};
use super::reference::Key;
use super::world::{Number, World};
use crate::canary::assert_silent;

impl World {
    /// The end of a flow: its turns go on to others, and a renewal begins if one is due.
    pub(super) fn done(&mut self, number: Number, mut done: Done) {
        assert_silent(&done);
        let renewal = done.take_renewal();
        let flow = self.flows.remove(&number).expect("a flow");
        match done.result() {
            Ok(token) => {
                self.check_token(&flow, token, renewal.is_some());
                for key in flow.held.into_iter().rev() {
                    self.hand_on(key);
                }
            }
            Err(error) => {
                self.seen.count("errors");
                // I20.
                assert!(!flow.saved, "what failed is not remembered");
                if matches!(flow.expects, Expects::LeftAlone(..)) {
                    self.seen.count("throttled");
                }
                self.fail(flow.held, error);
            }
        }
        if let Some(plan) = renewal {
            assert!(!flow.renewal, "a renewal takes nothing that is due");
            self.seen.count("renewals");
            self.begin(flow.wish, plan, flow.offered, true);
        }
    }

    /// A token is one that was issued to exactly that party, in that tenant, of that kind, for that certificate and those scopes,
    /// and still good on both clocks.
    fn check_token(&mut self, flow: &Flow, token: &AccessToken, renews: bool) {
        let party = &self.parties[flow.wish.party];
        let text = token.secret().expose();
        let (key, issued) = (flow.key(party), &self.reference.issued[text]);
        let certificate = match flow.wish.pop || (party.isolated && key.certificate.is_some()) {
            true => key.certificate,
            false => issued.key.certificate,
        };
        assert_eq!(issued.key, Key { certificate, ..key });
        let binding = token.binding_certificate().map(Certificate::thumbprint);
        assert_eq!(binding, key.certificate.filter(|_| flow.wish.pop));
        assert_eq!(token.token_type(), flow.wish.kind());
        if token.source() == TokenSource::Network {
            self.seen.count("tokens granted");
            assert_eq!(issued.scopes, flow.wish.scope_set());
            return;
        }
        self.seen.count("hits");
        assert!(issued.scopes.is_superset(&flow.wish.scope_set()));
        let left = self.reference.true_life(text);
        assert!(left > 300 && token.expires_in().as_secs() <= left);
        assert_eq!(flow.sent, 0);
        // I11.
        assert!(flow.answered.is_none() || flow.wish.answer_names_key(party));
        assert_eq!(token.renewal_is_due(), renews);
        if let Some(due) = self.reference.renewal(&key, text) {
            assert_eq!(renews, due);
        }
    }
}
