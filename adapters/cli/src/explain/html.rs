//! The explanation as one page that needs nothing else: no script, no font, no picture from elsewhere; light, dark and on paper.

use std::fmt::Write;

use entra_tokio::AuthorityKind;

use super::afterwards::{Afterwards, whose};
use super::diagram::diagram;
use super::played::{Party, Scene};
use super::rules::TITLES;
use super::sent::Field;
use super::{Explanation, region};
use crate::options::{advice, what};

const STYLE: &str = include_str!("page.css");

pub(super) fn html(explanation: &Explanation) -> String {
    let title = escaped(&explanation.title());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><header><h1>{title}</h1>{}</header>",
        chips(explanation)
    );
    if let Some(error) = &explanation.error {
        let _ = write!(
            page,
            "<section class=\"error\"><h2>{}</h2><p>What is wrong: {}.</p><p>Whose fault: {}.</p><p>What to do: {}.</p></section>",
            escaped(error.code()),
            escaped(&what(error)),
            escaped(whose(error.fault())),
            escaped(advice(error))
        );
    }
    for note in &explanation.notes {
        let _ = write!(page, "<p class=\"note\">{}</p>", escaped(note));
    }
    if let Some(told) = &explanation.told {
        let asks = format!("{} token, please", told.plan.token_kind());
        let _ = write!(
            page,
            "<section><h2>Steps</h2><figure>{}</figure><p class=\"legend\"><span class=\"mtls\">mutual TLS</span><span class=\"plain\">plain TLS</span><span class=\"ask\">question</span><span class=\"answer\">answer</span></p></section>",
            diagram(&told.played.scenes, &asks, service(explanation))
        );
    }
    let _ = write!(
        page,
        "<div class=\"columns\"><section><h2>{}</h2><dl>{}</dl></section><section><h2>Why</h2>{}</section></div>",
        if explanation.error.is_none() {
            "What is sent"
        } else {
            "What was asked"
        },
        facts(explanation),
        rules(explanation)
    );
    if let Some(told) = &explanation.told {
        if !told.afterwards.is_empty() {
            let rows: String = told.afterwards.iter().map(different).collect();
            let _ = write!(
                page,
                "<section><h2>If</h2><table class=\"if\"><thead><tr><th>one thing is different</th><th>then</th><th class=\"count\">requests</th></tr></thead><tbody>{rows}</tbody></table></section>"
            );
        }
        let rows: String = told.played.scenes.iter().enumerate().map(step).collect();
        let _ = write!(
            page,
            "<section><h2>The steps in words</h2><table class=\"steps\"><tbody>{rows}</tbody></table></section>"
        );
    }
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(
        page,
        "<footer>entra-token {version}: played by the core, without a network.</footer></main></body></html>"
    );
    page
}

/// What the token service is called.
fn service(explanation: &Explanation) -> &'static str {
    let kind = explanation
        .client
        .as_ref()
        .map(|client| client.authority().kind());
    match kind {
        Some(AuthorityKind::Adfs) => "AD FS",
        Some(AuthorityKind::Dsts) => "dSTS",
        Some(AuthorityKind::Oidc) => "OpenID provider",
        Some(AuthorityKind::Entra | AuthorityKind::B2c | AuthorityKind::Ciam | _) | None => "Entra",
    }
}

fn chips(explanation: &Explanation) -> String {
    let Some(told) = &explanation.told else {
        return String::new();
    };
    let mut chips = vec![told.plan.token_kind().to_string()];
    if let Some(sent) = told.played.sent.first() {
        chips.push(match sent.certificate {
            Some(_) => "mutual TLS".to_owned(),
            None => "plain TLS".to_owned(),
        });
        chips.push(sent.host.clone());
    }
    let chips: String = chips
        .iter()
        .map(|chip| format!("<li>{}</li>", escaped(chip)))
        .collect();
    format!("<ul class=\"chips\">{chips}</ul>")
}

