//! Whatever a refusal's status, header fields and body are, the error has the code and the checked parts that another JSON library reads, a short printable text that consists of those and of fixed words, and at most one second attempt within the deadline; what is remembered of it is the wait alone.
#![no_main]

#[path = "../support.rs"]
mod support;

use entra_proto::*;
use http::{HeaderName, HeaderValue, Response};
use libfuzzer_sys::fuzz_target;
use support::*;

use script::{Answer, Run, Script, seconds};
use tree::Tree;

/// How long the request may take, in seconds.
const DEADLINE: u64 = 30;

/// What is wrong, as an error may put it.
const WORDS: &[&str] = &[
    "the service asks for fewer requests",
    "the service failed",
    "the service refused the request",
    "the service gave up waiting for the request",
    "the answer is neither a token nor an OAuth error",
    "the token endpoint answered with a redirect",
    "the answer is compressed, which was not asked for",
    "the answer is larger than any token response",
];

/// A refusal as the fuzzer writes it: three digits, a line for each header field, an empty line, the body.
#[derive(Clone, Copy)]
struct Refusal<'a> {
    status: u16,
    fields: &'a [u8],
    body: &'a [u8],
    /// So many blanks follow the body.
    padding: usize,
}

impl<'a> Refusal<'a> {
    fn read(bytes: &'a [u8], padding: usize) -> Option<Self> {
        let (digits, rest) = bytes.split_at_checked(3)?;
        let status: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let (fields, body) = match rest.windows(2).position(|window| window == b"\n\n") {
            Some(end) => (&rest[..end], &rest[end + 2..]),
            None => (&b""[..], rest),
        };
        ((100..=999).contains(&status) && status != 200).then_some(Self {
            status,
            fields,
            body,
            padding,
        })
    }

    fn fields(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.fields.split(|byte| *byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            Some((name, HeaderValue::from_bytes(&line[colon + 1..]).ok()?))
        })
    }

    fn field(self, wanted: &str) -> Option<HeaderValue> {
        let mut fields = self.fields().filter(|(name, _)| name == wanted);
        fields.next().map(|(_, value)| value)
    }

    fn answer(self) -> Answer {
        let mut body = self.body.to_vec();
        body.resize(body.len() + self.padding, b' ');
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status.try_into().expect("a status");
        for (name, value) in self.fields() {
            response.headers_mut().append(name, value);
        }
        // What echoes secrets elsewhere than in the body.
        for name in ["location", "www-authenticate", "x-ms-request-id"] {
            let value = HeaderValue::from_static("CANARY");
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }

    fn is_too_large(self) -> bool {
        self.body.len() + self.padding > SendRequest::MAX_RESPONSE
    }

    fn is_compressed(self) -> bool {
        let coding = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
        self.fields()
            .any(|(name, value)| name == "content-encoding" && coding(&value))
    }

    /// Whether it may pass by itself.
    fn passes(self) -> bool {
        let status = matches!(self.status, 408 | 429 | 500..=599);
        status && !self.is_too_large() && !self.is_compressed()
    }

    fn member(self, name: &str) -> Option<Tree> {
        Tree::object(self.body)?.get(name).cloned()
    }

    fn text(self, name: &str) -> Option<String> {
        self.member(name)?.text().map(str::to_owned)
    }

    /// A code or suberror.
    fn word(self, name: &str) -> Option<String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        self.text(name)
            .filter(|word| (1..=64).contains(&word.len()) && word.bytes().all(plain))
    }

    fn code(self) -> String {
        let fixed = match self.status {
            _ if self.is_too_large() => Some("response_too_large"),
            _ if self.is_compressed() => Some("invalid_token_response"),
            300..=399 => Some("unexpected_redirect"),
            429 => Some("request_throttled"),
            500..=599 => Some("service_not_available"),
            _ => None,
        };
        let otherwise = if self.status == 408 {
            "service_not_available"
        } else {
            "invalid_token_response"
        };
        fixed.map_or_else(
            || self.word("error").unwrap_or_else(|| otherwise.to_owned()),
            str::to_owned,
        )
    }

    /// `error_codes`, each a number or the text of one.
    fn aadsts(self) -> Vec<u32> {
        let Some(Tree::Array(codes)) = self.member("error_codes") else {
            return Vec::new();
        };
        let digits = codes.iter().filter_map(|code| match code {
            Tree::Word(digits) | Tree::Text(digits) => Some(digits),
            Tree::Array(_) | Tree::Object(_) => None,
        });
        digits
            .filter(|digits| digits.len() <= 10 && !digits.contains('+'))
            .filter_map(|digits| digits.parse().ok())
            .take(16)
            .collect()
    }
}

