//! `Transport` is closed too: a driver must say what it does about mutual TLS (E0004, T17).
use entra_proto::{SendRequest, Transport};

fn driver(send: &SendRequest) -> &'static str {
    match send.transport() {
        Transport::Plain => "send it",
    }
}

fn main() {}
