//! `entra-token`: the command-line program of entra-proto.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod acquire;
mod console;
mod demo;
mod doctor;
mod emulator;
mod explain;
mod options;
mod outside;
mod replay;

/// Acquires Microsoft Entra access tokens for clients that are bound to a certificate, and shows how that works.
#[derive(Debug, Parser)]
#[command(name = "entra-token", version, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Acquire(Box<acquire::Acquire>),
    Explain(Box<explain::Explain>),
    Doctor(Box<doctor::Doctor>),
    Emulator(emulator::EmulatorArgs),
    /// Run scenario files against the engine, without a network
    Replay(replay::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Demo(demo) => block_on(demo.run()),
        Command::Acquire(acquire) => block_on(acquire.run()),
        Command::Doctor(doctor) => block_on(doctor.run()),
        Command::Explain(explain) => explain.run(),
        Command::Emulator(emulator) => emulator.run(),
        Command::Replay(arguments) => replay::run(&arguments),
    }
}

fn block_on(future: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => {
            let code = runtime.block_on(future);
            // Whatever still blocks, such as a slow name server, keeps nobody waiting.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            console::complain(format_args!("error: no runtime: {error}"));
            ExitCode::from(2)
        }
    }
}
