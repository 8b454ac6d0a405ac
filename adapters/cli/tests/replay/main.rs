//! `entra-token replay` as a user runs it: the scenarios of this repository, files that are none, and expectations that are wrong.

mod invalid;
mod wrong;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// What the program printed, and how it ended.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn replay(arguments: &[&Path]) -> Result<Run, std::io::Error> {
    let output = Command::new(env!("CARGO_BIN_EXE_entra-token"))
        .arg("replay")
        .args(arguments)
        .output()?;
    Ok(Run {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios")
}

/// A folder of this test's own, empty.
fn folder(test: &str) -> Result<PathBuf, std::io::Error> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-{test}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A pair on a miss and on a hit: a good scenario to make bad ones of.
fn good() -> Result<Value, Box<dyn std::error::Error>> {
    let path = scenarios().join("implicit-mtls/certificate-moves-to-mtls.json");
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// Runs the good scenario with a change, and gives the line about it.
fn changed(test: &str, change: impl FnOnce(&mut Value)) -> Result<Run, Box<dyn std::error::Error>> {
    let mut scenario = good()?;
    change(&mut scenario);
    let path = folder(test)?.join("changed.json");
    fs::write(&path, scenario.to_string())?;
    Ok(replay(&[&path])?)
}

fn set(scenario: &mut Value, pointer: &str, value: Value) {
    if let Some(place) = scenario.pointer_mut(pointer) {
        *place = value;
    }
}

fn put(scenario: &mut Value, pointer: &str, name: &str, value: Value) {
    if let Some(Value::Object(members)) = scenario.pointer_mut(pointer) {
        members.insert(name.to_owned(), value);
    }
}

fn script(scenario: &mut Value, change: impl FnOnce(&mut Vec<Value>)) {
    if let Some(Value::Array(entries)) = scenario.pointer_mut("/script") {
        change(entries);
    }
}

/// A change of a scenario by name, and what the line about it must say.
type Change = (&'static str, fn(&mut Value), &'static [&'static str]);

/// All rows of the acceptance list that a scenario can show: IMP, ROUTE, IDP, CFG, REQ, SNI, CACHE, RUN, SEC.
#[test]
fn imp_route_idp_cfg_req_sni_cache_run_sec_every_scenario_passes() -> Outcome {
    let run = replay(&[&scenarios()])?;
    let failed: Vec<&str> = run
        .out
        .lines()
        .filter(|line| !line.starts_with("ok "))
        .collect();
    let passed = run.out.lines().count().saturating_sub(1);
    assert!(passed >= 240, "only {passed} scenarios");
    assert_eq!(failed, [format!("{passed} passed, 0 failed")]);
    assert_eq!(run.code, Some(0));
    Ok(())
}

#[test]
fn every_scenario_says_why_and_no_two_share_a_name() -> Outcome {
    let mut folders = vec![scenarios()];
    let mut names = std::collections::BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json") {
                let scenario: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
                let why = scenario["why"].as_str().unwrap_or_default();
                assert!(why.len() > 10, "{}: why?", path.display());
                let name = scenario["name"].to_string();
                assert!(names.insert(name), "{}: its name is taken", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn the_trace_is_one_json_object_a_line_and_the_same_every_time() -> Outcome {
    let path = scenarios().join("retry/500-twice.json");
    let traced = || replay(&[Path::new("--trace"), &path]);
    let (first, second) = (traced()?, traced()?);
    assert_eq!(first.out, second.out);
    let mut lines: Vec<&str> = first.out.lines().collect();
    assert_eq!(lines.pop(), Some("1 passed, 0 failed"));
    assert!(lines.pop().is_some_and(|line| line.starts_with("ok ")));
    let (mut inputs, mut outputs) = (0, 0);
    for line in lines {
        let object: Value = serde_json::from_str(line)?;
        inputs += u8::from(object.get("in").is_some());
        outputs += u8::from(object.get("out").is_some());
    }
    // acquire, signature, response, advance, signature, response; and what each of them led to.
    assert_eq!((inputs, outputs), (6, 6));
    Ok(())
}

#[test]
fn a_path_that_does_not_exist_and_no_path_at_all_are_usage_errors() -> Outcome {
    let run = replay(&[&scenarios().join("nowhere.json")])?;
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(run.err.contains("nowhere.json"));
    assert_eq!(replay(&[])?.code, Some(2));
    assert_eq!(replay(&[Path::new("--trase"), &scenarios()])?.code, Some(2));
    Ok(())
}

#[test]
fn a_folder_without_scenarios_is_a_failure() -> Outcome {
    let folder = folder("empty")?;
    fs::write(folder.join("notes.txt"), "{}")?;
    let run = replay(&[&folder])?;
    assert_eq!(run.code, Some(1));
    assert!(run.out.ends_with("0 passed, 1 failed\n"), "{}", run.out);
    Ok(())
}

#[test]
fn a_bad_file_is_counted_beside_good_ones() -> Outcome {
    let folder = folder("beside")?;
    fs::create_dir(folder.join("deeper"))?;
    fs::write(folder.join("a.json"), good()?.to_string())?;
    fs::write(folder.join("deeper/b.json"), "{")?;
    let run = replay(&[&folder])?;
    assert_eq!(run.code, Some(1));
    assert!(run.out.starts_with("ok implicit mTLS"), "{}", run.out);
    assert!(run.out.contains("FAILED ") && run.out.contains("b.json: "));
    assert!(run.out.ends_with("1 passed, 1 failed\n"), "{}", run.out);
    Ok(())
}

#[test]
fn any_build_error_serves_where_the_code_is_a_star() -> Outcome {
    let path = scenarios().join("region/host-injection-refused.json");
    let mut scenario: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    put(&mut scenario, "", "expect_build_error", json!("*"));
    let path = folder("star")?.join("changed.json");
    fs::write(&path, scenario.to_string())?;
    assert_eq!(replay(&[&path])?.code, Some(0));
    Ok(())
}
