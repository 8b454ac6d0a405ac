//! `entra-token acquire`, `explain`, `doctor` and `emulator` as a user runs them: the emulator as one process, and against it the program as others.
//!
//! | module | what it shows |
//! |---|---|
//! | `program` | the processes: an emulator with its files, a run, a token's claims |
//! | `world` | an emulator in this process, whose records can be read |
//! | `credentials`, `sources` | every credential, and where services have theirs |
//! | `regions` | where mutual TLS goes |
//! | `users`, `requests` | every grant; every other thing that a request may say |
//! | `output` | what is printed of a token |
//! | `refused`, `usage` | errors, with exit codes 1 and 2 |
//! | `readme` | what the README says of codes and options |
//! | `secrets`, `onlookers` | what is never printed, nor seen by other processes |
//! | `explain`, `explained`, `doctor`, `reachable` | what is told before anything is sent, held against what is sent then |
//! | `emulator` | the server: files, hints, refusals |

mod credentials;
mod doctor;
mod emulator;
mod explain;
mod explained;
#[cfg(target_os = "linux")]
mod onlookers;
mod output;
mod program;
mod reachable;
mod readme;
mod refused;
mod regions;
mod requests;
mod secrets;
mod sources;
mod usage;
mod users;
mod world;

type Outcome = Result<(), Box<dyn std::error::Error>>;
