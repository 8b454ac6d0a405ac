//! What certificates are called: by their thumbprints, and the one that only stands for another by that other's name.

use entra_tokio::{CertificateChain, Thumbprint};

/// The certificate that stands for one which only the provider knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    stand_in: Option<(Thumbprint, CertificateChain)>,
}

impl Names {
    /// Where this certificate (DER) stands for the provider's.
    pub(super) fn standing_in(der: Vec<u8>) -> Self {
        let thumbprint = Thumbprint::of(&der);
        Self {
            stand_in: Some((thumbprint, CertificateChain::new(der))),
        }
    }

    /// That certificate.
    pub(super) fn stand_in(&self) -> Option<CertificateChain> {
        self.stand_in.as_ref().map(|(_, chain)| chain.clone())
    }

    pub(super) fn of(&self, thumbprint: Thumbprint) -> String {
        match &self.stand_in {
            Some((stand_in, _)) if *stand_in == thumbprint => {
                "the provider's certificate".to_owned()
            }
            Some(_) | None => thumbprint.to_string(),
        }
    }

    pub(super) fn of_chain(&self, chain: &CertificateChain) -> String {
        match (
            &self.stand_in,
            entra_tokio::Certificate::parse(chain.clone()),
        ) {
            (Some((_, stand_in)), _) if stand_in == chain => "its certificate".to_owned(),
            (_, Ok(certificate)) => certificate.thumbprint().to_string(),
            (_, Err(_)) => "a certificate".to_owned(),
        }
    }
}
