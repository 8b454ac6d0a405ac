//! The steps as a picture: who asks whom, in SVG that stands in the page itself. Colours are the page's.

use std::fmt::Write;

use super::html::escaped;
use super::played::{Party, Scene};

const WIDTH: i32 = 1_200;
/// Where the first arrow is.
const TOP: i32 = 104;
/// From one arrow to the next.
const ROW: i32 = 32;
/// From one step to the next, besides.
const GAP: i32 = 6;
/// How wide a letter is at most on average, in tenths.
const LETTER: i32 = 66;

/// Where somebody's line is.
const fn place(party: Party) -> i32 {
    match party {
        Party::Application => 96,
        Party::Core => 336,
        Party::Cache => 576,
        Party::Provider => 784,
        Party::Imds => 946,
        Party::Service => 1_108,
    }
}

const fn title(party: Party, service: &str) -> (&str, &'static str) {
    match party {
        Party::Application => ("application", "asks for a token"),
        Party::Core => ("core", "decides"),
        Party::Cache => ("cache", "tokens, notes"),
        Party::Provider => ("provider, signer", "credential"),
        Party::Imds => ("IMDS", "region"),
        Party::Service => (service, "token service"),
    }
}

/// How an arrow is drawn.
#[derive(Clone, Copy)]
struct Arrow<'a> {
    from: Party,
    to: Party,
    label: &'a str,
    class: &'static str,
}

struct Picture {
    svg: String,
    y: i32,
}

pub(super) fn diagram(scenes: &[Scene], asks: &str, service: &str) -> String {
    let mut picture = Picture {
        svg: String::new(),
        y: TOP,
    };
    picture.arrow(Arrow {
        from: Party::Application,
        to: Party::Core,
        label: asks,
        class: "ask",
    });
    for (number, scene) in scenes.iter().enumerate() {
        picture.y += GAP;
        picture.scene(number + 1, scene);
    }
    let height = picture.y + 18;
    let mut lines = String::new();
    for party in Party::ALL {
        let takes_part = matches!(party, Party::Application | Party::Core)
            || scenes.iter().any(|scene| scene.to == party);
        let class = if takes_part { "" } else { " idle" };
        let (x, (name, what)) = (place(party), title(party, service));
        let _ = write!(
            lines,
            "<g class=\"party{class}\"><line x1=\"{x}\" y1=\"58\" x2=\"{x}\" y2=\"{height}\"/>\
             <rect x=\"{}\" y=\"8\" width=\"152\" height=\"50\" rx=\"10\"/>\
             <text x=\"{x}\" y=\"30\" class=\"name\">{name}</text>\
             <text x=\"{x}\" y=\"47\" class=\"what\">{what}</text></g>",
            x - 76
        );
    }
    let heads: String = ["ask", "answer", "mtls", "plain"]
        .iter()
        .map(|class| {
            format!(
                "<marker id=\"head-{class}\" class=\"head {class}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\"><path d=\"M0 0.8 L10 5 L0 9.2 z\"/></marker>"
            )
        })
        .collect();
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"The steps in their order: who asks whom, and the answers\">\
         <defs>{heads}</defs>{lines}{}</svg>",
        height + 8,
        picture.svg
    )
}

impl Picture {
    fn scene(&mut self, number: usize, scene: &Scene) {
        match (scene.step, scene.to) {
            ("Done", _) => self.numbered(
                number,
                Arrow {
                    from: Party::Core,
                    to: Party::Application,
                    label: &scene.asks,
                    class: "answer",
                },
            ),
            (_, Party::Core) => self.itself(number, &scene.asks),
            ("SendRequest", to) => {
                let (over, class) = if scene.is_mtls {
                    ("over mutual TLS", "mtls")
                } else {
                    ("over plain TLS", "plain")
                };
                let label = format!("{} {over}", scene.asks);
                self.numbered(
                    number,
                    Arrow {
                        from: Party::Core,
                        to,
                        label: &label,
                        class,
                    },
                );
                self.answer(scene);
            }
            (_, to) => {
                self.numbered(
                    number,
                    Arrow {
                        from: Party::Core,
                        to,
                        label: &scene.asks,
                        class: "ask",
                    },
                );
                self.answer(scene);
            }
        }
    }

    fn answer(&mut self, scene: &Scene) {
        if let Some(answer) = &scene.answer {
            self.arrow(Arrow {
                from: scene.to,
                to: Party::Core,
                label: answer,
                class: "answer",
            });
        }
    }

    fn numbered(&mut self, number: usize, arrow: Arrow<'_>) {
        let y = self.y;
        self.arrow(arrow);
        self.number(number, y);
    }

    fn number(&mut self, number: usize, y: i32) {
        let x = place(Party::Core);
        let _ = write!(
            self.svg,
            "<g class=\"number\"><circle cx=\"{x}\" cy=\"{y}\" r=\"11\"/><text x=\"{x}\" y=\"{}\">{number}</text></g>",
            y + 4
        );
    }

    fn arrow(&mut self, arrow: Arrow<'_>) {
        let (from, to) = (place(arrow.from), place(arrow.to));
        let forward = if to > from { 1 } else { -1 };
        // The core's line has the numbers on it.
        let gap = |party| if party == Party::Core { 13 } else { 3 };
        let (start, end) = (
            from + forward * gap(arrow.from),
            to - forward * gap(arrow.to),
        );
        let y = self.y;
        let room = (end - start).abs() - 16;
        let label = fitted(&abbreviated(arrow.label), room);
        let middle = i32::midpoint(start, end);
        let class = arrow.class;
        let _ = write!(
            self.svg,
            "<g class=\"arrow {class}\"><text x=\"{middle}\" y=\"{}\">{}</text>\
             <line x1=\"{start}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\" marker-end=\"url(#head-{class})\"/></g>",
            y - 6,
            escaped(&label)
        );
        self.y += ROW;
    }

    fn itself(&mut self, number: usize, label: &str) {
        let (x, y) = (place(Party::Core), self.y);
        let (near, far, below) = (x + 13, x + 46, y + 14);
        let room = place(Party::Provider) - far - 20;
        let _ = write!(
            self.svg,
            "<g class=\"arrow itself\"><path d=\"M{near} {y} H{far} V{below} H{near}\" marker-end=\"url(#head-ask)\"/>\
             <text x=\"{}\" y=\"{}\">{}</text></g>",
            far + 8,
            y + 11,
            escaped(&fitted(label, room))
        );
        self.number(number, y);
        self.y += ROW;
    }
}

/// Thumbprints by their first letters: who wants all of one finds it below.
fn abbreviated(text: &str) -> String {
    let words = text
        .split(' ')
        .map(|word| match (word.len(), word.get(..5)) {
            (43, Some(begin)) => format!("{begin}…"),
            (_, _) => word.to_owned(),
        });
    words.collect::<Vec<_>>().join(" ")
}

/// As much of it as there is room for.
fn fitted(text: &str, room: i32) -> String {
    let most = usize::try_from(room * 10 / LETTER).unwrap_or_default();
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_cut_and_says_so() {
        assert_eq!(fitted("a token", 100), "a token");
        assert_eq!(fitted("a token under this key", 66), "a token u…");
    }

    #[test]
    fn a_thumbprint_is_known_by_its_first_letters() {
        let thumbprint = "vM_c3mlLqB4a10_xNn8gKXLe6IT2GF9cKD6TsSBb71s";
        let label = format!("bound to {thumbprint} or not");
        assert_eq!(abbreviated(&label), "bound to vM_c3… or not");
    }
}
