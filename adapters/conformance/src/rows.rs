//! The rows, by subject. Each is named after what it shows and the acceptance row it stands for.

mod attempts;
mod binding;
mod bound;
mod child;
mod faults;
mod flights;
mod held;
mod portable;
mod probe;
mod proxy;
mod resource;
mod rotation;
mod routes;
pub(crate) mod secrets;
mod sources;
mod transport;
mod users;

pub use attempts::*;
pub use binding::*;
pub use bound::*;
pub use faults::*;
pub use flights::*;
pub use held::*;
pub use portable::*;
pub use probe::*;
pub use proxy::*;
pub use resource::*;
pub use rotation::*;
pub use routes::*;
pub use secrets::*;
pub use sources::*;
pub use transport::*;
pub use users::*;

/// Makes a test of each row for a driver.
#[macro_export]
macro_rules! rows {
    ($driver:ty) => {
        $crate::rows!(@each $driver:
            cfg01_req02_req04_bind01_bind02_a_pop_token_names_the_certificate_shown
            imp01_a_pair_moves_the_request_to_mtls_and_the_token_stays_bearer
            imp02_an_assertion_alone_stays_on_plain_tls_and_shows_no_certificate
            imp03_cfg02_req03_bind01_bind02_a_pair_and_pop
            imp30_send_over_mtls_presents_and_signs
            sni01_a_plain_certificate_signs_and_is_not_presented
            sni01_an_rsa_certificate_signs_too
            a_secret_gets_a_token
            two_legs_hand_the_first_token_on_as_a_bound_assertion
            bind03_bind07_plat02_the_resource_takes_the_token_over_its_own_certificate
            bind04_to_bind06_the_resource_refuses_the_token_in_any_other_way
            cache02_a_certificate_renewed_with_its_old_key_gets_a_token_of_its_own
            http04_many_at_once_with_one_certificate_get_equal_results
            http05_many_at_once_with_different_certificates_mix_nothing
            cfg08_a_key_that_only_signs_serves_for_everything
            cfg06_a_certificate_without_its_key_does_not_build
            imp05_imp06_without_a_region_nobody_connects
            imp08_req01_without_a_region_the_global_host_serves_if_the_policy_allows_it
            imp26_route16_route17_a_refused_host_is_never_connected_to
            idp01_imp10_dsts_keeps_its_host
            route03_the_region_comes_from_the_metadata_service
            imp09_a_region_that_is_not_found_never_means_plain
            imp11_a_hit_asks_nobody
            run01_i22_ten_thousand_cold_callers_make_one_request
            run03_i25_whoever_waited_for_a_failure_gets_it
            run05_i24_a_stalled_key_delays_no_other
            run05_a_provider_that_takes_its_time_delays_nobody_else
            run06_a_token_that_gets_old_is_renewed_once
            run07_a_renewal_that_was_refused_is_not_repeated_at_once
            run17_a_held_source_answers_without_a_step
            run17_a_held_token_is_never_served_too_close_to_its_end
            run18_what_answers_a_challenge_takes_the_place_of_what_is_held
            run18_what_is_imported_takes_the_place_of_what_is_held
            run18_a_bound_token_follows_the_certificate_of_its_provider
            run18_nothing_is_held_for_a_request_that_bypasses_the_cache
            http02_a_thousand_requests_with_one_certificate_share_one_pool
            http01_a_proxy_of_the_environment_is_used_for_entra_alone
            http03_a_thousand_rotations_over_tls12_show_the_new_certificate_each_time
            http03_a_thousand_rotations_over_tls13_show_the_new_certificate_each_time
            http03_a_second_connection_of_one_certificate_is_not_resumed
            imp20_a_provider_that_rotates_on_every_call_never_produces_a_mixed_pair
            cache03_two_certificates_in_turn_make_two_requests
            run11_a_server_error_is_tried_once_more
            sec03_redirects_are_not_followed
            sec04_answers_that_are_no_token_are_refused
            sec10_i12_a_server_that_can_not_prove_its_name_gets_nothing
            sec11_i12_a_server_that_never_asks_for_the_certificate_gets_nothing
            sec12_a_refused_certificate_is_named
            http07_an_endpoint_that_stalls_is_given_up_in_time
            imp23_imp24_a_provider_that_fails_hangs_or_panics_ends_its_own_request_only
            imp28_a_mismatch_is_reported_and_not_repeated
            plat03_both_versions_of_tls_are_spoken
            imp21_the_second_attempt_takes_the_second_pair_whole
            run03_whoever_waited_for_a_throttled_leader_sends_nothing
            run11_a_request_timeout_is_tried_once_more
            run11_a_refused_connection_is_tried_once_more
            run04_http06_a_caller_that_is_torn_away_gives_its_turn_to_the_next
            imp24_a_provider_that_asks_its_own_client_ends_in_time
            http01_a_proxy_is_for_entra_and_never_for_the_metadata_service
            sec10_plat03_i12_a_server_of_tls11_gets_nothing
            plat03_bind03_the_resource_is_called_over_both_versions_of_tls
            run16_the_steps_are_those_of_the_table
            cache06_i31_the_next_client_finds_the_tokens_of_the_one_before
            t25_a_document_that_is_none_changes_nothing
            sec01_no_secret_in_any_event_or_error
            imp01_on_behalf_of_a_user_over_mtls
            imp01_a_code_and_its_account_over_mtls
            imp01_a_refresh_token_over_mtls
            imp02_users_over_plain_tls
            user_fic_goes_over_plain_tls_only
            src01_a_workload_gets_its_tokens_across_rotations
            src01_src02_no_call_fails_while_the_file_is_written
            src02_half_an_assertion_and_an_expired_one_are_not_sent
            src03_a_command_prints_a_jwt_or_a_pair
            src03_a_command_that_goes_wrong_ends_its_own_request_only
            src03_sec01_what_a_command_writes_to_standard_error_goes_nowhere
            src04_each_host_is_asked_in_its_own_way
            src04_the_token_of_the_metadata_service_is_the_assertion
            src04_an_identity_that_a_host_has_not_is_refused_at_once
            src04_service_fabric_is_known_by_its_certificate_alone
            src05_the_key_of_azure_arc_goes_to_the_agent_alone
            src06_an_endpoint_that_can_not_answer_is_asked_three_times
            src06_sec03_sec04_other_answers_are_errors_that_say_nothing_of_them
            src06_no_proxy_is_asked_for_an_identity
            src07_two_legs_are_one_pair_under_one_correlation_id
            src07_a_first_leg_that_fails_is_a_provider_that_fails
            src08_a_renewed_certificate_is_picked_up
            src08_pkcs12_of_before_is_read_and_a_wrong_password_is_an_error
            src08_half_a_pair_is_never_used
            src08_no_call_fails_while_the_folder_is_renewed
            src09_cfg08_a_key_in_a_token_shakes_hands_and_signs
            res01_bind03_a_token_goes_out_in_its_own_scheme_and_over_its_own_certificate
            res01_a_vault_is_told_that_the_token_is_bound
            res02_no_other_host_gets_the_token
            res03_a_claims_challenge_is_answered_once
            res03_what_can_not_be_answered_is_the_callers
            a_question_reaches_a_host_over_tls_and_the_metadata_service_without
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