fn facts(explanation: &Explanation) -> String {
    let mut facts = String::new();
    let mut fact = |name: &str, value: &str| {
        let _ = write!(facts, "<dt>{name}</dt><dd>{value}</dd>");
    };
    fact("credential", &escaped(&explanation.credential));
    fact("for", &escaped(&explanation.grant));
    let Some(told) = &explanation.told else {
        return facts;
    };
    if let Some(sent) = told.played.sent.first() {
        let url = escaped(&sent.url).replace('/', "/<wbr>");
        fact("endpoint", &format!("<code>POST {url}</code>"));
        fact(
            "transport",
            &match &sent.certificate {
                Some(certificate) => {
                    format!("mutual TLS with <code>{}</code>", escaped(certificate))
                }
                None => "plain TLS".to_owned(),
            },
        );
    }
    if let Some(region) = region(told) {
        fact("region", &escaped(&region));
    }
    if let Some(sent) = told.played.sent.first() {
        let fields = sent.fields.iter().map(|(name, field)| {
            let value = match field {
                Field::Shown(value) => escaped(value),
                Field::Hidden(what) => format!("<em>{}</em>", escaped(what)),
            };
            (name.as_str(), value)
        });
        fact("body", &table(fields));
        fact(
            "headers",
            &format!("<code>{}</code>", escaped(&sent.headers.join(" "))),
        );
    }
    if let Some(signed) = told.played.signed.first() {
        let header = format!(
            "{}, {}, x5c ({})",
            signed.algorithm, signed.thumbprint, signed.x5c
        );
        fact(
            "assertion",
            &table([
                ("header", escaped(&header)),
                ("aud", escaped(&signed.audience)),
                ("lives", format!("{} s", signed.lives)),
            ]),
        );
    }
    if let Some(key) = &told.played.key {
        let parts = key.parts();
        let parts = parts.iter().map(|(name, value)| (*name, escaped(value)));
        fact("cache key", &table(parts));
    }
    facts
}

fn table<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows: String = rows
        .into_iter()
        .map(|(name, value)| format!("<tr><th>{}</th><td>{value}</td></tr>", escaped(name)))
        .collect();
    format!("<table class=\"pairs\"><tbody>{rows}</tbody></table>")
}

fn rules(explanation: &Explanation) -> String {
    let rules: String = explanation
        .rules()
        .iter()
        .map(|fired| {
            let title = TITLES.get(usize::from(fired.rule).saturating_sub(1));
            format!(
                "<li><span class=\"rule\">{}</span><div><b>{}</b><p>{}</p></div></li>",
                fired.rule,
                escaped(title.copied().unwrap_or_default()),
                escaped(&fired.says)
            )
        })
        .collect();
    format!("<ol class=\"rules\">{rules}</ol>")
}

fn different(different: &Afterwards) -> String {
    let advice = different.error.as_ref().map_or(String::new(), |error| {
        format!("<br><small>{}</small>", escaped(advice(error)))
    });
    format!(
        "<tr><th>{}</th><td>{}{advice}</td><td class=\"count\">{}</td></tr>",
        escaped(&different.when),
        escaped(&different.then),
        different.requests
    )
}

fn step((place, scene): (usize, &Scene)) -> String {
    let to = if scene.to == Party::Core {
        ""
    } else {
        scene.to.as_str()
    };
    let detail = scene.detail.as_deref().map_or(String::new(), |detail| {
        let detail = escaped(detail).replace('/', "/<wbr>");
        format!("<br><code>{detail}</code>")
    });
    format!(
        "<tr><td class=\"count\">{}</td><th>{}</th><td>{to}</td><td>{}{detail}</td><td>{}</td></tr>",
        place + 1,
        scene.step,
        escaped(&scene.asks),
        escaped(scene.answer.as_deref().unwrap_or_default())
    )
}

/// Text in HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec13_nothing_that_was_given_becomes_markup() {
        assert_eq!(
            escaped("<a href='x' b=\"y\">&\u{1b}"),
            "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;\u{fffd}"
        );
    }
}
