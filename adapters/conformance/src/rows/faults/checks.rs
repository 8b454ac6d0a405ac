//! What is asserted of a case, whatever the fault: see the table of [`case`](super::case).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_emulator::RequestRecord;
use entra_proto::{AccessToken, TokenSource};

use super::case::{Before, Case, OTHER};
use super::row::{Ends, Memory, Way};
use crate::Driver;
use crate::world::{SCOPE, SECRET};

impl Case<'_> {
    pub(super) fn is_remembered(&self, served: &AccessToken, remembered: Option<&AccessToken>) {
        assert_eq!(
            (served.source(), Some(served.secret())),
            (TokenSource::Cache, remembered.map(AccessToken::secret)),
            "N2: lost or mixed token"
        );
    }

    /// N6, and what N4 needs: the requests that came meanwhile.
    pub(super) fn check_counts(&self, before: &Before) -> Vec<RequestRecord> {
        let requests = self.bench.requests().split_off(before.requests);
        let visits = self.bench.door.visits();
        assert_eq!(
            (
                self.trace.count("SendRequest"),
                requests.len(),
                visits.len()
            ),
            (self.row.attempts, self.row.requests, self.row.connections),
            "N6: sent, received, connected"
        );
        if requests.is_empty() {
            // Not a byte of HTTP either, at the door or behind it.
            let host = &self.bench.host;
            let connections = self.bench.world.emulator.connections_to(host);
            let spoke = connections
                .iter()
                .filter(|seen| seen.bytes_read > 0)
                .count();
            assert!(visits.iter().all(|visit| visit.application == 0));
            assert!(spoke <= before.requests, "bytes of HTTP came in");
        }
        let mut assertions: Vec<_> = requests
            .iter()
            .filter_map(|request| request.form_value("client_assertion"))
            .collect();
        let sent = assertions.len();
        assertions.sort_unstable();
        assertions.dedup();
        assert_eq!(assertions.len(), sent, "an assertion was sent twice (I26)");
        requests
    }

    /// N1 and N2, while the fault is still there.
    pub(super) fn check_memory<D: Driver>(&self, client: &D::Client, before: &Before) {
        let came = matches!(self.row.ends, Ends::WithToken);
        assert_eq!(self.trace.count("SaveCache"), self.row.saves, "N1: saved");
        let served = D::token(client, &self.bench.request(OTHER)).unwrap();
        self.is_remembered(&served, Some(&before.other));
        if self.memory == Memory::Warm && !came {
            let served = D::token(client, &self.bench.request(SCOPE)).unwrap();
            self.is_remembered(&served, before.token.as_ref());
        }
        assert!(self.bench.door.visits().is_empty(), "a hit connects");
    }

    /// N4: what failed is not used again, neither by the second attempt nor by the next call.
    pub(super) fn check_connections(&self, during: &[RequestRecord], next: &RequestRecord) {
        assert_eq!(
            next.client_certificate.as_deref(),
            match self.bench.way {
                Way::Secret | Way::Signed => None,
                Way::Pair | Way::Pop => Some(self.bench.world.alpha.certificate_der()),
            }
        );
        if self.row.reusable {
            return;
        }
        let mut broken: Vec<_> = during.iter().map(|request| request.connection).collect();
        if matches!(self.row.ends, Ends::WithToken) {
            broken.pop();
        }
        for (place, connection) in broken.iter().enumerate() {
            let mut later = during[place + 1..].iter().chain([next]);
            assert!(
                later.all(|request| request.connection != *connection),
                "N4: a broken connection is used again"
            );
        }
    }

    /// The token is the one that was asked for, and nobody else's.
    pub(super) fn belongs(&self, token: &AccessToken, scope: &str) {
        let claims = token
            .secret()
            .expose()
            .split('.')
            .nth(1)
            .unwrap_or_default();
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let audience = scope.trim_end_matches("/.default");
        assert!(
            claims.contains(&format!("\"aud\":\"{audience}\"")),
            "mixed token: {claims}"
        );
        let bound = format!(
            "\"cnf\":{{\"x5t#S256\":\"{}\"}}",
            self.bench.world.alpha.thumbprint()
        );
        assert_eq!(
            claims.contains(&bound),
            self.bench.way == Way::Pop,
            "mixed token: {claims}"
        );
        assert_eq!(token.token_type(), self.bench.kind(), "mixed token");
    }

    /// What must not show anywhere.
    pub(super) fn secrets(&self, before: &Before, fresh: &[AccessToken]) -> Vec<String> {
        let world = self.bench.world;
        let tokens = [&before.other]
            .into_iter()
            .chain(&before.token)
            .chain(fresh);
        let mut secrets: Vec<_> = tokens
            .map(|token| token.secret().expose().to_owned())
            .collect();
        secrets.extend([
            SECRET.to_owned(),
            world.alpha.key_pem().lines().nth(1).unwrap().to_owned(),
        ]);
        secrets.extend(self.bench.issued.lock().unwrap().iter().cloned());
        let sent = self.bench.requests();
        let sent = sent
            .iter()
            .filter_map(|request| request.form_value("client_assertion"));
        secrets.extend(sent.map(str::to_owned));
        secrets
    }
}
