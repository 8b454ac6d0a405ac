//! The certificate: when it ends, and what its key can sign.

use std::time::{SystemTime, UNIX_EPOCH};

use entra_tokio::{Certificate, CertificateChain};
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;

use super::report::Check;
use crate::options::{advice, what};

const DAY: i64 = 24 * 3_600;
/// So long before its end whoever renews it should have done so.
const SOON: i64 = 30 * DAY;
/// What every service takes (NIST SP 800-57 part 1, table 2).
const LEAST_BITS: usize = 2_048;

pub(super) fn check(name: &'static str, chain: CertificateChain) -> Check {
    let certificate = match Certificate::parse(chain) {
        Ok(certificate) => certificate,
        Err(error) => return Check::failed(name, what(&error), advice(&error)),
    };
    let Ok((_, parsed)) = parse_x509_certificate(certificate.der()) else {
        return Check::failed(name, "it can't be read", "give one X.509 certificate");
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let (begins, ends) = (
        parsed.validity().not_before.timestamp(),
        parsed.validity().not_after.timestamp(),
    );
    let thumbprint = certificate.thumbprint();
    let (key, weak) = key(&parsed);
    if now >= ends {
        let days = (now - ends) / DAY;
        return Check::failed(
            name,
            format!("{thumbprint} expired {days} days ago"),
            "renew it, and register the new one with the application",
        );
    }
    if now < begins {
        let days = (begins - now) / DAY;
        return Check::failed(
            name,
            format!("{thumbprint} is not valid yet, for {days} days more"),
            "check this machine's clock, or wait",
        );
    }
    let says = format!("{thumbprint}, {key}, good for {} days", (ends - now) / DAY);
    if let Some(weak) = weak {
        return Check::warning(name, says, weak);
    }
    if ends - now < SOON {
        let advice = "renew it soon, and register the new one with the application";
        return Check::warning(name, says, advice);
    }
    Check::ok(name, says)
}

/// What the key is, and what speaks against it.
fn key(
    certificate: &x509_parser::certificate::X509Certificate<'_>,
) -> (String, Option<&'static str>) {
    match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) => {
            let bits = rsa.key_size();
            let weak =
                (bits < LEAST_BITS).then_some("use an RSA key of 2048 bits at least, or P-256");
            (format!("RSA {bits}"), weak)
        }
        Ok(PublicKey::EC(point)) => match point.key_size() {
            256 => ("P-256".to_owned(), None),
            bits => (
                format!("EC {bits}"),
                Some("use RSA or P-256: only those sign assertions"),
            ),
        },
        Ok(
            PublicKey::DSA(_)
            | PublicKey::GostR3410(_)
            | PublicKey::GostR3410_2012(_)
            | PublicKey::Unknown(_),
        )
        | Err(_) => (
            "another kind of key".to_owned(),
            Some("use RSA or P-256: only those sign assertions"),
        ),
    }
}
