//! Keys in a PKCS#11 token: SoftHSM, which makes them, keeps them, and never shows them.

use std::fs;
use std::io::Write;
use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11 as Module};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use entra_proto::{Credential, Secret, TokenKind};
use entra_sources::{Pkcs11, SourceError};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, PublicKeyData, SignatureAlgorithm, SigningKey,
    date_time_ymd,
};
use sha2::{Digest, Sha256};

use super::super::bound::to_the_resource;
use super::super::child;
use super::with_certificates;
use crate::folder::Folder;
use crate::world::{CLIENT_ID, World, bearer, pop};
use crate::{Driver, Setup};

const PIN: &str = "canary-pin-4711";
const TOKEN: &str = "entra";
/// The object identifier of P-256, in DER.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// Where distributions put the module.
const MODULES: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// SRC-09, CFG-08: over TLS 1.3 and the resource, with both kinds of key. In a process of its own, since the module reads its
/// configuration from a variable.
pub fn src09_cfg08_a_key_in_a_token_shakes_hands_and_signs<D: Driver>() {
    let row = "src09_cfg08_a_key_in_a_token_shakes_hands_and_signs";
    let Some(module) = MODULES.iter().map(Path::new).find(|path| path.exists()) else {
        // Past the test harness, which keeps what `eprintln!` says from those whose tests pass.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: there is no libsofthsm2.so (package softhsm2), so {row} shows nothing"
        );
        return;
    };
    if !child::is_inside() {
        let folder = Folder::new();
        fs::create_dir(folder.file("tokens")).unwrap();
        let configuration = format!(
            "directories.tokendir = {}\n",
            folder.file("tokens").display()
        );
        fs::write(folder.file("softhsm2.conf"), configuration).unwrap();
        let path = folder.file("softhsm2.conf").display().to_string();
        child::run(row, None, &[("SOFTHSM2_CONF", path.as_str())]);
        return;
    }
    let world = World::new();
    let maker = Maker::new(module);
    for (kind, algorithm) in [(Kind::P256, "ES256"), (Kind::Rsa2048, "PS256")] {
        let der = maker.identity(&kind, algorithm, 1);
        assert!(world.emulator.register_certificate(CLIENT_ID, der.clone()));
        let token = Pkcs11::open(module, TOKEN, &Secret::new(PIN), algorithm).unwrap();
        assert!(!format!("{token:?}").contains(PIN));
        let identity = token.identity().unwrap();
        serves::<D>(
            &world,
            &with_certificates::<D>(&world, token),
            algorithm,
            &der,
        );

        // As a fixed certificate, presented in the handshake as well as signing.
        let credential = Credential::certificate(identity.chain()).send_over_mtls();
        let client = world.client(credential).build().unwrap();
        let client = D::build(Setup {
            identities: vec![identity],
            ..world.setup(client)
        })
        .unwrap();
        D::token(&client, &bearer()).unwrap();
        let last = world.emulator.token_requests().pop().unwrap();
        assert_eq!(last.client_certificate.as_deref(), Some(&der[..]));
        assert!(last.form_value("client_assertion").is_some());
    }

    // A renewed certificate in the token, with a new key, is picked up.
    let token = Pkcs11::open(module, TOKEN, &Secret::new(PIN), "ES256").unwrap();
    let client = with_certificates::<D>(&world, token);
    D::token(&client, &pop()).unwrap();
    let renewed = maker.identity(&Kind::P256, "ES256", 2);
    assert!(
        world
            .emulator
            .register_certificate(CLIENT_ID, renewed.clone())
    );
    serves::<D>(&world, &client, "ES256", &renewed);

    let open = |token: &str, pin: &str, label: &str| {
        let open = Pkcs11::open(module, token, &Secret::new(pin), label);
        open.and_then(|token| token.identity()).unwrap_err()
    };
    for (error, says) in [
        (open("another", PIN, "ES256"), "none of that label"),
        (open(TOKEN, PIN, "nothing"), "no certificate of that label"),
        (open(TOKEN, PIN, maker.without_key()), "no private key"),
    ] {
        assert!(error.to_string().contains(says), "{error}");
    }
    let mismatch = open(TOKEN, PIN, maker.with_another_key());
    assert!(matches!(mismatch, SourceError::Identity(_)), "{mismatch}");
    let nowhere = Pkcs11::open("/nowhere.so", TOKEN, &Secret::new(PIN), "ES256");
    assert!(nowhere.unwrap_err().to_string().contains("can't be loaded"));
}

