//! Random walks: every flow ends, and goes only where the picture says (RUN-15).

use std::collections::{BTreeMap, BTreeSet};

use crate::journey::{Dice, World};

/// A linear congruential generator: the same walks on every machine.
struct Lcg(u64);

impl Dice for Lcg {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(sides)).expect("less than a u32")
    }
}

/// Flows of one world share its memory; there are a few for each client.
const WORLDS: u64 = 1_400;
const CLIENTS: u64 = 12;

/// Which step may follow which: the truth of which the picture in `src/flow.rs` is the drawing. A pause here is one that was
/// waited for; coming back early gives the same pause.
const PICTURE: &[(&str, &str)] = &[
    // Grants that work once go straight to the service, requests that bypass reading to the queue.
    ("start", "LoadCache token"),
    ("start", "TakeTurn token"),
    ("start", "ObtainAssertion"),
    ("start", "ObtainCertificate"),
    ("start", "LoadCache region"),
    ("start", "LoadCache instance"),
    ("start", "LoadCache throttle"),
    ("start", "Done"),
    ("LoadCache token", "TakeTurn token"),
    ("LoadCache token", "ObtainAssertion"),
    ("LoadCache token", "ObtainCertificate"),
    ("LoadCache token", "LoadCache region"),
    ("LoadCache token", "LoadCache instance"),
    ("LoadCache token", "LoadCache throttle"),
    ("LoadCache token", "Done"),
    ("LoadCache token", "LoadCache refresh token"),
    ("TakeTurn token", "LoadCache token"),
    ("TakeTurn token", "LoadCache refresh token"),
    ("TakeTurn token", "ObtainAssertion"),
    ("TakeTurn token", "ObtainCertificate"),
    ("TakeTurn token", "LoadCache region"),
    ("TakeTurn token", "LoadCache instance"),
    ("TakeTurn token", "LoadCache throttle"),
    ("TakeTurn token", "Done"),
    // Of the account that the request is for.
    ("LoadCache refresh token", "ObtainAssertion"),
    ("LoadCache refresh token", "ObtainCertificate"),
    ("LoadCache refresh token", "LoadCache region"),
    ("LoadCache refresh token", "LoadCache instance"),
    ("LoadCache refresh token", "LoadCache throttle"),
    ("LoadCache refresh token", "Done"),
    // Before the cache if the answer names the key; to the turn if that very key was offered and missed.
    ("ObtainAssertion", "LoadCache token"),
    ("ObtainAssertion", "TakeTurn token"),
    ("ObtainAssertion", "LoadCache region"),
    ("ObtainAssertion", "LoadCache instance"),
    ("ObtainAssertion", "LoadCache throttle"),
    ("ObtainAssertion", "Done"),
    ("ObtainCertificate", "LoadCache token"),
    ("ObtainCertificate", "TakeTurn token"),
    ("ObtainCertificate", "LoadCache region"),
    ("ObtainCertificate", "LoadCache instance"),
    ("ObtainCertificate", "LoadCache throttle"),
    ("ObtainCertificate", "Done"),
    // From here on a pair may be found to have grown old (rule 3).
    ("LoadCache region", "TakeTurn region"),
    ("LoadCache region", "DiscoverRegion"),
    ("LoadCache region", "SaveCache region"),
    ("LoadCache region", "ObtainAssertion"),
    ("LoadCache region", "ObtainCertificate"),
    ("LoadCache region", "LoadCache instance"),
    ("LoadCache region", "LoadCache throttle"),
    ("LoadCache region", "Done"),
    ("TakeTurn region", "LoadCache region"),
    ("TakeTurn region", "Done"),
    // Another version of the metadata service.
    ("DiscoverRegion", "DiscoverRegion"),
    ("DiscoverRegion", "SaveCache region"),
    ("SaveCache region", "ObtainAssertion"),
    ("SaveCache region", "ObtainCertificate"),
    ("SaveCache region", "LoadCache instance"),
    ("SaveCache region", "LoadCache throttle"),
    ("SaveCache region", "Done"),
    ("LoadCache instance", "TakeTurn instance"),
    ("LoadCache instance", "DiscoverInstance"),
    ("LoadCache instance", "SaveCache instance"),
    ("LoadCache instance", "ObtainAssertion"),
    ("LoadCache instance", "ObtainCertificate"),
    ("LoadCache instance", "LoadCache throttle"),
    ("TakeTurn instance", "LoadCache instance"),
    ("TakeTurn instance", "Done"),
    ("DiscoverInstance", "SaveCache instance"),
    ("DiscoverInstance", "Done"),
    ("SaveCache instance", "ObtainAssertion"),
    ("SaveCache instance", "ObtainCertificate"),
    ("SaveCache instance", "LoadCache throttle"),
    ("LoadCache throttle", "SignAssertion"),
    ("LoadCache throttle", "SendRequest"),
    ("LoadCache throttle", "Done"),
    // A key that can't do PS256.
    ("SignAssertion", "SignAssertion"),
    ("SignAssertion", "SendRequest"),
    ("SignAssertion", "Done"),
    ("SendRequest", "SaveCache token"),
    ("SendRequest", "SaveCache throttle"),
    ("SendRequest", "Pause"),
    ("SendRequest", "Done"),
    ("SaveCache throttle", "Pause"),
    ("SaveCache throttle", "Done"),
    // A second attempt asks nobody about region and host.
    ("Pause", "ObtainAssertion"),
    ("Pause", "ObtainCertificate"),
    ("Pause", "LoadCache throttle"),
    ("SendRequest", "SaveCache refresh token"),
    ("SaveCache refresh token", "SaveCache token"),
    ("SaveCache refresh token", "Done"),
    ("SaveCache token", "Done"),
];

