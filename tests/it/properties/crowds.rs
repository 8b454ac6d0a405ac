//! Many flows over one memory, in any order, answered well or badly or given up: one flight for each key.

use std::collections::BTreeMap;

use entra_proto::testing::failures;
use entra_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{cases, secret_client};
use crate::script::{answer, granting};
use crate::turns::{Crowd, Number};

/// What happens to one of those who are there, by its place among them.
#[derive(Clone, Debug)]
enum Event {
    /// Somebody more comes, for one of a few keys.
    Join(usize),
    Grant(usize),
    Refuse(usize),
    Fail(usize, Failure),
    GiveUp(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let place = || 0..64_usize;
    let event = prop_oneof![
        8 => (0..3_usize).prop_map(Event::Join),
        3 => place().prop_map(Event::Grant),
        2 => place().prop_map(Event::Refuse),
        1 => (place(), failures()).prop_map(|(place, failure)| Event::Fail(place, failure)),
        3 => place().prop_map(Event::GiveUp),
    ];
    vec(event, 1..48)
}

fn nth(numbers: impl IntoIterator<Item = Number>, place: usize) -> Option<Number> {
    let numbers: Vec<Number> = numbers.into_iter().collect();
    place.checked_rem(numbers.len()).map(|place| numbers[place])
}

proptest! {
    #![proptest_config(cases(512))]

    /// I22: one request in flight for each key. I23: whoever gives up takes nobody along. I24: what is remembered under another
    /// key is had at once. I25: a leader's failure is that of all who waited, without a request of theirs, and whoever comes then
    /// begins anew.
    #[test]
    fn i22_i23_i24_i25_one_flight_for_each_key_whoever_fails_or_gives_up(events in events()) {
        let client = secret_client();
        let plans: Vec<Plan> = ["a", "b", "c"]
            .map(|scope| TokenRequest::for_app([scope]).plan(&client).expect("a plan"))
            .into();
        let mut crowd = Crowd::new();
        let mut keys: Vec<usize> = Vec::new();
        let mut gone: Vec<Number> = Vec::new();
        let mut granted = [false; 3];
        for event in events {
            let open = |crowd: &Crowd, gone: &[Number]| -> Vec<Number> {
                (0..crowd.flows.len()).filter(|number| !crowd.is_over(*number) && !gone.contains(number)).collect()
            };
            match event {
                Event::Join(key) => {
                    let before = crowd.sent.len();
                    let number = crowd.join(&plans[key]);
                    keys.push(key);
                    if granted[key] {
                        prop_assert!(crowd.is_over(number), "a hit waits for nobody");
                        prop_assert_eq!(crowd.token(number).source(), TokenSource::Cache);
                        prop_assert_eq!(crowd.sent.len(), before);
                    }
                }
                Event::GiveUp(place) => {
                    let Some(number) = nth(open(&crowd, &gone), place) else { continue };
                    crowd.give_up(number);
                    gone.push(number);
                }
                Event::Grant(place) => {
                    let Some(number) = nth(crowd.outside.clone(), place) else { continue };
                    crowd.answer(number, granting("Bearer", &format!("CANARY-{number}"), ",\"expires_in\":3600"));
                    granted[keys[number]] = true;
                    for waiting in 0..crowd.flows.len() {
                        let waited = keys[waiting] == keys[number] && !gone.contains(&waiting);
                        prop_assert!(!waited || crowd.is_over(waiting));
                    }
                }
                Event::Refuse(_) | Event::Fail(..) => {
                    let (place, refused) = match event {
                        Event::Fail(place, failure) => (place, Err(failure)),
                        Event::Refuse(place) | Event::GiveUp(place) | Event::Grant(place) | Event::Join(place) => {
                            (place, answer(400, r#"{"error":"invalid_scope"}"#))
                        }
                    };
                    let Some(number) = nth(crowd.outside.clone(), place) else { continue };
                    let waiting: Vec<Number> = open(&crowd, &gone).into_iter().filter(|other| keys[*other] == keys[number]).collect();
                    let before = crowd.sent.len();
                    crowd.answer(number, refused.clone());
                    if !crowd.is_over(number) {
                        // It may pass: the second attempt meets the same.
                        prop_assert_eq!(crowd.sent.len(), before + 1);
                        crowd.answer(number, refused);
                    }
                    let error = crowd.result(number).as_ref().expect_err("it failed").clone();
                    for other in waiting {
                        prop_assert!(crowd.is_over(other), "woken at once");
                        prop_assert_eq!(crowd.result(other).as_ref().expect_err("its leader's"), &error);
                    }
                    prop_assert!(crowd.sent.len() <= before + 1);
                    prop_assert!(crowd.outside.iter().all(|other| keys[*other] != keys[number]));
                }
            }
            let mut flying: BTreeMap<usize, usize> = BTreeMap::new();
            for number in &crowd.outside {
                *flying.entry(keys[*number]).or_default() += 1;
            }
            prop_assert!(flying.values().all(|count| *count == 1), "{:?}", flying);
            // Nobody waits for nobody.
            for number in open(&crowd, &gone) {
                prop_assert!(flying.contains_key(&keys[number]), "{} waits for ever", number);
            }
        }
        crowd.grant_all(&answer(404, ""));
        for number in 0..crowd.flows.len() {
            prop_assert!(crowd.is_over(number) || gone.contains(&number));
        }
        prop_assert!(crowd.queues.is_empty(), "every key is free");
    }
}