/// A PoP token over its handshake, the resource with it, and a Bearer token by an assertion that the key signed.
fn serves<D: Driver>(world: &World, client: &D::Client, algorithm: &str, der: &[u8]) {
    let token = D::token(client, &pop().bypassing_cache()).unwrap();
    assert_eq!(token.token_type(), TokenKind::MtlsPop);
    let last = world.emulator.token_requests().pop().unwrap();
    assert_eq!(last.client_certificate.as_deref(), Some(der));
    let answer = D::send(client, &token, to_the_resource(world)).unwrap();
    assert_eq!(answer.status(), 200);
    D::token(client, &bearer().bypassing_cache()).unwrap();
    let last = world.emulator.token_requests().pop().unwrap();
    let assertion = last.form_value("client_assertion").unwrap();
    let header = base64::Engine::decode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        assertion.split('.').next().unwrap(),
    )
    .unwrap();
    let header = String::from_utf8(header).unwrap();
    assert!(
        header.contains(&format!("\"alg\":\"{algorithm}\"")),
        "{header}"
    );
}

enum Kind {
    P256,
    Rsa2048,
}

/// Makes a token, and keys and certificates in it, as an administrator would.
struct Maker {
    session: Session,
}

impl Maker {
    fn new(module: &Path) -> Self {
        let module = Module::new(module).unwrap();
        module
            .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
            .unwrap();
        let slot = module.get_all_slots().unwrap()[0];
        let pin = AuthPin::new(PIN.into());
        module.init_token(slot, &pin, TOKEN).unwrap();
        // The slot of a token has another number once it is initialized.
        let slot = module.get_slots_with_initialized_token().unwrap()[0];
        let session = module.open_rw_session(slot).unwrap();
        session.login(UserType::So, Some(&pin)).unwrap();
        session.init_pin(&pin).unwrap();
        session.logout().unwrap();
        session.login(UserType::User, Some(&pin)).unwrap();
        Self { session }
    }

    /// A key that can't leave the token, and its certificate, of the year 2000 and so many; DER of the certificate.
    fn identity(&self, kind: &Kind, label: &str, number: u8) -> Vec<u8> {
        let id = [label.as_bytes(), &[number]].concat();
        let key = self.key(kind, &id);
        assert!(self.is_hidden(key.private));
        let der = certificate(label, i32::from(number), &key);
        self.store(label, &id, &der);
        der
    }

