//! While the program holds secrets, other processes of the same user should not look on (CWE-214, CWE-528).
//!
//! Best effort: where the system has no such switch, or a sandbox forbids it, the program still does its job.

/// No core dump, and no reading of this process's memory and environment by others that have no privilege to do so.
pub(crate) fn keep_others_out() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        let _ = setrlimit(Resource::Core, none);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