#[test]
fn run15_every_walk_stays_in_the_picture_and_the_picture_holds_no_more() {
    let halves = std::thread::scope(|scope| {
        let walks = [0, 1].map(|half| scope.spawn(move || walk(half)));
        walks.map(|walk| walk.join().expect("every walk ends well"))
    });
    let mut walked = BTreeMap::new();
    for (edge, times) in halves.into_iter().flatten() {
        *walked.entry(edge).or_insert(0) += times;
    }
    let began = |edge: &(&str, &str)| edge.0 == "start";
    let walks: u32 = walked
        .iter()
        .filter(|(edge, _)| began(edge))
        .map(|(_, times)| times)
        .sum();
    assert!(walks >= 20_000, "{walks} walks");

    let picture: BTreeSet<_> = PICTURE.iter().copied().collect();
    let unknown: Vec<_> = walked
        .iter()
        .filter(|(edge, _)| !picture.contains(edge))
        .collect();
    assert!(unknown.is_empty(), "not in the picture: {unknown:#?}");
    let unseen: Vec<_> = picture
        .iter()
        .filter(|edge| !walked.contains_key(edge))
        .collect();
    assert!(unseen.is_empty(), "nobody walks there: {unseen:#?}");
}

/// The drawing leaves out by-ways, but no step.
#[test]
fn the_documented_picture_names_every_step() {
    let documentation = include_str!("../../src/flow.rs");
    let picture = documentation.split("```").nth(1).expect("the picture");
    let words = |text: &'static str| text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let drawn: BTreeSet<_> = words(picture)
        .filter(|word| {
            let capitals = word.chars().filter(char::is_ascii_uppercase).count();
            (capitals == 2 && word.len() > 3) || ["Pause", "Done"].contains(word)
        })
        .collect();
    let named: BTreeSet<_> = PICTURE
        .iter()
        .flat_map(|(from, to)| [from, to])
        .filter(|name| **name != "start")
        .flat_map(|name| words(name).next())
        .collect();
    assert_eq!(drawn, named);
}

/// Every other world: how often each transition was seen.
fn walk(half: u64) -> BTreeMap<(&'static str, &'static str), u32> {
    let mut walked = BTreeMap::new();
    for number in (half..WORLDS).step_by(2) {
        let mut dice = Lcg(number);
        let mut world = World::new();
        for _ in 0..CLIENTS {
            world.walk(&mut dice, |from, to| {
                *walked.entry((from, to)).or_insert(0) += 1
            });
        }
    }
    walked
}
