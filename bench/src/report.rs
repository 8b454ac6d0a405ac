//! All figures in one run, each with its bound, written to `docs/PERFORMANCE.md` with the plots beside it.

mod cached;
mod held;
mod machine;
mod misses;
mod network;
mod plot;
mod simulated;
mod table;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::contender::{Contenders, contenders};
use crate::counts::{self, Counted};
use crate::fleet::Fleet;
use crate::measure::Moment;
use crate::sampler::{Effort, Sampled, race};
use plot::Plot;
use table::Section;

/// How much is done.
struct Scale {
    quick: bool,
    effort: Effort,
    /// Batches of what takes milliseconds.
    slow: Effort,
    /// Makes the contenders of a race, in processes of their own, and in how many each.
    contenders: fn(&[&str], usize) -> io::Result<Contenders>,
    processes: usize,
    /// Numbers of entries, from 1 on; bounds are about the first, this one and the last.
    entries: &'static [usize],
    middle: usize,
    threads: usize,
    callers: &'static [usize],
    stall: Duration,
    tenants: usize,
    mebibytes: usize,
    rotations: usize,
    fleet: Fleet,
}

impl Scale {
    const FULL: Self = Self {
        quick: false,
        effort: Effort::FULL,
        slow: Effort {
            samples: 41,
            batch: Duration::from_millis(20),
        },
        contenders,
        processes: 3,
        entries: &[1, 10, 100, 1_000, 10_000, 100_000],
        middle: 1_000,
        threads: 4,
        callers: &[1, 10, 100, 1_000, 10_000],
        stall: Duration::from_secs(3),
        tenants: 1_000_000,
        mebibytes: 64,
        rotations: 5_000,
        fleet: Fleet::LARGE,
    };

    const QUICK: Self = Self {
        quick: true,
        effort: Effort::QUICK,
        slow: Effort::QUICK,
        contenders,
        processes: 1,
        entries: &[1, 10, 1_000],
        middle: 10,
        threads: 2,
        callers: &[1, 10, 100],
        stall: Duration::from_millis(200),
        tenants: 10_000,
        mebibytes: 4,
        rotations: 200,
        fleet: Fleet {
            processes: 20,
            ..Fleet::LARGE
        },
    };

    /// The sizes that the bounds are about: the least, one in the middle, the most.
    fn bounded(&self) -> [usize; 3] {
        let last = self.entries.last().copied().unwrap_or(1);
        [1, self.middle, last]
    }
}

