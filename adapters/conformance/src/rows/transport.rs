//! The adapters' own transport: a proxy, versions of TLS, and the steps that both take alike.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use entra_adapter::{ClientIdentity, Network, Resolve};
use entra_emulator::{Endpoint, Fault, Reply, TENANT_ID, Target};
use entra_proto::{Client, Credential, RegionSource, Secret, TokenKind, TokenRequest};

use super::attempts::join;
use super::bound::to_the_resource;
use crate::world::{CLIENT_ID, SECRET, World, bearer, pop};
use crate::{Driver, Setup};

/// What the child of [`http01_a_proxy_is_for_entra_and_never_for_the_metadata_service`] needs, besides the variables that name
/// the proxy.
const CHILD: [&str; 4] = [
    "ENTRA_ROW_METADATA",
    "ENTRA_ROW_ROOTS",
    "ENTRA_ROW_CERTIFICATE",
    "ENTRA_ROW_KEY",
];

/// HTTP-01: the proxy that the environment names leads to Entra, over plain and over mutual TLS, and the metadata service is
/// asked without it. A proxy is read from the environment once, so this test runs itself again with one.
pub fn http01_a_proxy_is_for_entra_and_never_for_the_metadata_service<D: Driver>() {
    const NAME: &str = "http01_a_proxy_is_for_entra_and_never_for_the_metadata_service";
    if let [Ok(metadata), Ok(roots), Ok(certificate), Ok(key)] = CHILD.map(std::env::var) {
        return through_the_proxy::<D>(&metadata, &roots, &certificate, &key);
    }
    let world = World::new();
    let proxy = Proxy::start(world.emulator.address());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([NAME, "--exact", "--nocapture"]);
    let values = [
        world.emulator.imds_address().to_string(),
        world.emulator.ca_pem().to_owned(),
        world.alpha.certificate_pem(),
        world.alpha.key_pem(),
    ];
    child.envs(CHILD.into_iter().zip(values));
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
        let url = format!("http://{}", proxy.address);
        child.env(name, &url).env(name.to_ascii_lowercase(), &url);
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = child.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("1 passed"), "{printed}");

    assert_eq!(
        *proxy.asked.lock().unwrap(),
        [
            "CONNECT westus3.mtlsauth.microsoft.com:443 HTTP/1.1",
            "CONNECT westus3.login.microsoft.com:443 HTTP/1.1",
        ]
    );
    let requests = world.emulator.requests();
    let asked = |path: &str| {
        requests
            .iter()
            .filter(|request| request.path.ends_with(path))
            .count()
    };
    assert_eq!(
        (asked("/metadata/instance/compute"), asked("/token")),
        (1, 2)
    );
    // Nothing that was not asked for comes back packed.
    assert!(
        requests
            .iter()
            .all(|request| request.header("accept-encoding").is_none())
    );
}

/// Both kinds of transport, from a region that is discovered. No name leads anywhere but through the proxy.
fn through_the_proxy<D: Driver>(metadata: &str, roots: &str, certificate: &str, key: &str) {
    let identity = ClientIdentity::from_pem(certificate, key).unwrap();
    let network = Network::new().trust_only(roots).unwrap().resolve(Resolve {
        host: "*".to_owned(),
        port: Some(80),
        address: metadata.parse().unwrap(),
    });
    let credential = Credential::certificate(identity.chain());
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    let client = Client::builder(CLIENT_ID, authority, credential)
        .region(RegionSource::Discover)
        .build()
        .unwrap();
    let client = D::build(Setup {
        client,
        identities: vec![identity],
        assertions: None,
        certificates: None,
        assertion_source: None,
        certificate_source: None,
        network,
        listener: None,
        metrics: None,
    })
    .unwrap();
    let token = D::token(&client, &pop()).unwrap();
    assert_eq!(token.token_type(), TokenKind::MtlsPop);
    D::token(&client, &bearer()).unwrap();
}

/// A proxy that leads every tunnel to one address, and notes what it was asked.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                let head = head(&mut client);
                let line = head.lines().next().unwrap_or_default().to_owned();
                let tunnel = line.starts_with("CONNECT ");
                noted.lock().unwrap().push(line);
                if let (true, Ok(server)) = (tunnel, TcpStream::connect(to)) {
                    let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                    join(client, server);
                }
            }
        });
        Self { address, asked }
    }
}

