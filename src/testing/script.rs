//! What the outside of a few flows will answer, one after another.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::answers::{
    Answer, Grant, failures, grants, instance_documents, odd_responses, refusals, region_documents,
};
use super::material::{
    certificate_chains, client_assertions, odd_certificate_chains, odd_client_assertions,
};
use super::time::{delays, moments};
use crate::certificate::CertificateChain;
use crate::error::{Error, Failure};
use crate::flow::{ClientAssertion, Turn};
use crate::time::Now;

/// What the outside will answer, for an [`Answerer`](super::Answerer). Each kind of step has answers of its own; when they have
/// run out, everything works.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) begins: Now,
    pub(super) tokens: VecDeque<Reply>,
    pub(super) regions: VecDeque<Answer>,
    pub(super) instances: VecDeque<Answer>,
    pub(super) assertions: VecDeque<Result<ClientAssertion, Failure>>,
    pub(super) certificates: VecDeque<Result<Option<CertificateChain>, Failure>>,
    pub(super) signatures: VecDeque<Signed>,
    pub(super) turns: VecDeque<Turn>,
    pub(super) memory: VecDeque<Result<(), Failure>>,
    pub(super) delays: VecDeque<Duration>,
}

/// To a token request: what was asked for, or this.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Grant(Grant),
    Other(Answer),
}

/// By a signer: bytes that could be the signature, or these, or none.
#[derive(Clone, Debug)]
pub(super) enum Signed {
    Well,
    Oddly(Vec<u8>),
    Not(Failure),
}

impl Default for Script {
    /// Everything works from the first day of 2027 on, and takes no time.
    fn default() -> Self {
        Self {
            begins: Now::new(
                Duration::from_secs(1_798_761_600),
                Duration::from_secs(1_000),
            ),
            tokens: VecDeque::new(),
            regions: VecDeque::new(),
            instances: VecDeque::new(),
            assertions: VecDeque::new(),
            certificates: VecDeque::new(),
            signatures: VecDeque::new(),
            turns: VecDeque::new(),
            memory: VecDeque::new(),
            delays: VecDeque::new(),
        }
    }
}

impl Script {
    /// Its clocks begin with this.
    #[must_use]
    pub fn beginning(self, begins: Now) -> Self {
        Self { begins, ..self }
    }

    /// The first token requests are answered with these.
    #[must_use]
    pub fn answering(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Vec<_> = answers.into_iter().map(Reply::Other).collect();
        for answer in answers.into_iter().rev() {
            self.tokens.push_front(answer);
        }
        self
    }

    /// Nothing takes any time.
    #[must_use]
    pub fn at_once(self) -> Self {
        Self {
            delays: VecDeque::new(),
            ..self
        }
    }
}

/// Whatever can happen, with more of what works than chance would bring.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn scripts() -> impl Strategy<Value = Script> {
    let replies = prop_oneof![
        4 => grants().prop_map(Reply::Grant),
        3 => refusals().prop_map(|response| Reply::Other(Ok(response))),
        2 => odd_responses().prop_map(|response| Reply::Other(Ok(response))),
        2 => failures().prop_map(|failure| Reply::Other(Err(failure))),
    ];
    let assertions = prop_oneof![
        8 => client_assertions().prop_map(Ok),
        1 => odd_client_assertions().prop_map(Ok),
        1 => failures().prop_map(Err),
    ];
    let certificates = prop_oneof![
        8 => certificate_chains().prop_map(|chain| Ok(Some(chain))),
        1 => odd_certificate_chains().prop_map(|chain| Ok(Some(chain))),
        1 => Just(Ok(None)),
        1 => failures().prop_map(Err),
    ];
    let signatures = prop_oneof![
        6 => Just(Signed::Well),
        1 => vec(any::<u8>(), 0..80).prop_map(Signed::Oddly),
        2 => failures().prop_map(Signed::Not),
    ];
    let turns = prop_oneof![
        6 => Just(Turn::Mine),
        2 => Just(Turn::Waited),
        1 => prop_oneof![
            Just(Error::deadline_passed()),
            Just(Error::cancelled()),
            Just(Error::no_randomness()),
        ]
        .prop_map(Turn::Failed),
    ];
    let memory = prop_oneof![8 => Just(Ok(())), 1 => failures().prop_map(Err)];
    let of_service = (
        vec(replies, 0..4),
        documents(region_documents()),
        documents(instance_documents()),
    );
    let of_providers = (
        vec(assertions, 0..4),
        vec(certificates, 0..4),
        vec(signatures, 0..5),
    );
    let of_driver = (
        moments(),
        vec(turns, 0..4),
        vec(memory, 0..12),
        vec(delays(), 0..16),
    );
    (of_service, of_providers, of_driver).prop_map(|(of_service, of_providers, of_driver)| {
        let (begins, turns, memory, delays) = of_driver;
        Script {
            begins,
            tokens: of_service.0.into(),
            regions: of_service.1.into(),
            instances: of_service.2.into(),
            assertions: of_providers.0.into(),
            certificates: of_providers.1.into(),
            signatures: of_providers.2.into(),
            turns: turns.into(),
            memory: memory.into(),
            delays: delays.into(),
        }
    })
}

/// A few of these documents, some of which do not come.
fn documents(
    responses: impl Strategy<Value = http::Response<crate::secret::Body>>,
) -> impl Strategy<Value = Vec<Answer>> {
    vec(
        prop_oneof![6 => responses.prop_map(Ok), 1 => failures().prop_map(Err)],
        0..4,
    )
}