/// What the sections share.
struct Run {
    scale: Scale,
    begin: Instant,
    counted: Counted,
    /// Looked at before anything else, since what others have freed stays with the process.
    rotations: Vec<Moment>,
    /// By subject and number of entries.
    instructions: BTreeMap<(&'static str, usize), f64>,
    sections: Vec<Section>,
    plots: Vec<Plot>,
    /// What was not measured, and why.
    skipped: Vec<String>,
}

impl Run {
    fn new(scale: Scale) -> Self {
        Self {
            scale,
            begin: Instant::now(),
            counted: Counted::default(),
            rotations: Vec::new(),
            instructions: BTreeMap::new(),
            sections: Vec::new(),
            plots: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// All sections.
    fn measure(&mut self) {
        self.rotations = held::rotate(self);
        cached::measure(self);
        cached::threads(self);
        misses::measure(self);
        network::crowds(self);
        network::connections(self);
        held::memory(self);
        held::rotations(self);
        simulated::fleet(self);
    }

    fn progress(&self, what: &str) {
        eprintln!("{:7.1} s  {what}", self.begin.elapsed().as_secs_f64());
    }

    /// What calls of these subjects take with so many entries, measured in turns. Where a system has put what a process holds may double
    /// it, whoever's it is: so it is done again in other processes, and that in the middle counts.
    fn raced(&self, names: &[&str], entries: usize) -> Vec<Sampled> {
        let races: Vec<Vec<Sampled>> = (0..self.scale.processes)
            .map(|_| {
                let contenders = (self.scale.contenders)(names, entries);
                let mut contenders = contenders.expect("this program, started once more");
                race(&mut contenders, self.scale.effort)
            })
            .collect();
        let of = |place: usize| races.iter().map(|race| race[place]).collect();
        let middle = |place| Sampled::middle(of(place));
        (0..names.len()).filter_map(middle).collect()
    }

    fn skip(&mut self, why: String) {
        eprintln!("SKIPPED: {why}");
        self.skipped.push(why);
    }

    fn count(&mut self) {
        self.progress("allocations");
        match counts::by_binary(self.scale.quick) {
            Ok(counted) => self.counted = counted,
            Err(why) => self.skip(format!("allocations: {why}")),
        }
        let [one, many, _] = self.scale.bounded();
        let mut wanted: Vec<(&'static str, usize)> =
            vec![("cached", many), ("miss", many), ("azure-cached", many)];
        wanted.extend(crate::subjects::KINDS.iter().map(|kind| (kind.name, one)));
        for (name, entries) in wanted {
            self.progress(&format!("instructions: {name}, {entries}"));
            match counts::instructions(name, entries) {
                Ok(count) => {
                    self.instructions.insert((name, entries), count);
                }
                Err(why) => {
                    self.skip(format!("instructions: {why}"));
                    return;
                }
            }
        }
    }

    fn instructions(&self, name: &'static str, entries: usize) -> Option<f64> {
        self.instructions.get(&(name, entries)).copied()
    }

    fn markdown(&self) -> String {
        let mut text = "# Performance\n\n\
            Written by `cargo run -p entra-bench --release -- report`, all in one run: do not edit. Times are medians of batches in which the\n\
            contenders took turns; a ratio holds within the run, a time only on the machine. Counts of instructions, allocations and requests\n\
            hold anywhere. Instructions are counted by valgrind, under which a processor has no instructions for SHA-256, and which leaves out\n\
            the part of the kernel that tells the time.\n\n"
            .to_owned();
        for line in machine::described() {
            text.push_str(&format!("- {line}\n"));
        }
        if self.scale.quick {
            text.push_str(
                "\n**A quick run, to see that everything works: its times mean nothing.**\n",
            );
        }
        let missed: Vec<String> = self
            .sections
            .iter()
            .flat_map(|section| section.rows.iter().map(move |row| (section, row)))
            .filter(|(_, row)| row.is_missed())
            .map(|(section, row)| format!("- {}: {}\n", section.title, row.name()))
            .collect();
        if missed.is_empty() {
            text.push_str("\nEvery bound is met.\n");
        } else {
            text.push_str(&format!(
                "\nBounds that are not met:\n\n{}",
                missed.concat()
            ));
        }
        for section in &self.sections {
            text.push_str(&format!("\n{}", section.markdown()));
        }
        if !self.skipped.is_empty() {
            text.push_str("\n## Not measured\n\n");
            for why in &self.skipped {
                text.push_str(&format!("- {why}\n"));
            }
        }
        text
    }

    /// Into this folder: the text, and the plots in a folder beside it.
    fn write(&self, docs: &Path) -> Result<(), String> {
        let plots = docs.join("performance");
        fs::create_dir_all(&plots).map_err(|error| error.to_string())?;
        for plot in &self.plots {
            plot.write(&plots)?;
        }
        let file = docs.join("PERFORMANCE.md");
        fs::write(&file, self.markdown()).map_err(|error| error.to_string())?;
        self.progress(&format!("written: {}", file.display()));
        Ok(())
    }
}

/// Takes all figures. A quick run takes fewer of them, and writes into `target/performance`.
///
/// # Errors
/// What can't be written. What can't be measured is said in the report.
pub fn run(quick: bool) -> Result<(), String> {
    let mut run = Run::new(if quick { Scale::QUICK } else { Scale::FULL });
    run.count();
    run.measure();
    let docs = if quick { "target/performance" } else { "docs" };
    run.write(&counts::root().join(docs))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Here, and not in processes: this program is none of the report's.
    fn here(names: &[&str], entries: usize) -> io::Result<Contenders> {
        let make = |name: &&str| crate::subjects::make(name, entries);
        Ok(names.iter().map(make).collect())
    }

    /// Counts are taken by programs of their own, and shown elsewhere.
    #[test]
    fn every_section_is_measured_and_written_with_its_plots() {
        let mut run = Run::new(Scale {
            contenders: here,
            effort: Effort {
                samples: 1,
                batch: Duration::ZERO,
            },
            slow: Effort {
                samples: 1,
                batch: Duration::ZERO,
            },
            entries: &[1, 2, 3],
            middle: 2,
            callers: &[1, 2],
            stall: Duration::from_millis(50),
            rotations: 5,
            fleet: Fleet {
                processes: 1,
                tenants: 2,
                ..Fleet::LARGE
            },
            ..Scale::QUICK
        });
        run.counted.per_entry.push((1_000, 130.5));
        run.instructions.insert(("held", 1), 130.0);
        run.measure();
        let folder = std::env::temp_dir().join(format!("entra-bench-{}", std::process::id()));
        run.write(&folder).unwrap();
        let text = fs::read_to_string(folder.join("PERFORMANCE.md")).unwrap();
        for line in [
            "| held source, 1 entry: instructions | 130 | at most 120 | **no** |  |",
            "| for each of 1,000 entries, without the token's text | 131 B | at most 140 B | yes |  |",
            "| 2 cold callers at once, refused | 1 request, ",
            "versions: entra-proto ",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert_eq!(run.sections.len(), 8);
        for section in &run.sections {
            assert!(!section.text.is_empty() && !section.rows.is_empty());
            for plot in &section.plots {
                assert!(folder.join("performance").join(plot).is_file(), "{plot}");
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
