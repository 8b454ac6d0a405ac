//! The proxy that the environment names: used for Entra, by plain and by mutual TLS, and never for the metadata service.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use entra_adapter::{Network, Resolve};
use entra_emulator::TENANT_ID;
use entra_proto::{Client, Credential, RegionSource};

use super::child;
use crate::world::{CLIENT_ID, World, bearer, identity, pop};
use crate::{Driver, Setup};

const PORT: &str = "ENTRA_CONFORMANCE_PROXY_PORT";

/// HTTP-01, T37. In a process of its own, since the proxy is a variable of the environment.
pub fn http01_a_proxy_of_the_environment_is_used_for_entra_alone<D: Driver>() {
    if !child::is_inside() {
        let row = "http01_a_proxy_of_the_environment_is_used_for_entra_alone";
        // Held until the process inside has taken it over: it is bound, but does not listen.
        let held = crate::raw::reserve();
        let port = held.local_addr().unwrap().as_socket().unwrap().port();
        let proxy = format!("http://caller:canary-word@127.0.0.1:{port}");
        let variables = [
            ("HTTPS_PROXY", proxy.as_str()),
            ("https_proxy", proxy.as_str()),
            ("HTTP_PROXY", proxy.as_str()),
            ("http_proxy", proxy.as_str()),
            (PORT, &port.to_string()),
        ];
        child::run(row, None, &variables);
        return;
    }
    // The names exist nowhere: whoever does not ask the proxy gets nowhere.
    let world = World::with(|builder| builder.login_host("login.nowhere.invalid"));
    let port = std::env::var(PORT).unwrap().parse().unwrap();
    let heads = serve(port, world.emulator.address());
    let identity = identity(&world.alpha);
    let authority = format!("https://login.nowhere.invalid/{TENANT_ID}");
    let credential = Credential::certificate(identity.chain());
    let client = Client::builder(CLIENT_ID, authority, credential)
        .known_authorities(["login.nowhere.invalid"])
        .region(RegionSource::Discover)
        .build()
        .unwrap();
    let network = Network::new()
        .trust_only(world.emulator.ca_pem())
        .unwrap()
        .resolve(Resolve {
            host: "*".to_owned(),
            port: Some(80),
            address: world.emulator.imds_address(),
        });
    let client = D::build(Setup {
        identities: vec![identity],
        network,
        ..world.setup(client)
    })
    .unwrap();
    D::token(&client, &pop()).unwrap();
    D::token(&client, &bearer()).unwrap();
    let heads = heads.lock().unwrap();
    let asked: Vec<_> = heads.iter().map(|head| head.lines().next()).collect();
    assert_eq!(
        asked,
        [
            Some("CONNECT westus3.mtlsauth.nowhere.invalid:443 HTTP/1.1"),
            Some("CONNECT westus3.login.nowhere.invalid:443 HTTP/1.1"),
        ]
    );
    // RFC 7617 §2: caller:canary-word.
    let credentials = "basic y2fsbgvyomnhbmfyes13b3jk";
    assert!(
        heads
            .iter()
            .all(|head| head.to_ascii_lowercase().contains(credentials))
    );
}

/// A proxy on that port that leads everybody to the same place; and what they asked it for.
fn serve(port: u16, place: SocketAddr) -> Arc<Mutex<Vec<String>>> {
    let listener = crate::raw::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, seen) = (client.unwrap(), Arc::clone(&seen));
            thread::spawn(move || {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    client.read_exact(&mut byte).unwrap();
                    head.extend(byte);
                }
                seen.lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&head).into_owned());
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                both_ways(&client, &TcpStream::connect(place).unwrap());
            });
        }
    });
    heads
}

fn both_ways(mut client: &TcpStream, mut place: &TcpStream) {
    let (mut from_place, mut to_client) = (place, client);
    thread::scope(|scope| {
        scope.spawn(move || std::io::copy(&mut from_place, &mut to_client));
        let _ = std::io::copy(&mut client, &mut place);
        let _ = place.shutdown(std::net::Shutdown::Write);
    });
}