/// The error says of the refusal what may be said.
fn check_error(error: &Error, refusal: Refusal<'_>) {
    assert_eq!(error.code(), refusal.code());
    let judged = !refusal.is_too_large() && !refusal.is_compressed();
    assert_eq!(error.http_status(), judged.then_some(refusal.status));
    let told = judged && !matches!(refusal.status, 300..=399);
    let claims = refusal.text("claims").filter(|_| told);
    let claims = claims
        .filter(|claims| claims.len() <= 8 * 1_024 && Tree::object(claims.as_bytes()).is_some());
    assert_eq!(error.claims(), claims.as_deref());
    let description = refusal.text("error_description").filter(|_| told);
    let description: Option<String> = description.map(|text| text.chars().take(1_000).collect());
    assert_eq!(error.description(), description.as_deref());
    let suberror = refusal.word("suberror").filter(|_| told);
    assert_eq!(error.suberror(), suberror.as_deref());
    let aadsts = if told { refusal.aadsts() } else { vec![] };
    assert_eq!(error.aadsts(), aadsts);
    let id = error.correlation_id().expect("an id to quote");
    assert!(
        id.len() == 36
            && id
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    );

    // I36, I34: the text is put together from what was checked and from words of ours, to the last letter.
    let text = error.to_string();
    assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)));
    assert!(text.len() <= 2_048, "{text}");
    let mut said = String::new();
    if judged {
        said += &format!(" (HTTP {}", refusal.status);
        for number in aadsts {
            said += &format!(", AADSTS{number}");
        }
        if let Some(suberror) = &suberror {
            said += &format!(", suberror {suberror}");
        }
        said += ")";
    }
    if let Some(wait) = error.retry_in() {
        said += &format!(", to be retried in {} s", wait.as_secs());
    }
    said += &format!("; {} [correlation id {id}]", error.advice());
    let what = text
        .strip_prefix(&format!("{}: ", error.code()))
        .and_then(|text| text.strip_suffix(&said));
    assert!(what.is_some_and(|what| WORDS.contains(&what)), "{text}");
    canary::assert_silent(error);
}

/// What was sent, and when.
fn check_attempts(run: &Run, refusals: [Refusal<'_>; 2]) {
    let [first, _] = refusals;
    let error = run.error();
    let last = refusals[run.sent.len() - 1];
    assert_eq!(usize::from(error.attempts()), run.sent.len());
    // I27.
    assert!(run.waits.iter().all(|wait| *wait < seconds(DEADLINE)));
    assert_eq!(run.waits.len() + 1, run.sent.len());
    let digits = |refusal: Refusal<'_>| -> Option<u64> {
        let value = refusal.field("retry-after")?;
        let text = value.to_str().ok()?.trim();
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().unwrap_or(u64::MAX).min(3_600))
    };
    match first.field("retry-after") {
        _ if !first.passes() => assert_eq!(run.sent.len(), 1),
        None => assert_eq!(run.sent.len() == 2, first.status != 429),
        // Whether a date or nonsense is a wait, another target asks.
        Some(_) => {
            if let Some(asked) = digits(first) {
                assert_eq!(run.sent.len() == 2, asked < DEADLINE);
                assert!(run.waits.iter().all(|wait| *wait == seconds(asked)));
            }
        }
    }
    match digits(last) {
        Some(asked) if last.passes() => assert_eq!(error.retry_in(), Some(seconds(asked))),
        _ => assert!(
            error
                .retry_in()
                .is_none_or(|wait| last.passes() && wait <= seconds(3_600))
        ),
    }
    let passing = last.passes() || error.code() == "temporarily_unavailable";
    assert_eq!(error.is_retryable(), passing);
}

fuzz_target!(|data: &[u8]| {
    let Some((padding, data)) = data.split_first() else {
        return;
    };
    // No text of a refusal has the byte that stands between the two.
    let mut parts = data.splitn(2, |byte| *byte == 0xff);
    let padding = if *padding == b'+' {
        SendRequest::MAX_RESPONSE
    } else {
        0
    };
    let first = Refusal::read(parts.next().unwrap_or_default(), padding);
    let second = parts.next().and_then(|part| Refusal::read(part, 0));
    let Some(first) = first else {
        return;
    };
    let refusals = [first, second.unwrap_or(first)];
    // A code and a suberror are shown, whatever word they are.
    for word in refusals
        .iter()
        .flat_map(|refusal| [refusal.word("error"), refusal.word("suberror")])
    {
        if !canary::is_silent(&word.unwrap_or_default()) {
            return;
        }
    }
    // So are the numbers, and six of them can be the letters of the word that nothing may print.
    if refusals
        .iter()
        .any(|refusal| !canary::is_silent(&format!("{:?}", refusal.aadsts())))
    {
        return;
    }
    let client = Client::builder(
        "app",
        "https://login.microsoftonline.com/contoso.com",
        Credential::secret(Secret::new("CANARY")),
    )
    .build()
    .expect("a client");
    let plan = TokenRequest::for_app(["scope"])
        .deadline(seconds(DEADLINE))
        .plan(&client)
        .expect("a plan");
    let mut script = Script::new().answers(refusals.map(Refusal::answer));
    let run = script.run(&plan);
    let last = refusals[run.sent.len() - 1];
    check_attempts(&run, refusals);
    check_error(run.error(), last);

    // Only the wait is remembered: whoever comes too early is told the same, and then the service is asked again.
    let mut script = script.forgetting();
    assert!(script.memory.len() <= 1);
    let wait = run.error().retry_in().filter(|wait| !wait.is_zero());
    if let Some(wait) = wait {
        let early = script.run(&plan);
        assert!(early.sent.is_empty());
        assert_eq!(early.error(), run.error());
        assert_eq!(early.error().correlation_id(), run.error().correlation_id());
        script.pass(wait);
    }
    let later = script.run(&plan);
    assert_eq!(later.token().source(), TokenSource::Network);
});
