//! `Step` is closed: a driver that leaves a duty out does not compile (E0004, I03).
use entra_proto::{Now, Step};

fn driver(step: Step, now: Now) -> Option<Step> {
    match step {
        Step::LoadCache(load) => Some(load.resume(Ok(entra_proto::Partition::default()), now)),
        Step::TakeTurn(wait) => Some(wait.resume(entra_proto::Turn::Mine, now)),
        Step::DiscoverRegion(_) | Step::DiscoverInstance(_) => None,
        Step::ObtainAssertion(_) | Step::ObtainCertificate(_) => None,
        Step::SignAssertion(_) | Step::SendRequest(_) => None,
        Step::SaveCache(save) => Some(save.resume(Ok(()), now)),
        Step::Done(_) => None,
    }
}

fn main() {}
