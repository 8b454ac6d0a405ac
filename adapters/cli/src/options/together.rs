//! Options that go together.

use super::failed::Failed;

/// An option that would do nothing is a mistake. clap's `requires` does not see it where another of a group is given: that one
/// conflicts with what is required, and so waives it.
pub(crate) fn goes_with(given: bool, option: &str, fits: bool, with: &str) -> Result<(), Failed> {
    if given && !fits {
        return Err(Failed::usage(format_args!(
            "{option} goes with {with} only"
        )));
    }
    Ok(())
}
