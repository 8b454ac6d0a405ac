//! The loop: each step of the core, done. There is no decision in it.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use entra_adapter::{
    ClientIdentity, Event, Held, Taken, describe, missing, seed, spans, spans::Exchanging,
};
use entra_proto::{
    AccessToken, Body, CertificateChain, ClientAssertion, DiscoverInstance, DiscoverRegion, Error,
    Failure, FlightKey, Plan, ProviderContext, SendRequest, Signature, SigningInput, Step,
    Transport, Turn,
};

use crate::client::{Shared, Waker};
use crate::provider::call;

/// Runs a plan to its end, in its span.
pub(crate) fn run(shared: &Shared, plan: Plan) -> (Result<AccessToken, Error>, Option<Plan>) {
    let span = spans::of_flow(&shared.state.settings().client, &plan);
    let ended = span.in_scope(|| steps(shared, plan));
    spans::ended(&span, &ended.0);
    ended
}

fn steps(shared: &Shared, plan: Plan) -> (Result<AccessToken, Error>, Option<Plan>) {
    // Read anew after what may take a while, as the memory and a free turn do not.
    let read = || shared.state.clock().now();
    let mut now = read();
    let Ok(seed) = seed(now) else {
        return (Err(Error::no_randomness()), None);
    };
    // Given back when this is dropped, the latest first; so a cancelled flow leaves its turns to the next.
    let mut turns: Vec<Held<Waker>> = Vec::new();
    let mut identity: Option<ClientIdentity> = None;
    let deadline = now.monotonic().saturating_add(plan.allowed_time());
    let mut step = plan.start(seed, now);
    loop {
        shared.state.observe(|| describe(&step));
        let span = spans::of_step(&step);
        step = match step {
            Step::LoadCache(load) => {
                let found = shared.state.memory().load(&load);
                load.resume(Ok(found), now)
            }
            Step::TakeTurn(take) => {
                let (turn, held) = turn(shared, take.key(), deadline);
                turns.extend(held);
                if !matches!(turn, Turn::Mine) {
                    now = read();
                }
                take.resume(turn, now)
            }
            Step::DiscoverRegion(discover) => {
                let allowed = shared
                    .state
                    .allowance(discover.deadline(), DiscoverRegion::MAX_RESPONSE);
                let exchange = Exchanging::begin(discover.request(), &Transport::Plain);
                let sent = || shared.http.direct(discover.request(), allowed);
                let answer = exchange.span().in_scope(sent);
                shared.state.answered(exchange, &answer);
                now = read();
                discover.resume(answer, now)
            }
            Step::DiscoverInstance(discover) => {
                let allowed = shared
                    .state
                    .allowance(discover.deadline(), DiscoverInstance::MAX_RESPONSE);
                let exchange = Exchanging::begin(discover.request(), discover.transport());
                let sent = || shared.http.plain(discover.request(), allowed);
                let answer = exchange.span().in_scope(sent);
                shared.state.answered(exchange, &answer);
                now = read();
                discover.resume(answer, now)
            }
            Step::ObtainAssertion(obtain) => {
                let asked = || assertion(shared, obtain.asked_for(), &mut identity);
                let answer = span.in_scope(asked);
                now = read();
                obtain.resume(answer, now)
            }
            Step::ObtainCertificate(obtain) => {
                let asked = || certificate(shared, obtain.asked_for(), &mut identity);
                let answer = span.in_scope(asked);
                now = read();
                obtain.resume(answer, now)
            }
            Step::SignAssertion(sign) => {
                let signed = || sign_with(shared, sign.input(), identity.as_ref());
                let signature = span.in_scope(signed);
                now = read();
                sign.resume(signature, now)
            }
            Step::SendRequest(send) => {
                let exchange = Exchanging::begin(send.request(), send.transport());
                let sent = || self::send(shared, &send, identity.as_ref());
                let answer = exchange.span().in_scope(sent);
                shared.state.answered(exchange, &answer);
                now = read();
                send.resume(answer, now)
            }
            Step::Pause(pause) => {
                span.in_scope(|| std::thread::sleep(shared.state.clock().until(pause.until())));
                now = read();
                pause.resume(now)
            }
            Step::SaveCache(save) => {
                shared.state.save(&save, now);
                if save.ends_turn() {
                    turns.pop();
                }
                save.resume(Ok(()), now)
            }
            Step::Done(mut done) => {
                if let Err(error) = done.result() {
                    turns.drain(..).rev().for_each(|held| held.fail(error));
                }
                let renewal = done.take_renewal();
                return (done.into_result(), renewal);
            }
        };
    }
}

/// Over the connections of the transport that the core names.
fn send(
    shared: &Shared,
    send: &SendRequest,
    named: Option<&ClientIdentity>,
) -> Result<http::Response<Body>, Failure> {
    let allowed = shared.state.allowance(send.deadline(), send.max_response());
    match send.transport() {
        Transport::Plain => shared.http.plain(send.request(), allowed),
        Transport::Mtls(certificate) => {
            let identity = shared.http.find(named, certificate.thumbprint())?;
            shared
                .http
                .with_identity(&identity, send.request(), allowed)
        }
    }
}

fn turn(shared: &Shared, key: &FlightKey, deadline: Duration) -> (Turn, Option<Held<Waker>>) {
    let channel = || {
        let (sender, receiver) = sync_channel(1);
        (Waker(sender), receiver)
    };
    match shared.state.turns().take(key, channel) {
        Taken::Mine(held) => (Turn::Mine, Some(held)),
        Taken::Wait(receiver) => {
            shared.state.observe(Event::waiting);
            let limit = shared.state.clock().until(deadline);
            match spans::of_waiting().in_scope(|| receiver.recv_timeout(limit)) {
                Ok(handed) => handed.into_turn(),
                // A turn that comes too late goes on to the next when the receiver is dropped.
                Err(_) => (Turn::Failed(Error::deadline_passed()), None),
            }
        }
    }
}

fn assertion(
    shared: &Shared,
    context: &ProviderContext,
    identity: &mut Option<ClientIdentity>,
) -> Result<ClientAssertion, Failure> {
    let Some(provider) = &shared.assertions else {
        return Err(missing("no assertion provider was given to this client"));
    };
    let context = context.clone();
    let provided = call(provider, limit(shared), |provider| {
        provider.assertion(context)
    })?;
    let (assertion, named) = provided.into_core();
    if let Some(named) = named {
        shared.http.remember(&named);
        *identity = Some(named);
    }
    Ok(assertion)
}

fn certificate(
    shared: &Shared,
    context: &ProviderContext,
    identity: &mut Option<ClientIdentity>,
) -> Result<Option<CertificateChain>, Failure> {
    let Some(provider) = &shared.certificates else {
        return Err(missing("no certificate provider was given to this client"));
    };
    let context = context.clone();
    let named = call(provider, limit(shared), |provider| {
        provider.certificate(context)
    })?;
    Ok(named.map(|named| {
        shared.http.remember(&named);
        let chain = named.chain();
        *identity = Some(named);
        chain
    }))
}

fn limit(shared: &Shared) -> Duration {
    shared.state.settings().network.provider_limit()
}

fn sign_with(
    shared: &Shared,
    input: &SigningInput,
    named: Option<&ClientIdentity>,
) -> Result<Signature, Failure> {
    shared
        .http
        .find(named, input.certificate().thumbprint())?
        .sign(input)
}
