//! The loop: each step of the core, done. There is no decision in it.

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use entra_adapter::{ClientIdentity, Event, Held, Taken, describe, missing, seed};
use entra_proto::{
    AccessToken, CertificateChain, ClientAssertion, DiscoverInstance, DiscoverRegion, Error,
    Failure, FlightKey, Plan, ProviderContext, Signature, SigningInput, Step, Transport, Turn,
};

use crate::client::{Shared, Waker};
use crate::provider::call;

/// Runs a plan to its end.
pub(crate) fn run(shared: &Shared, plan: Plan) -> (Result<AccessToken, Error>, Option<Plan>) {
    let Ok(seed) = seed() else {
        return (Err(Error::no_randomness()), None);
    };
    let now = || shared.state.clock().now();
    // Given back when this is dropped, the latest first; so a cancelled flow leaves its turns to the next.
    let mut turns: Vec<Held<Waker>> = Vec::new();
    let mut identity: Option<ClientIdentity> = None;
    let deadline = now().monotonic().saturating_add(plan.allowed_time());
    let mut step = plan.start(seed, now());
    loop {
        shared.state.observe(|| describe(&step));
        step = match step {
            Step::LoadCache(load) => {
                let found = shared.state.memory().load(load.key());
                load.resume(Ok(found), now())
            }
            Step::TakeTurn(take) => {
                let (turn, held) = turn(shared, take.key(), deadline);
                turns.extend(held);
                take.resume(turn, now())
            }
            Step::DiscoverRegion(discover) => {
                let allowed = shared
                    .state
                    .allowance(discover.deadline(), DiscoverRegion::MAX_RESPONSE);
                let answer = shared.http.direct(discover.request(), allowed);
                shared.state.observe(|| Event::answered(&answer));
                discover.resume(answer, now())
            }
            Step::DiscoverInstance(discover) => {
                let allowed = shared
                    .state
                    .allowance(discover.deadline(), DiscoverInstance::MAX_RESPONSE);
                let answer = shared.http.plain(discover.request(), allowed);
                shared.state.observe(|| Event::answered(&answer));
                discover.resume(answer, now())
            }
            Step::ObtainAssertion(obtain) => {
                let answer = assertion(shared, obtain.asked_for(), &mut identity);
                obtain.resume(answer, now())
            }
            Step::ObtainCertificate(obtain) => {
                let answer = certificate(shared, obtain.asked_for(), &mut identity);
                obtain.resume(answer, now())
            }
            Step::SignAssertion(sign) => {
                let signature = sign_with(shared, sign.input(), identity.as_ref());
                sign.resume(signature, now())
            }
            Step::SendRequest(send) => {
                let allowed = shared.state.allowance(send.deadline(), send.max_response());
                let answer = match send.transport() {
                    Transport::Plain => shared.http.plain(send.request(), allowed),
                    Transport::Mtls(certificate) => {
                        match shared
                            .http
                            .find(identity.as_ref(), certificate.thumbprint())
                        {
                            Ok(identity) => {
                                shared
                                    .http
                                    .with_identity(&identity, send.request(), allowed)
                            }
                            Err(failure) => Err(failure),
                        }
                    }
                };
                shared.state.observe(|| Event::answered(&answer));
                send.resume(answer, now())
            }
            Step::Pause(pause) => {
                std::thread::sleep(shared.state.clock().until(pause.until()));
                pause.resume(now())
            }
            Step::SaveCache(save) => {
                shared.state.save(&save);
                if save.ends_turn() {
                    turns.pop();
                }
                save.resume(Ok(()), now())
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

fn turn(shared: &Shared, key: &FlightKey, deadline: Duration) -> (Turn, Option<Held<Waker>>) {
    let channel = || {
        let (sender, receiver) = sync_channel(1);
        (Waker(sender), receiver)
    };
    match shared.state.turns().take(key, channel) {
        Taken::Mine(held) => (Turn::Mine, Some(held)),
        Taken::Wait(receiver) => {
            shared.state.observe(Event::waiting);
            match receiver.recv_timeout(shared.state.clock().until(deadline)) {
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
