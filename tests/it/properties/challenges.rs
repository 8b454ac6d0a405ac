//! `WWW-Authenticate`: challenges in one field or in many.

use entra_proto::testing::challenge_fields;
use entra_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::cases;

fn found(fields: &[String]) -> Result<Option<ClaimsChallenge>, Error> {
    ClaimsChallenge::find(fields.iter().map(String::as_str))
}

proptest! {
    #![proptest_config(cases(512))]

    /// I29, RFC 9110 §5.3: several fields mean what one means with their values in a list, wherever it is cut.
    #[test]
    fn i29_challenges_mean_the_same_in_one_field_and_in_many(
        fields in vec(challenge_fields(), 1..5),
        cuts in vec(any::<bool>(), 4),
    ) {
        // What follows a value that is none is another matter: nobody knows where that one ends.
        prop_assume!(fields.iter().all(|field| found(std::slice::from_ref(field)).is_ok()));
        let apart = found(&fields);
        prop_assert!(apart.is_ok());
        let mut pieces: Vec<String> = Vec::new();
        for (field, cut) in fields.iter().zip(cuts.iter().chain([&true])) {
            match pieces.last_mut().filter(|_| !cut) {
                Some(last) => {
                    last.push_str(", ");
                    last.push_str(field);
                }
                None => pieces.push(field.clone()),
            }
        }
        let first = |found: Result<Option<ClaimsChallenge>, Error>| {
            found.map(|found| found.map(|found| (found.claims().to_owned(), found.token_type())))
        };
        prop_assert_eq!(first(found(&pieces)), first(found(&fields)));
        prop_assert_eq!(first(found(&[fields.join(", ")])), first(apart));
    }
}