/// Everything up to the blank line.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.extend(byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A `ServerHello` of TLS 1.1 (RFC 4346 §7.4.1.3), in its record.
const HELLO_OF_TLS11: [u8; 47] = {
    let mut hello = [0x5a; 47];
    let head = [0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    let tail = [0, 0xc0, 0x13, 0];
    let mut place = 0;
    while place < head.len() {
        hello[place] = head[place];
        place += 1;
    }
    place = 0;
    while place < tail.len() {
        hello[43 + place] = tail[place];
        place += 1;
    }
    hello
};

/// SEC-10, PLAT-03: a server that speaks TLS 1.1 gets no byte of the form, and no second attempt.
pub fn sec10_plat03_i12_a_server_of_tls11_gets_nothing<D: Driver>() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let noted = Arc::clone(&heard);
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut hello = vec![0; 5];
            let _ = client.read_exact(&mut hello);
            hello.resize(5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])), 0);
            let _ = client.read_exact(&mut hello[5..]);
            let _ = client.write_all(&HELLO_OF_TLS11);
            let mut rest = Vec::new();
            let _ = client.read_to_end(&mut rest);
            noted.lock().unwrap().push(rest);
        }
    });
    let network = || {
        Network::new()
            .trust_only(world.emulator.ca_pem())
            .unwrap()
            .resolve(Resolve {
                host: "*".to_owned(),
                port: Some(443),
                address,
            })
            .no_proxy()
    };
    let secret = Credential::secret(Secret::new(SECRET));
    let plain = Setup {
        network: network(),
        ..world.setup(world.client(secret).build().unwrap())
    };
    let mutual = Setup {
        network: network(),
        ..world.with_certificate(&world.alpha, |credential| credential)
    };
    for (setup, request) in [(plain, bearer()), (mutual, pop())] {
        let error = D::token(&D::build(setup).unwrap(), &request).unwrap_err();
        assert_eq!((error.code(), error.attempts()), ("tls_failed", 1));
    }
    // Each said nothing more than an alert (a record of type 21), if it said anything.
    let began = std::time::Instant::now();
    while heard.lock().unwrap().len() < 2 {
        assert!(began.elapsed() < Duration::from_secs(10), "still connected");
        thread::yield_now();
    }
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 2, "one connection each");
    assert!(
        heard
            .iter()
            .all(|rest| rest.is_empty() || (rest[0] == 21 && rest.len() == 7))
    );
}

/// PLAT-03 for the resource: both versions, each with the certificate in the handshake.
pub fn plat03_bind03_the_resource_is_called_over_both_versions_of_tls<D: Driver>() {
    use entra_emulator::{TlsVersion, TlsVersions};
    for (versions, version) in [
        (TlsVersions::Only12, TlsVersion::Tls12),
        (TlsVersions::Only13, TlsVersion::Tls13),
    ] {
        let world = World::with(|builder| builder.tls_versions(versions));
        let setup = world.with_certificate(&world.alpha, |credential| credential);
        let client = D::build(setup).unwrap();
        let token = D::token(&client, &pop()).unwrap();
        let answer = D::send(&client, &token, to_the_resource(&world)).unwrap();
        assert_eq!(answer.status(), 200);
        let connections = world.emulator.connections();
        assert_eq!(connections.len(), 2);
        for connection in connections {
            assert_eq!(connection.tls_version, Some(version));
            assert_eq!(
                connection.client_certificate.as_deref(),
                Some(world.alpha.certificate_der())
            );
        }
    }
}

/// Pieces of a flow, one after another.
type Steps<'a> = &'a [&'a [&'static str]];

/// RUN-16: the steps of a driver are those that the core asks for, in its order. The table is one, so both drivers take the
/// same.
pub fn run16_the_steps_are_those_of_the_table<D: Driver>() {
    // Nothing is remembered, not even when it is our turn; and nobody told us to wait.
    const MISS: [&str; 4] = ["LoadCache", "TakeTurn", "LoadCache", "LoadCache"];
    const SENT: [&str; 4] = ["SendRequest", "answer", "SaveCache", "Done"];
    let world = World::new();
    let (pairs, _) = world.pairs(&world.alpha);
    let discovering = Client::builder(
        CLIENT_ID,
        format!("https://login.microsoftonline.com/{TENANT_ID}"),
        Credential::signed_assertion_provider(),
    )
    .region(RegionSource::Discover)
    .build()
    .unwrap();
    let pair = Setup {
        assertions: Some(pairs),
        ..world.setup(discovering)
    };
    let secret = Credential::secret(Secret::new(SECRET));
    let secret = world.setup(world.client(secret).build().unwrap());
    let signing = world.with_certificate(&world.rsa, |credential| credential);
    let rows: [(Setup, TokenRequest, Option<u16>, Steps<'_>); 4] = [
        (secret, bearer(), None, &[&MISS, &SENT]),
        (
            pair,
            pop(),
            None,
            &[
                &["ObtainAssertion"],
                &MISS,
                &[
                    "TakeTurn",
                    "LoadCache",
                    "DiscoverRegion",
                    "answer",
                    "SaveCache",
                    "LoadCache",
                ],
                &SENT,
            ],
        ),
        (
            signing,
            bearer(),
            Some(500),
            &[
                &MISS,
                &[
                    "SignAssertion",
                    "SendRequest",
                    "answer",
                    "Pause",
                    "LoadCache",
                ],
                &["SignAssertion"],
                &SENT,
            ],
        ),
        (
            world.with_certificate(&world.alpha, |credential| credential),
            pop(),
            Some(400),
            &[&MISS, &["SendRequest", "answer", "Done"]],
        ),
    ];
    for (mut setup, request, fault, expected) in rows {
        let seen: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let noted = Arc::clone(&seen);
        setup.listener = Some(Arc::new(move |event| {
            noted.lock().unwrap().push(event.step)
        }));
        let asks = setup.assertions.is_some();
        let client = D::build(setup).unwrap();
        if let Some(status) = fault {
            let reply = Fault::Reply(Reply::new(status));
            world
                .emulator
                .fail_next(Target::Endpoint(Endpoint::Token), reply);
        }
        let token = D::token(&client, &request);
        assert_eq!(*seen.lock().unwrap(), expected.concat());
        if token.is_ok() && !asks {
            seen.lock().unwrap().clear();
            D::token(&client, &request).unwrap();
            assert_eq!(*seen.lock().unwrap(), ["LoadCache", "Done"]);
        }
    }
}
