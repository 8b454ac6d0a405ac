//! RUN-09: a million tenants through one client's state. Nothing in it grows with them, and neither does the process.

#![forbid(unsafe_code)]

use std::thread;

use entra_adapter::{Handed, Settings, State, Taken, Wake};
use entra_proto::{
    Body, Client, Credential, Limits, RegionSource, Secret, Step, TokenRequest, Turn,
};
use peak_alloc::PeakAlloc;

/// Counts what is allocated, whatever the allocator beneath makes of it.
#[global_allocator]
static COUNTED: PeakAlloc = PeakAlloc;

const TENANTS: u32 = 1_000_000;
const LIMITS: Limits = Limits {
    entries: 20_000,
    bytes: 16 * 1_024 * 1_024,
};

/// Nobody waits in this test.
struct Nobody;

impl Wake for Nobody {
    fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> {
        Err(handed)
    }
}

/// A flow for one tenant, as an adapter drives it, with an answer at once.
fn one_flow(state: &State<Nobody>, number: u32) {
    let now = state.clock().now();
    let request = TokenRequest::for_app(["https://vault.azure.net/.default"])
        .tenant(format!("t{number}.example"));
    let plan = request.plan(&state.settings().client).unwrap();
    let mut turns = Vec::new();
    let mut step = plan.start(entra_adapter::seed(now).unwrap(), now);
    loop {
        step = match step {
            Step::LoadCache(load) => {
                let found = state.memory().load(&load);
                load.resume(Ok(found), now)
            }
            Step::TakeTurn(take) => {
                let Taken::Mine(held) = state.turns().take(take.key(), || (Nobody, ())) else {
                    panic!("another tenant has this turn");
                };
                turns.push(held);
                take.resume(Turn::Mine, now)
            }
            Step::SendRequest(send) => send.resume(Ok(answer(number)), now),
            Step::SaveCache(save) => {
                let memory = state.memory();
                memory.save(save.key(), save.update(), now);
                assert!(memory.len() <= LIMITS.entries && memory.bytes() <= LIMITS.bytes);
                save.resume(Ok(()), now)
            }
            Step::Done(done) => {
                assert!(done.result().is_ok());
                return;
            }
            Step::DiscoverRegion(_)
            | Step::DiscoverInstance(_)
            | Step::ObtainAssertion(_)
            | Step::ObtainCertificate(_)
            | Step::SignAssertion(_)
            | Step::Pause(_) => panic!("nobody asked for this: {step:?}"),
        };
    }
}

fn answer(number: u32) -> http::Response<Body> {
    let token = format!(
        "{{\"token_type\":\"Bearer\",\"access_token\":\"a{number:0>200}\",\"expires_in\":3600}}"
    );
    http::Response::new(Body::from(token.into_bytes()))
}

/// How many bytes of memory the process has, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

#[test]
fn run09_a_million_tenants_stay_below_the_bound_and_the_process_does_not_grow() {
    let authority = "https://login.microsoftonline.com/contoso.com";
    let credential = Credential::secret(Secret::new("not-a-real-secret"));
    let client = Client::builder("app", authority, credential)
        .region(RegionSource::Named("westus3".to_owned()))
        .build()
        .unwrap();
    let settings = Settings {
        limits: LIMITS,
        ..Settings::new(client)
    };
    let state = State::<Nobody>::new(settings, false, false).unwrap();
    let run = |tenants: std::ops::Range<u32>| {
        thread::scope(|scope| {
            let middle = tenants.start.midpoint(tenants.end);
            for half in [tenants.start..middle, middle..tenants.end] {
                let state = &state;
                scope.spawn(move || half.for_each(|number| one_flow(state, number)));
            }
        });
        (COUNTED.current_usage(), resident())
    };
    let (empty, empty_process) = (COUNTED.current_usage(), resident());
    // The memory is full long before.
    let (settled, _) = run(0..TENANTS / 2);
    let (end, end_process) = run(TENANTS / 2..TENANTS);
    assert_eq!(state.turns().in_flight(), 0);
    assert!(state.memory().len() > 10_000, "it does remember");
    println!(
        "{} tokens, {} bytes counted",
        state.memory().len(),
        state.memory().bytes()
    );
    println!("{empty} bytes allocated at first, {settled} half way, {end} at the end");
    println!("{empty_process:?} bytes in the process at first, {end_process:?} at the end");
    assert!(end - empty <= LIMITS.bytes);
    // Each part of the memory keeps the room that it ever had, and chance puts a little more into one of them now and then. Whatever
    // were kept of each further tenant would take more than a quarter of a byte.
    assert!(end <= settled + TENANTS as usize / 8);
    // What the allocator keeps beside, of the blocks that two threads gave back to each other's arenas, is its own affair.
    if let (Some(empty), Some(end)) = (empty_process, end_process) {
        assert!(end - empty <= LIMITS.bytes as u64 + (32 << 20));
    }
}
