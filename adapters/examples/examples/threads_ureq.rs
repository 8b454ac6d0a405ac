//! The core on plain threads with ureq: `cargo run -p entra-examples --example threads_ureq`.

use std::sync::Mutex;
use std::thread;

use entra_examples::{Outside, Trouble, broken, locked, now, seed};
use entra_proto::*;
use http::Response;

struct Driver {
    out: Outside,
    memory: Mutex<Memory>,
    /// One queue for all keys. A driver of many tenants has one for each `TakeTurn::key`.
    turn: Mutex<()>,
}

impl Driver {
    fn token(&self, plan: Plan) -> Result<AccessToken, Trouble> {
        let memory = || locked(&self.memory);
        let mut turn = None;
        let mut step = plan.start(seed()?, now());
        loop {
            step = match step {
                Step::LoadCache(load) => {
                    let found = memory().load(&load);
                    load.resume(Ok(found), now())
                }
                Step::TakeTurn(take) => {
                    turn = turn.or_else(|| Some(locked(&self.turn)));
                    take.resume(Turn::Waited, now())
                }
                Step::ObtainAssertion(ask) => ask.resume(Ok(self.out.pair()), now()),
                Step::SendRequest(it) => {
                    let sent = self.send(&it);
                    it.resume(sent, now())
                }
                Step::Pause(pause) => {
                    thread::sleep(pause.wait());
                    pause.resume(now())
                }
                Step::SaveCache(save) => {
                    memory().save(save.key(), save.update(), now());
                    save.resume(Ok(()), now())
                }
                Step::Done(done) => return Ok(done.into_result()?),
                // A named region and a provider of pairs: this client asks nothing else.
                Step::DiscoverRegion(_)
                | Step::DiscoverInstance(_)
                | Step::ObtainCertificate(_)
                | Step::SignAssertion(_) => return Err("not asked".into()),
            };
        }
    }

    fn send(&self, it: &SendRequest) -> Result<Response<Body>, Failure> {
        let exchange = || {
            let request = it.request().clone().map(|body| body.expose().to_vec());
            let answer = self.out.agent(it.transport())?.run(request)?;
            let (head, body) = answer.into_parts();
            let body = body.into_with_config().limit(it.max_response() as u64);
            let body = body.read_to_vec()?;
            Ok(Response::from_parts(head, Body::from(body)))
        };
        exchange().map_err(broken)
    }
}

fn main() -> Result<(), Trouble> {
    let (out, memory, turn) = (Outside::start()?, Mutex::default(), Mutex::default());
    let driver = Driver { out, memory, turn };
    let request = TokenRequest::for_app(["https://vault.azure.net/.default"]);
    let ask = &|| driver.token(request.clone().plan(&driver.out.client()?)?);
    let tokens = thread::scope(|scope| [(); 4].map(|()| scope.spawn(ask)).map(|it| it.join()));
    for token in tokens {
        driver.out.show(&token.map_err(|_| "a thread panicked")??);
    }
    Ok(())
}
