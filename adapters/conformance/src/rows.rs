//! The rows, by subject. Each is named after what it shows and the acceptance row it stands for.

mod binding;
mod child;
mod faults;
mod flights;
mod proxy;
mod rotation;
mod routes;

pub use binding::*;
pub use faults::*;
pub use flights::*;
pub use proxy::*;
pub use rotation::*;
pub use routes::*;

/// Makes a test of each row for a driver.
#[macro_export]
macro_rules! rows {
    ($driver:ty) => {
        $crate::rows!(@each $driver:
            cfg01_bind01_bind02_a_pop_token_is_bound_to_the_certificate_of_the_handshake
            imp01_a_pair_moves_the_request_to_mtls_and_the_token_stays_bearer
            imp02_an_assertion_alone_stays_on_plain_tls_and_shows_no_certificate
            imp03_a_pair_and_pop
            imp30_send_over_mtls_presents_and_signs
            sni01_a_plain_certificate_signs_and_is_not_presented
            sni01_an_rsa_certificate_signs_too
            a_secret_gets_a_token
            two_legs_hand_the_first_token_on_as_a_bound_assertion
            bind03_to_bind07_the_resource_takes_the_token_over_its_own_certificate_only
            cfg08_a_key_that_only_signs_serves_for_everything
            cfg06_a_certificate_without_its_key_does_not_build
            imp05_imp06_without_a_region_nobody_connects
            imp08_req01_without_a_region_the_global_host_serves_if_the_policy_allows_it
            imp26_route16_route17_a_refused_host_is_never_connected_to
            idp01_imp10_dsts_keeps_its_host
            route03_the_region_comes_from_the_metadata_service
            imp09_a_region_that_is_not_found_never_means_plain
            imp11_a_hit_asks_nobody
            run01_a_hundred_cold_callers_make_one_request
            run03_whoever_waited_for_a_failure_gets_it
            run05_a_stalled_key_delays_no_other
            run06_a_token_that_gets_old_is_renewed_once
            http01_a_proxy_of_the_environment_is_used_for_entra_alone
            http02_one_certificate_one_connection
            http03_a_thousand_rotations_over_tls12_show_the_new_certificate_each_time
            http03_a_thousand_rotations_over_tls13_show_the_new_certificate_each_time
            imp20_a_provider_that_rotates_on_every_call_never_produces_a_mixed_pair
            cache03_two_certificates_in_turn_make_two_requests
            run11_a_server_error_is_tried_once_more
            sec03_redirects_are_not_followed
            sec04_answers_that_are_no_token_are_refused
            sec10_a_server_that_can_not_prove_its_name_gets_nothing
            sec11_a_server_that_never_asks_for_the_certificate_gets_nothing
            sec12_a_refused_certificate_is_named
            http07_an_endpoint_that_stalls_is_given_up_in_time
            imp23_imp24_a_provider_that_fails_hangs_or_panics_ends_its_own_request_only
            imp28_a_mismatch_is_reported_and_not_repeated
            plat03_both_versions_of_tls_are_spoken
            sec01_no_secret_in_any_event_or_error
        );
        $crate::fault_rows!($driver);
    };
    (@each $driver:ty: $($row:ident)*) => {
        $(
            #[test]
            fn $row() {
                $crate::rows::$row::<$driver>();
            }
        )*
    };
}
