//! The handshake: silence, something that is no TLS, a server that is not who it should be, a certificate that is refused or never
//! asked for. Not a byte of HTTP may have left by then.

use std::sync::Arc;
use std::time::Duration;

use entra_emulator::{Cut, Fault};

use crate::Driver;
use crate::raw::{Act, Manners};

use super::authority::Authority;
use super::bench::Bench;
use super::row::{MUTUAL, Row, Way, short, side_by_side};

/// No request comes in.
fn fails(code: &'static str, attempts: usize) -> Row {
    Row::fails(code, attempts).requests(0)
}

/// X04: the time for connections covers the handshake, whether the server says nothing or a byte now and then.
pub fn x04_a_handshake_that_stalls_costs_the_time_for_connections<D: Driver>() {
    let short = short();
    let stalls = |stall: &(dyn Fn(&Bench) + Sync)| {
        fails("connection_failed", 2)
            .waits(2 * short)
            .limiting(move |network| network.connect_timeout(short))
            .run::<D>(stall);
    };
    side_by_side(&[&|| stalls(&|bench| bench.door.always(Act::Silent)), &|| {
        stalls(&|bench| bench.door.slow_down(Duration::from_millis(200)))
    }]);
}

/// X04: a handshake that breaks off, before or after the certificate was shown.
pub fn x04_a_handshake_that_breaks_off_is_tried_once_more<D: Driver>() {
    let breaks = |fault: Fault| {
        fails("connection_failed", 2).run::<D>(move |bench| bench.fault(2, fault.clone()));
    };
    side_by_side(&[
        &|| breaks(Fault::Close(Cut::InHandshake)),
        &|| breaks(Fault::Reset(Cut::InHandshake)),
        &|| breaks(Fault::Close(Cut::BeforeReading)),
        &|| breaks(Fault::Reset(Cut::BeforeReading)),
    ]);
}

/// X05: something else listens on the port.
pub fn x05_a_port_that_speaks_no_tls_is_not_tried_again<D: Driver>() {
    let speaks = |bytes: &'static [u8]| {
        fails("tls_failed", 1).run::<D>(move |bench| bench.door.always(Act::Say(bytes.to_vec())));
    };
    side_by_side(&[
        &|| speaks(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
        &|| speaks(b"SSH-2.0-OpenSSH_9.2\r\n"),
        &|| speaks(&[0xff; 64]),
    ]);
}

/// X06: under TLS 1.2 the refusal is part of the handshake.
pub fn x06_a_certificate_refused_under_tls12_is_named<D: Driver>() {
    refused::<D>(&[Way::Pair]);
}

/// X07: under TLS 1.3 it comes after the client's side of the handshake is over, while it sends; and is not lost.
pub fn x07_a_certificate_refused_under_tls13_is_named<D: Driver>() {
    refused::<D>(&[Way::Pop]);
}

fn refused<D: Driver>(ways: &'static [Way]) {
    let refused = || fails("client_certificate_rejected", 1).over(ways);
    let authority = Authority::new();
    let by_door = |manners| {
        let config = authority.demanding_another_client();
        refused()
            .trusting(authority.pem())
            .run::<D>(move |bench| bench.door.always(Act::Tls(Arc::clone(&config), manners)));
    };
    side_by_side(&[
        &|| refused().run::<D>(|bench| bench.fault(1, Fault::RefuseClientCertificate)),
        &|| by_door(Manners::Leaves),
        &|| by_door(Manners::Stays),
    ]);
}

/// X06, X07: a server that demands a certificate of a request that has none.
pub fn x07_a_certificate_demanded_of_a_plain_request_is_said<D: Driver>() {
    fails("client_certificate_rejected", 1)
        .over(&[Way::Signed])
        .run::<D>(|bench| bench.fault(1, Fault::RequireClientCertificate));
}

/// X08: a byte of HTTP would be too late (F5, T16).
pub fn x08_a_server_that_never_asks_for_the_certificate_gets_nothing<D: Driver>() {
    fails("certificate_not_requested", 1)
        .over(MUTUAL)
        .run::<D>(|bench| bench.fault(1, Fault::NeverAskForCertificate));
}

/// X09, X10, X11: said once, and at once, also if the server stays.
pub fn x09_x10_x11_a_server_that_is_not_who_it_should_be_gets_nothing<D: Driver>() {
    let by_emulator = |fault: Fault| {
        fails("tls_failed", 1).run::<D>(move |bench| bench.fault(1, fault.clone()));
    };
    let authority = Authority::new();
    let shows = |chain: &(dyn Fn(&Bench) -> Arc<rustls::ServerConfig> + Sync)| {
        fails("tls_failed", 1)
            .trusting(authority.pem())
            .run::<D>(|bench| bench.door.always(Act::Tls(chain(bench), Manners::Stays)));
    };
    side_by_side(&[
        &|| by_emulator(Fault::ExpiredServerCertificate),
        &|| by_emulator(Fault::WrongServerName),
        &|| by_emulator(Fault::UnknownServerAuthority),
        &|| shows(&|bench| authority.not_yet_valid(&bench.host)),
        &|| shows(&|bench| authority.self_signed(&bench.host)),
        &|| shows(&|_| authority.valid("*.microsoft.com")),
        &|| shows(&|_| authority.valid("127.0.0.1")),
    ]);
}

/// X12: TLS 1.1 only. No stack of this tree speaks it, so the server's words are written out: the alert of one that refuses our
/// versions, and the `ServerHello` of one that would rather go on.
pub fn x12_a_server_that_speaks_only_tls11_gets_nothing<D: Driver>() {
    let says = |bytes: Vec<u8>| {
        fails("tls_failed", 1).run::<D>(move |bench| bench.door.always(Act::Say(bytes.clone())));
    };
    // RFC 4346 §7.2: fatal, protocol_version; in a record of version 3.2, and of 3.3 as OpenSSL 3.0 says it.
    let alerts = [vec![21, 3, 2, 0, 2, 2, 70], vec![21, 3, 3, 0, 2, 2, 70]];
    // RFC 4346 §7.4.1.3: version 3.2, 32 random bytes, no session, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    let mut hello = vec![22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 0x2f, 0]);
    side_by_side(&[
        &|| says(alerts[0].clone()),
        &|| says(alerts[1].clone()),
        &|| says(hello.clone()),
    ]);
}
