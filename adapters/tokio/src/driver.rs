//! The loop: each step of the core, done. There is no decision in it.

use entra_adapter::{
    ClientIdentity, Event, Held, Taken, describe, missing, provider_failure, seed, spans,
    spans::Exchanging,
};
use entra_proto::{
    AccessToken, Body, CertificateChain, ClientAssertion, DiscoverInstance, DiscoverRegion, Error,
    Failure, FlightKey, Plan, ProviderContext, SendRequest, Signature, SigningInput, Step,
    Transport, Turn,
};
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use crate::client::{Shared, Waker};
use crate::provider::Answer;

/// Runs a plan to its end, in its span.
pub(crate) async fn run(shared: &Shared, plan: Plan) -> (Result<AccessToken, Error>, Option<Plan>) {
    let span = spans::of_flow(&shared.state.settings().client, &plan);
    let ended = steps(shared, plan).instrument(span.clone()).await;
    spans::ended(&span, &ended.0);
    ended
}

async fn steps(shared: &Shared, plan: Plan) -> (Result<AccessToken, Error>, Option<Plan>) {
    // Read anew after what may take a while, as the memory and a free turn do not.
    let read = || shared.state.clock().now();
    let mut now = read();
    let Ok(seed) = seed(now) else {
        return (Err(Error::no_randomness()), None);
    };
    // Given back when this is dropped, the latest first; so a cancelled flow leaves its turns to the next.
    let mut turns: Vec<Held<Waker>> = Vec::new();
    let mut identity: Option<ClientIdentity> = None;
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
                let (turn, held) = turn(shared, take.key()).await;
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
                let sending = shared.http.direct(discover.request(), allowed);
                let answer = sending.instrument(exchange.span().clone()).await;
                shared.state.answered(exchange, &answer);
                now = read();
                discover.resume(answer, now)
            }
            Step::DiscoverInstance(discover) => {
                let allowed = shared
                    .state
                    .allowance(discover.deadline(), DiscoverInstance::MAX_RESPONSE);
                let exchange = Exchanging::begin(discover.request(), discover.transport());
                let sending = shared.http.plain(discover.request(), allowed);
                let answer = sending.instrument(exchange.span().clone()).await;
                shared.state.answered(exchange, &answer);
                now = read();
                discover.resume(answer, now)
            }
            Step::ObtainAssertion(obtain) => {
                let answer = assertion(shared, obtain.asked_for(), &mut identity);
                let answer = answer.instrument(span).await;
                now = read();
                obtain.resume(answer, now)
            }
            Step::ObtainCertificate(obtain) => {
                let answer = certificate(shared, obtain.asked_for(), &mut identity);
                let answer = answer.instrument(span).await;
                now = read();
                obtain.resume(answer, now)
            }
            Step::SignAssertion(sign) => {
                let signature = sign_with(shared, sign.input(), identity.as_ref());
                let signature = signature.instrument(span).await;
                now = read();
                sign.resume(signature, now)
            }
            Step::SendRequest(send) => {
                let exchange = Exchanging::begin(send.request(), send.transport());
                let sending = self::send(shared, &send, identity.as_ref());
                let answer = sending.instrument(exchange.span().clone()).await;
                shared.state.answered(exchange, &answer);
                now = read();
                send.resume(answer, now)
            }
            Step::Pause(pause) => {
                let wait = tokio::time::sleep(shared.state.clock().until(pause.until()));
                wait.instrument(span).await;
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
async fn send(
    shared: &Shared,
    send: &SendRequest,
    named: Option<&ClientIdentity>,
) -> Result<http::Response<Body>, Failure> {
    let allowed = shared.state.allowance(send.deadline(), send.max_response());
    match send.transport() {
        Transport::Plain => shared.http.plain(send.request(), allowed).await,
        Transport::Mtls(certificate) => {
            let identity = shared.http.find(named, certificate.thumbprint())?;
            shared
                .http
                .with_identity(&identity, send.request(), allowed)
                .await
        }
    }
}

async fn turn(shared: &Shared, key: &FlightKey) -> (Turn, Option<Held<Waker>>) {
    let channel = || {
        let (sender, receiver) = oneshot::channel();
        (Waker(sender), receiver)
    };
    match shared.state.turns().take(key, channel) {
        Taken::Mine(held) => (Turn::Mine, Some(held)),
        Taken::Wait(receiver) => {
            shared.state.observe(Event::waiting);
            match receiver.instrument(spans::of_waiting()).await {
                Ok(handed) => handed.into_turn(),
                // Only if the turns themselves were dropped, which this client holds.
                Err(_) => (Turn::Failed(Error::cancelled()), None),
            }
        }
    }
}

async fn assertion(
    shared: &Shared,
    context: &ProviderContext,
    identity: &mut Option<ClientIdentity>,
) -> Result<ClientAssertion, Failure> {
    let Some(provider) = &shared.assertions else {
        return Err(missing("no assertion provider was given to this client"));
    };
    let provided = in_time(shared, provider.assertion(context.clone())).await?;
    let (assertion, named) = provided.into_core();
    if let Some(named) = named {
        shared.http.remember(&named);
        *identity = Some(named);
    }
    Ok(assertion)
}

async fn certificate(
    shared: &Shared,
    context: &ProviderContext,
    identity: &mut Option<ClientIdentity>,
) -> Result<Option<CertificateChain>, Failure> {
    let Some(provider) = &shared.certificates else {
        return Err(missing("no certificate provider was given to this client"));
    };
    let named = in_time(shared, provider.certificate(context.clone())).await?;
    Ok(named.map(|named| {
        shared.http.remember(&named);
        let chain = named.chain();
        *identity = Some(named);
        chain
    }))
}

async fn in_time<T>(shared: &Shared, answer: Answer<'_, T>) -> Result<T, Failure> {
    match tokio::time::timeout(shared.state.settings().network.provider_limit(), answer).await {
        Ok(answer) => answer.map_err(|error| provider_failure(&error)),
        Err(_) => Err(missing("the provider did not answer in time")),
    }
}

/// On a thread for blocking work: the signer may be a device or a service.
async fn sign_with(
    shared: &Shared,
    input: &SigningInput,
    named: Option<&ClientIdentity>,
) -> Result<Signature, Failure> {
    let identity = shared.http.find(named, input.certificate().thumbprint())?;
    let (input, span) = (input.clone(), Span::current());
    let sign = move || span.in_scope(|| identity.sign(&input));
    match tokio::task::spawn_blocking(sign).await {
        Ok(signature) => signature,
        Err(_) => Err(missing("the signer panicked")),
    }
}
