//! The core on smol with hyper: `cargo run -p entra-examples --example smol_hyper`.

use std::sync::Arc;

use entra_examples::{Outside, Trouble, broken, now, seed};
use entra_proto::*;
use futures_rustls::TlsConnector;
use http::Response;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Bytes, client::conn::http1::handshake};
use smol_hyper::rt::FuturesIo;

/// One task at a time asks here; where several do, `TakeTurn` is a queue for each key.
async fn token(out: &Outside, memory: &mut Memory, plan: Plan) -> Result<AccessToken, Trouble> {
    let mut step = plan.start(seed()?, now());
    loop {
        step = match step {
            Step::LoadCache(load) => {
                let found = memory.load(&load);
                load.resume(Ok(found), now())
            }
            Step::TakeTurn(take) => take.resume(Turn::Mine, now()),
            Step::ObtainAssertion(ask) => ask.resume(Ok(out.pair()), now()),
            Step::SendRequest(it) => {
                let sent = send(out, &it).await;
                it.resume(sent, now())
            }
            Step::Pause(pause) => {
                smol::Timer::after(pause.wait()).await;
                pause.resume(now())
            }
            Step::SaveCache(save) => {
                memory.save(save.key(), save.update(), now());
                save.resume(Ok(()), now())
            }
            Step::Done(done) => return Ok(done.into_result()?),
            // A named region and a provider of pairs: this client asks nothing else.
            Step::DiscoverRegion(_) | Step::DiscoverInstance(_) => return Err("not asked".into()),
            Step::ObtainCertificate(_) | Step::SignAssertion(_) => return Err("not asked".into()),
        };
    }
}

/// A connection for each request: none ever carries another's certificate.
async fn send(out: &Outside, it: &SendRequest) -> Result<Response<Body>, Failure> {
    let exchange = async {
        let host = it.request().uri().host().unwrap_or_default().to_owned();
        let socket = smol::net::TcpStream::connect(out.address()).await?;
        let tls = TlsConnector::from(Arc::new(out.tls(it.transport())?));
        let stream = FuturesIo::new(tls.connect(host.clone().try_into()?, socket).await?);
        let (mut sender, connection) = handshake(stream).await?;
        let _driven = smol::spawn(connection);
        let body = |body: Body| Full::<Bytes>::from(body.expose().to_vec());
        let mut request = it.request().clone().map(body);
        request.headers_mut().insert("host", host.parse()?);
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, it.max_response())
            .collect()
            .await?
            .to_bytes();
        Ok(Response::from_parts(head, Body::from(body.to_vec())))
    };
    exchange.await.map_err(broken)
}

fn main() -> Result<(), Trouble> {
    let (out, mut memory) = (Outside::start()?, Memory::default());
    for _ in 0..2 {
        let request = TokenRequest::for_app(["https://vault.azure.net/.default"]);
        let token = smol::block_on(token(&out, &mut memory, request.plan(&out.client()?)?))?;
        out.show(&token);
    }
    Ok(())
}
