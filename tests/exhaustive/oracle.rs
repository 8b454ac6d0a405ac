//! What should come of a cell, by the rules of the design and nothing else: tables of rows, of which the first that applies
//! decides, and the order in which they are asked. None of this calls the engine or was made from it.
//!
//! Every row names the rule that it stands on; "codes" is the table of error codes. Where the design leaves something open, the
//! row says what was taken.

use crate::axes::*;
use crate::cell::Cell;
use crate::outcome::{End, Outcome, Pause};

mod facts;

use facts::{Facts, Provided, Row, Told};

/// Rule 16, first part: building the client. Among its errors the order is that of the table of codes.
#[rustfmt::skip]
const BUILDING: &[Row<&str>] = &[
    ("6", |f| f.region() == Region::Malformed, "invalid_region"),
    ("9", |f| f.wish().over_mtls() && !f.may_present(), "invalid_credential_material"),
    ("codes", |f| f.is_fixed() && f.certificate() == Certificate::Absent, "cryptographic_error"),
    ("codes", |f| f.is_fixed() && f.certificate() == Certificate::Keyless, "cert_without_private_key"),
];

/// Rule 16, third part: the credential, as far as nobody has to be asked.
#[rustfmt::skip]
const CREDENTIAL: &[Row<&str>] = &[
    ("8", |f| f.is_pop() && !f.may_present() && f.credential() != Credential::PairProvider, "mtls_certificate_not_provided"),
];

/// The same with what the provider returned. No assertion of the table is blank. What a provider of strings returns besides is
/// not looked at: it "can never cause mTLS" (rule 2).
#[rustfmt::skip]
const PROVIDED: &[Row<&str>] = &[
    ("codes", |f| f.provided == Some(Provided::Keyless), "cert_without_private_key"),
    ("8", |f| f.is_pop() && f.provided == Some(Provided::Nothing), "mtls_certificate_not_provided"),
    ("9", |f| f.wish().over_mtls() && f.provided == Some(Provided::Nothing), "mtls_certificate_not_provided"),
    // The design has no code for it; what is missing in the end is an assertion.
    ("codes", |f| f.credential() == Credential::CertificateProvider && f.provided == Some(Provided::Nothing), "invalid_client_assertion"),
];

/// Rule 16, fourth to sixth part, of a request that presents a certificate: tenant, region, host, as far as nobody has to be
/// asked.
#[rustfmt::skip]
const OVER_MTLS: &[Row<&str>] = &[
    ("7", |f| f.authority() == Authority::Common, "missing_tenanted_authority"),
    ("5", |f| f.needs_region() && f.region() == Region::Unset && f.is_pop(), "mtls_pop_without_region"),
    ("5", |f| f.needs_region() && f.region() == Region::Unset, "mtls_bearer_without_region"),
    ("7", |f| f.authority() == Authority::Legacy, "mtls_pop_not_supported_for_environment"),
    ("7", |f| f.authority() == Authority::Unknown, "mtls_pop_not_supported_for_environment"),
];

/// Rule 5, of a request that presents a certificate, once the region was asked for: never a fall back to plain transport.
#[rustfmt::skip]
const DISCOVERED: &[Row<&str>] = &[
    ("5", |f| f.binding().is_some() && f.needs_region() && !f.has_region(), "region_required_for_mtls_pop"),
];

/// Rule 7, once somebody was asked about the host: everything but a clear yes fails closed.
#[rustfmt::skip]
const ABOUT_HOST: &[Row<&str>] = &[
    ("7", |f| f.instance() == Instance::Denies, "invalid_instance"),
];

/// Rule 10: whether what is remembered is under the request's key.
#[rustfmt::skip]
const FOUND: &[Row<bool>] = &[
    ("10", |f| f.remembered() == Remembered::Nothing, false),
    ("10", |f| f.remembered() == Remembered::OtherKind, false),
    ("10", |f| f.remembered() == Remembered::OtherCertificate && f.is_pop(), false),
    ("10", |f| f.remembered() == Remembered::OtherCertificate && f.isolation() == Isolation::PerCertificate, false),
    // No token comes from there over mutual TLS, so none can be remembered.
    ("7", |f| f.authority() == Authority::Common && f.remembered() == Remembered::OtherCertificate, false),
    ("7", |f| f.authority() == Authority::Common && f.leaf_of_key().is_some(), false),
    ("10", |_| true, true),
];

/// Rule 10: whether it serves, and how many seconds it has left. The wall clock set back lengthens nothing, because the monotonic
/// one counts too.
#[rustfmt::skip]
const SERVES: &[Row<Option<u64>>] = &[
    ("10", |f| f.clock() == Clock::Forward, None),
    ("10", |f| f.remembered() == Remembered::Ending, None),
    ("10", |f| f.remembered() == Remembered::Fresh, Some(301)),
    ("10", |f| f.remembered() == Remembered::Due, Some(2_600)),
    ("10", |f| f.remembered() == Remembered::OtherCertificate, Some(3_500)),
];

