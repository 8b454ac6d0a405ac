//! A fleet of ten processes, small enough to say beforehand how many requests it makes.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Twenty tenants, each asked for by three callers every twenty seconds.
fn small(minutes: u32) -> Fleet {
    Fleet {
        processes: 10,
        tenants: 2,
        period: 20 * SECOND,
        retry_after: 60,
        lasts: minutes * 60 * SECOND,
        begins_within: Duration::ZERO,
        rotation: None,
        outage: None,
        ..Fleet::LARGE
    }
}

fn requests(fleet: &Fleet, measures: Measures) -> u64 {
    simulate(fleet, measures, 7).requests()
}

#[test]
fn each_tenant_is_fetched_once_by_all_its_callers_or_once_by_each() {
    let fleet = small(5);
    assert_eq!(requests(&fleet, Measures::ALL), 20);
    assert_eq!(requests(&fleet, Measures::NONE), 20 * 3);
    // Five minutes have fifteen periods.
    let load = simulate(&fleet, Measures::ALL, 7);
    assert_eq!((load.served, load.failed), (20 * 3 * 15, 0));
    assert!(load.seconds[..21].iter().sum::<u32>() == 20);
}

#[test]
fn each_token_is_renewed_once_and_with_chance_not_all_at_a_time() {
    // Renewal is due after 30 minutes, or up to three more.
    let fleet = small(34);
    let jitter = Measures::ALL;
    let none = Measures {
        jitter: false,
        ..jitter
    };
    assert_eq!(requests(&fleet, jitter), 2 * 20);
    assert_eq!(requests(&fleet, none), 2 * 20);
    let renewals = |measures| {
        let load = simulate(&fleet, measures, 7);
        let due = 30 * 60 * SECOND;
        let begin = load.seconds[due.as_secs() as usize..]
            .iter()
            .position(|requests| *requests > 0);
        let end = load.seconds.iter().rposition(|requests| *requests > 0);
        end.unwrap() - begin.unwrap() - due.as_secs() as usize
    };
    // Without chance they come as the first ones came: within a period, and one more since they are due in its midst.
    assert!(renewals(none) <= 40, "{}", renewals(none));
    assert!(renewals(jitter) > 80, "{}", renewals(jitter));
}

#[test]
fn a_new_certificate_has_every_token_fetched_anew() {
    let mut fleet = small(5);
    fleet.rotation = Some((120 * SECOND, 60 * SECOND));
    assert_eq!(requests(&fleet, Measures::ALL), 2 * 20);
}

#[test]
fn a_service_that_asks_to_be_left_alone_is_left_alone() {
    let mut fleet = small(5);
    fleet.outage = Some((Duration::ZERO, fleet.lasts));
    let throttled = Measures::ALL;
    let not = Measures {
        throttling: false,
        ..throttled
    };
    // The first period, and then every fourth: what is said after a tenth of a second holds for a minute.
    let load = simulate(&fleet, throttled, 7);
    assert_eq!((load.requests(), load.refused), (20 * 4, 20 * 4));
    assert_eq!((load.served, load.failed), (0, 20 * 3 * 15));
    assert_eq!(requests(&fleet, not), 20 * 15);
    assert_eq!(requests(&fleet, Measures::NONE), 20 * 15 * 3);
}

#[test]
fn the_same_seed_brings_the_same_load_and_another_another() {
    let mut fleet = small(40);
    fleet.begins_within = 60 * SECOND;
    fleet.outage = Some((10 * SECOND, 70 * SECOND));
    let load = simulate(&fleet, Measures::ALL, 7);
    assert_eq!(load, simulate(&fleet, Measures::ALL, 7));
    assert_ne!(load, simulate(&fleet, Measures::ALL, 8));
    assert!(load.served > load.failed && load.failed > 0 && load.refused > 0);
}

#[test]
fn the_peak_of_a_span_is_that_of_its_seconds() {
    let load = Load {
        seconds: vec![1, 5, 2, 9],
        ..Load::default()
    };
    assert_eq!(load.peak(Duration::ZERO, 3 * SECOND), 5);
    assert_eq!(load.peak(2 * SECOND, 100 * SECOND), 9);
    assert_eq!(
        (load.peak(9 * SECOND, 10 * SECOND), load.requests()),
        (0, 17)
    );
}
