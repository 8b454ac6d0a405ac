//! The explanation for people: a screen of it.

use super::afterwards::whose;
use super::played::{Party, Scene};
use super::sent::Field;
use super::{Explanation, Told, region};
use crate::console::wrapped;
use crate::options::{advice, what};

/// How far the names of facts are padded.
const NAME: usize = 13;

struct Text {
    out: String,
    width: usize,
}

impl Text {
    fn line(&mut self, begin: &str, text: &str) {
        let indented = begin.len() - begin.trim_start().len();
        let further = begin.chars().count() - indented;
        let line = wrapped(&format!("{begin}{text}"), further, self.width);
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn fact(&mut self, name: &str, text: &str) {
        self.line(&format!("  {name:<NAME$}"), text);
    }

    fn head(&mut self, text: &str) {
        self.out.push_str(&format!("\n{text}\n"));
    }
}

pub(super) fn text(explanation: &Explanation, width: usize) -> String {
    let mut text = Text {
        out: format!("{}\n\n", explanation.title()),
        width,
    };
    if let Some(error) = &explanation.error {
        text.fact("error", error.code());
        text.fact("what", &what(error));
        text.fact("fault", whose(error.fault()));
        text.fact("what to do", advice(error));
    }
    text.fact("credential", &explanation.credential);
    text.fact("for", &explanation.grant);
    if let Some(told) = &explanation.told {
        facts(&mut text, told);
    }
    for note in &explanation.notes {
        text.fact("note", note);
    }
    if let Some(told) = &explanation.told {
        text.head("Steps");
        for (place, scene) in told.played.scenes.iter().enumerate() {
            step(&mut text, place + 1, scene);
        }
    }
    text.head("Why (rules of the design)");
    for fired in explanation.rules() {
        text.line(&format!("  {:>2}  ", fired.rule), &fired.says);
    }
    if let Some(told) = explanation
        .told
        .as_ref()
        .filter(|told| !told.afterwards.is_empty())
    {
        text.head("If");
        let longest = told.afterwards.iter().map(|different| different.when.len());
        let longest = longest.max().unwrap_or_default();
        for different in &told.afterwards {
            let begin = format!("  {:<longest$}  ", different.when);
            text.line(&begin, &different.then);
        }
    }
    text.out
}

fn facts(text: &mut Text, told: &Told) {
    if let Some(sent) = told.played.sent.first() {
        text.fact("endpoint", &format!("POST {}", sent.url));
        let over = match &sent.certificate {
            Some(certificate) => format!("mutual TLS with {certificate}"),
            None => "plain TLS".to_owned(),
        };
        text.fact("transport", &over);
    }
    if let Some(region) = region(told) {
        text.fact("region", &region);
    }
    if let Some(sent) = told.played.sent.first() {
        for (place, (name, field)) in sent.fields.iter().enumerate() {
            let value = match field {
                Field::Shown(value) => value.clone(),
                Field::Hidden(what) => format!("[{what}]"),
            };
            let title = if place == 0 { "body" } else { "" };
            text.fact(title, &format!("{name}={value}"));
        }
    }
    if let Some(key) = &told.played.key {
        let parts: Vec<_> = key
            .parts()
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        text.fact("cache key", &parts.join(" "));
    }
}

fn step(text: &mut Text, number: usize, scene: &Scene) {
    let to = if scene.to == Party::Core {
        "(itself)"
    } else {
        scene.to.as_str()
    };
    let mut says = scene.asks.clone();
    // The endpoint is among the facts already.
    let is_known = ["SendRequest", "ObtainAssertion"].contains(&scene.step);
    if let Some(detail) = scene.detail.as_ref().filter(|_| !is_known) {
        says = format!("{says} {detail}");
    }
    if let Some(answer) = &scene.answer {
        says = format!("{says} → {answer}");
    }
    let begin = format!("  {number:>2}  {:<17} {to:<12}", scene.step);
    text.line(&begin, &says);
}
