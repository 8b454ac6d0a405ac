//! How to reach the network: roots and names, as curl has them.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use entra_tokio::{Network, Resolve};

use super::failed::Failed;
use super::input::Named;

/// How to reach the network.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Trust the roots in this PEM file, and no others.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Let HOST:PORT lead to ADDRESS, which may name a port of its own; * is every host. May be repeated.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = parse_resolve)]
    resolve: Vec<Resolve>,
    /// Ignore the environment's proxy.
    #[arg(long)]
    no_proxy: bool,
    /// Speak TLS 1.2 alone.
    #[arg(long)]
    only_tls12: bool,
}

impl NetworkArgs {
    pub(crate) fn ignores_proxies(&self) -> bool {
        self.no_proxy
    }

    /// The files that are named.
    pub(crate) fn files(&self) -> Option<Named> {
        let path = self.ca_file.clone()?;
        Some(Named {
            option: "--ca-file",
            path,
            is_secret: false,
        })
    }

    pub(crate) fn load(&self) -> Result<Network, Failed> {
        let mut network = Network::new();
        if let Some(path) = &self.ca_file {
            let wrong = |error: &dyn std::fmt::Display| {
                Failed::usage(format_args!("--ca-file {}: {error}", path.display()))
            };
            let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
            network = network.trust_only(pem).map_err(|error| wrong(&error))?;
        }
        for resolve in &self.resolve {
            network = network.resolve(resolve.clone());
        }
        if self.no_proxy {
            network = network.no_proxy();
        }
        if self.only_tls12 {
            network = network.only_tls12();
        }
        Ok(network)
    }
}

/// `HOST:PORT:ADDRESS`, as curl has it; the address may name a port too, and IPv6 stands in brackets.
fn parse_resolve(text: &str) -> Result<Resolve, String> {
    let wrong = || {
        "write HOST:PORT:ADDRESS, such as login.microsoftonline.com:443:127.0.0.1 or *:443:127.0.0.1:8443"
            .to_owned()
    };
    let (host, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (port, address) = rest.split_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    if host.is_empty() || port == 0 {
        return Err(wrong());
    }
    let address = match address.parse() {
        Ok(address) => address,
        Err(_) => SocketAddr::new(ip(address).ok_or_else(wrong)?, port),
    };
    Ok(Resolve {
        host: host.to_owned(),
        port: Some(port),
        address,
    })
}

/// An address without a port; IPv6 with or without its brackets.
fn ip(text: &str) -> Option<IpAddr> {
    match text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
    {
        Some(inside) => inside.parse().ok().map(IpAddr::V6),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_where_resolve_says() {
        for (text, port, address) in [
            ("login.example:443:127.0.0.1:8443", 443, "127.0.0.1:8443"),
            ("*:80:127.0.0.1", 80, "127.0.0.1:80"),
            ("h:443:[::1]:8443", 443, "[::1]:8443"),
            ("h:443:[::1]", 443, "[::1]:443"),
            ("h:443:::1", 443, "[::1]:443"),
        ] {
            let resolve = parse_resolve(text).unwrap();
            assert_eq!(resolve.port, Some(port), "{text}");
            assert_eq!(resolve.address.to_string(), address, "{text}");
        }
    }

    #[test]
    fn what_is_no_resolve_is_refused() {
        for wrong in [
            "",
            "h",
            "h:443",
            "h:443:",
            "h:x:127.0.0.1",
            "h:0:127.0.0.1",
            "h:65536:127.0.0.1",
            ":443:127.0.0.1",
            "h:443:nowhere",
            "h:443:[127.0.0.1]",
            "h:443:[[::1]]",
        ] {
            assert!(parse_resolve(wrong).is_err(), "{wrong}");
        }
    }
}
