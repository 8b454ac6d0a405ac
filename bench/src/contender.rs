//! Contenders of a race, each in a process of its own: what one of them holds, and the memory that it left in pieces when it was made, is
//! no part of what another takes. They still take turns.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::sampler::Subject;

/// A subject in another process.
#[derive(Debug)]
pub struct Contender {
    process: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Contender {
    /// Starts one; it is made while others are.
    ///
    /// # Errors
    /// If the program can't be started.
    pub fn start(program: &Path, name: &str, entries: usize) -> io::Result<Self> {
        let mut process = Command::new(program)
            .args(["contend", name, &entries.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(asked), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Self {
            process,
            asked,
            answers: BufReader::new(answers),
        })
    }

    fn ask(&mut self, times: u64) -> io::Result<Duration> {
        writeln!(self.asked, "{times}")?;
        self.asked.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let nanoseconds = answer.trim().parse();
        nanoseconds
            .map(Duration::from_nanos)
            .map_err(io::Error::other)
    }
}

impl Subject for Contender {
    fn run(&mut self, times: u64) {
        self.timed(times);
    }

    /// As the other process measured it, without the way there and back.
    ///
    /// # Panics
    /// If the process has ended.
    fn timed(&mut self, times: u64) -> Duration {
        self.ask(times).expect("a contender that answers")
    }
}

impl Drop for Contender {
    fn drop(&mut self) {
        // Without waiting for it to let go of what it holds, which is much.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Does what it is asked for, line by line: how many times on the one side, how many nanoseconds on the other.
///
/// # Errors
/// If nobody reads the answers, or the question is not a number.
pub fn contend(subject: &mut dyn Subject) -> io::Result<()> {
    for line in io::stdin().lines() {
        let times = line?.trim().parse().map_err(io::Error::other)?;
        println!("{}", subject.timed(times).as_nanos());
    }
    Ok(())
}

/// Those of one race.
pub type Contenders = Vec<Box<dyn Subject>>;

/// Starts one of each name, of this very program.
///
/// # Errors
/// If it can't be started.
pub fn contenders(names: &[&str], entries: usize) -> io::Result<Contenders> {
    let program = std::env::current_exe()?;
    let started = names.iter().map(|name| {
        let contender = Contender::start(&program, name, entries)?;
        Ok(Box::new(contender) as Box<dyn Subject>)
    });
    started.collect()
}