    /// The label of a certificate whose key is nowhere.
    fn without_key(&self) -> &'static str {
        let key = self.key(&Kind::P256, b"somewhere");
        self.store("without", b"nowhere", &certificate("without", 1, &key));
        "without"
    }

    /// The label of a certificate that has the id of a key that is not its own.
    fn with_another_key(&self) -> &'static str {
        let key = self.key(&Kind::P256, b"own");
        self.key(&Kind::P256, b"other");
        self.store("another", b"other", &certificate("another", 1, &key));
        "another"
    }

    fn key(&self, kind: &Kind, id: &[u8]) -> KeyInToken<'_> {
        let (mechanism, mut public, algorithm) = match kind {
            Kind::P256 => (
                Mechanism::EccKeyPairGen,
                vec![Attribute::EcParams(P256.to_vec())],
                &rcgen::PKCS_ECDSA_P256_SHA256,
            ),
            Kind::Rsa2048 => (
                Mechanism::RsaPkcsKeyPairGen,
                vec![
                    Attribute::ModulusBits(2_048_u64.into()),
                    Attribute::PublicExponent(vec![1, 0, 1]),
                ],
                &rcgen::PKCS_RSA_SHA256,
            ),
        };
        public.extend([Attribute::Token(true), Attribute::Verify(true)]);
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Id(id.to_vec()),
        ];
        let made = self
            .session
            .generate_key_pair(&mechanism, &public, &private);
        let (public, private) = made.unwrap();
        KeyInToken {
            session: &self.session,
            private,
            public: self.public_key(public),
            algorithm,
        }
    }

    /// As `subjectPublicKey` has it: a point, or `RSAPublicKey`.
    fn public_key(&self, public: ObjectHandle) -> Vec<u8> {
        let asked = [
            AttributeType::EcPoint,
            AttributeType::Modulus,
            AttributeType::PublicExponent,
        ];
        let (mut modulus, mut exponent) = (Vec::new(), Vec::new());
        for attribute in self.session.get_attributes(public, &asked).unwrap() {
            if let Attribute::EcPoint(point) = attribute {
                // An octet string in DER: tag, length, and the point of 65 bytes.
                return point[2..].to_vec();
            } else if let Attribute::Modulus(number) = attribute {
                modulus = number;
            } else if let Attribute::PublicExponent(number) = attribute {
                exponent = number;
            }
        }
        sequence(&[&modulus, &exponent])
    }

    /// Nobody gets to see the key.
    fn is_hidden(&self, private: ObjectHandle) -> bool {
        let asked = [AttributeType::Value, AttributeType::PrivateExponent];
        self.session
            .get_attributes(private, &asked)
            .unwrap()
            .is_empty()
    }

    fn store(&self, label: &str, id: &[u8], der: &[u8]) {
        let certificate = [
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Id(id.to_vec()),
            Attribute::Subject(vec![0x30, 0x00]),
            Attribute::Value(der.to_vec()),
        ];
        self.session.create_object(&certificate).unwrap();
    }
}

/// Signs its own certificate where it is.
struct KeyInToken<'a> {
    session: &'a Session,
    private: ObjectHandle,
    public: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl PublicKeyData for KeyInToken<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for KeyInToken<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let is_rsa = self.algorithm == &rcgen::PKCS_RSA_SHA256;
        let signed = if is_rsa {
            self.session
                .sign(&Mechanism::Sha256RsaPkcs, self.private, message)
        } else {
            self.session
                .sign(&Mechanism::Ecdsa, self.private, &Sha256::digest(message))
        };
        let signature = signed.map_err(|_| rcgen::Error::RemoteKeyError)?;
        if is_rsa {
            return Ok(signature);
        }
        let (r, s) = signature.split_at(32);
        Ok(sequence(&[r, s]))
    }
}

fn certificate(name: &str, year: i32, key: &KeyInToken<'_>) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2000 + year, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.self_signed(key).unwrap().der().to_vec()
}

/// Unsigned numbers as a sequence of INTEGERs in DER.
fn sequence(numbers: &[&[u8]]) -> Vec<u8> {
    let element = |tag: u8, content: Vec<u8>| {
        let length = content.len();
        let mut written = vec![tag];
        match u8::try_from(length) {
            Ok(length @ 0..=127) => written.push(length),
            Ok(length) => written.extend([0x81, length]),
            Err(_) => {
                written.push(0x82);
                written.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
        }
        written.extend(content);
        written
    };
    let integer = |number: &&[u8]| {
        let start = number.iter().position(|byte| *byte != 0).unwrap();
        let mut content = number[start..].to_vec();
        if content[0] >= 0x80 {
            content.insert(0, 0);
        }
        element(2, content)
    };
    element(0x30, numbers.iter().flat_map(integer).collect())
}