/// What an answer comes to (rules 8, 12 and 13).
#[derive(Clone, Copy)]
enum Fate {
    Token(Told),
    Ends(&'static str),
    /// Ends it with this code, and the service has said how long it wants to be left alone.
    EndsAndNotes(&'static str),
    /// Deserves a second attempt; is this code if it was that.
    Again(&'static str, Pause),
}

const FOR_5: Pause = Pause::Told(5);

#[rustfmt::skip]
const ANSWERS: &[Row<Fate>] = &[
    ("8", |f| f.got(Response::Granted), Fate::Token(Told::Hour)),
    ("8", |f| f.got(Response::GrantedInCapitals), Fate::Token(Told::Hour)),
    ("8", |f| f.got(Response::OtherKind), Fate::Ends("token_type_mismatch")),
    ("8", |f| f.got(Response::EmptyKind), Fate::Ends("token_type_mismatch")),
    ("8", |f| f.got(Response::NoKind), Fate::Ends("token_type_missing")),
    ("13", |f| f.got(Response::LifeOfZero), Fate::Token(Told::Zero)),
    ("13", |f| f.got(Response::LifeOfCenturies), Fate::Token(Told::Most)),
    ("13", |f| f.got(Response::Page), Fate::Ends("invalid_token_response")),
    ("13", |f| f.got(Response::Compressed), Fate::Ends("invalid_token_response")),
    ("12", |f| f.got(Response::Redirect), Fate::Ends("unexpected_redirect")),
    ("12", |f| f.got(Response::Refused), Fate::Ends("invalid_grant")),
    ("12", |f| f.got(Response::GaveUp408), Fate::Again("service_not_available", Pause::Usual)),
    ("12", |f| f.got(Response::Throttled429), Fate::Ends("request_throttled")),
    ("12", |f| f.got(Response::Throttled429For5Seconds), Fate::Again("request_throttled", FOR_5)),
    ("12", |f| f.got(Response::Throttled429ForAnHour), Fate::EndsAndNotes("request_throttled")),
    ("12", |f| f.got(Response::Broken500), Fate::Again("service_not_available", Pause::Usual)),
    ("12", |f| f.got(Response::Busy503For5Seconds), Fate::Again("service_not_available", FOR_5)),
    ("12", |f| f.got(Response::Busy503ForAnHour), Fate::EndsAndNotes("service_not_available")),
    // A date that is past counts as none.
    ("12", |f| f.got(Response::Busy503UntilADate) && f.clock() == Clock::Forward, Fate::Again("service_not_available", Pause::Usual)),
    // A day is clamped to an hour, which is more than the deadline of 30 s.
    ("12", |f| f.got(Response::Busy503UntilADate) && f.clock() == Clock::Back, Fate::EndsAndNotes("service_not_available")),
    ("12", |f| f.got(Response::Busy503UntilADate), Fate::Again("service_not_available", FOR_5)),
    ("12", |f| f.got(Response::Connect), Fate::Again("connection_failed", Pause::Usual)),
    ("12", |f| f.got(Response::Closed), Fate::Again("connection_failed", Pause::Usual)),
    ("12", |f| f.got(Response::Timeout), Fate::Again("request_timeout", Pause::Usual)),
    ("12", |f| f.got(Response::Tls), Fate::Ends("tls_failed")),
    ("12", |f| f.got(Response::TooLarge), Fate::Ends("response_too_large")),
    ("12", |f| f.got(Response::CertificateNotRequested), Fate::Ends("certificate_not_requested")),
    ("12", |f| f.got(Response::CertificateRejected), Fate::Ends("client_certificate_rejected")),
];

/// What should come of a cell, and by which rules.
pub(crate) fn expected(cell: &Cell) -> (Outcome, Vec<&'static str>) {
    let mut facts = Facts::new(cell);
    let mut seen = Outcome::refused("");
    if let Err(code) = tell(&mut facts, &mut seen) {
        seen.end = End::Refused(code.to_owned());
    }
    (seen, facts.cited())
}

/// The story of a flow, in the order of rule 16.
fn tell(facts: &mut Facts<'_>, seen: &mut Outcome) -> Result<(), &'static str> {
    facts.refuse(BUILDING)?;
    facts.refuse(CREDENTIAL)?;
    if facts.asks_before_cache() {
        ask(facts, seen)?;
    }
    // A Bearer hit comes before all that only a network request needs; PoP has no way but mutual TLS.
    if facts.is_pop() {
        facts.refuse(OVER_MTLS)?;
    }
    facts.found = facts.first(FOUND) == Some(true);
    if facts.found
        && let Some(Some(left)) = facts.first(SERVES)
    {
        seen.end = facts.remembered_token(left);
        return Ok(());
    }
    loop {
        // Once for each attempt (rule 3).
        if facts.has_provider() && seen.provider_calls < facts.attempt {
            ask(facts, seen)?;
        }
        go(facts, seen)?;
        match facts.first(ANSWERS).expect("a row for every answer") {
            Fate::Token(told) => {
                (seen.end, seen.saved) = facts.token(told);
                return Ok(());
            }
            Fate::Ends(code) => return Err(code),
            Fate::EndsAndNotes(code) => {
                seen.throttled = true;
                return Err(code);
            }
            Fate::Again(code, pause) => {
                seen.throttled |= pause != Pause::Usual;
                if facts.attempt == 2 {
                    return Err(code);
                }
                seen.pause = Some(pause);
                facts.attempt = 2;
            }
        }
    }
}

fn ask(facts: &mut Facts<'_>, seen: &mut Outcome) -> Result<(), &'static str> {
    seen.provider_calls += 1;
    facts.provided = Some(facts.provide());
    facts.refuse(PROVIDED)
}

/// From the credential to the request: tenant, region, host.
fn go(facts: &Facts<'_>, seen: &mut Outcome) -> Result<(), &'static str> {
    if facts.binding().is_some() {
        facts.refuse(OVER_MTLS)?;
    }
    if facts.is_entra() && facts.region() == Region::Discover {
        seen.asked_for_region = true;
        facts.refuse(DISCOVERED)?;
    }
    if facts.asks_about_host() {
        seen.asked_about_host = true;
        facts.refuse(ABOUT_HOST)?;
    }
    seen.sent.push(facts.sent(seen.provider_calls));
    Ok(())
}
