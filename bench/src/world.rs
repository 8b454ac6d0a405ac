//! What is measured: one application, what it asks for, and what an untiring service answers. Texts have the sizes that Entra's have.

use entra_proto::{Body, Client, Credential, Plan, TokenRequest};

/// The application.
pub const CLIENT_ID: &str = "11111111-1111-1111-1111-111111111111";
/// Its home tenant.
pub const TENANT: &str = "22222222-2222-2222-2222-222222222222";
/// What it asks for, where one scope is enough.
pub const SCOPE: &str = "https://vault.azure.net/.default";
/// How long an assertion is, and how long a token, in bytes: those of Entra are from 1.2 to 2.5 kB.
pub const TEXT: usize = 1_800;

/// A text of letters, digits, dashes and two dots, as a JWT is.
#[must_use]
pub fn jwt(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 0x9e37_79b9_u32;
    (0..length)
        .map(|place| {
            if place == length / 20 || place == length * 4 / 5 {
                return '.';
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(LETTERS[(state >> 26) as usize])
        })
        .collect()
}

/// The body of a 200 with a token of that length that lives so many seconds.
#[must_use]
pub fn granting(token_type: &str, lives: u64, length: usize) -> String {
    format!(
        "{{\"token_type\":\"{token_type}\",\"expires_in\":{lives},\"ext_expires_in\":{lives},\"access_token\":\"{}\"}}",
        jwt(length)
    )
}

/// The body of a refusal that no repetition mends.
#[must_use]
pub fn refusing() -> String {
    let about = "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent is the client secret value.";
    format!(
        "{{\"error\":\"invalid_client\",\"error_description\":\"{about}\",\"error_codes\":[7000215]}}"
    )
}

/// An answer of the token service.
#[must_use]
pub fn answer(status: http::StatusCode, body: &str) -> http::Response<Body> {
    let mut answer = http::Response::new(Body::from(body.as_bytes().to_vec()));
    *answer.status_mut() = status;
    answer
}

/// The tenant of this number.
#[must_use]
pub fn tenant(number: usize) -> String {
    format!("{number:08x}-2222-4222-8222-222222222222")
}

/// The scope of this number.
#[must_use]
pub fn scope(number: usize) -> String {
    format!("https://resource{number}.example/.default")
}

/// The request whose token is remembered in the tenant of this number.
#[must_use]
pub fn in_tenant(number: usize) -> TokenRequest {
    TokenRequest::for_app([SCOPE]).tenant(tenant(number))
}

/// A client whose assertions a provider makes: what a workload in Kubernetes or on a virtual machine has.
///
/// # Panics
/// Never: everything in it is constant.
#[must_use]
pub fn client() -> Client {
    let authority = format!("https://login.microsoftonline.com/{TENANT}");
    Client::builder(CLIENT_ID, authority, Credential::assertion_provider())
        .build()
        .expect("a client")
}

/// The plan of a request.
///
/// # Panics
/// If the request makes no sense.
#[must_use]
pub fn plan(request: TokenRequest, client: &Client) -> Plan {
    request.plan(client).expect("a plan")
}

/// What a future says that has nothing to wait for: a hit, or a miss whose transport answers at once. A macro, since a future that is
/// handed to a function may be copied there, and awaited ones are not.
///
/// # Panics
/// If it waits.
#[macro_export]
macro_rules! at_once {
    ($future:expr) => {{
        let future = std::pin::pin!($future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::future::Future::poll(future, &mut context) {
            std::task::Poll::Ready(said) => said,
            std::task::Poll::Pending => panic!("it waits"),
        }
    }};
}

/// Numbers from 0 to `count` without end, each in turn, far from the one before: caches of the processor do not help.
#[derive(Clone, Debug)]
pub struct Scattered {
    count: usize,
    next: usize,
    step: usize,
}

impl Scattered {
    /// Of so many numbers, at least one.
    #[must_use]
    pub fn over(count: usize) -> Self {
        let count = count.max(1);
        let near = count * 618 / 1_000;
        let step = (near..=near + count)
            .find(|step| divisor(*step, count) == 1)
            .unwrap_or(1);
        Self {
            count,
            next: 0,
            step,
        }
    }

    /// The next one.
    pub fn number(&mut self) -> usize {
        let number = self.next;
        self.next = (number + self.step) % self.count;
        number
    }
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattered_numbers_are_each_met_once_a_round() {
        for count in [1, 2, 3, 10, 1_000, 1_024] {
            let mut scattered = Scattered::over(count);
            let mut met: Vec<usize> = (0..count).map(|_| scattered.number()).collect();
            met.sort_unstable();
            assert_eq!(met, (0..count).collect::<Vec<_>>());
            assert_eq!(scattered.number(), 0);
        }
    }

    #[test]
    fn texts_have_their_length_and_look_like_tokens() {
        let text = jwt(TEXT);
        assert_eq!(text.len(), TEXT);
        assert_eq!(text.matches('.').count(), 2);
        assert!(serde_json::from_str::<serde_json::Value>(&granting("Bearer", 60, 50)).is_ok());
        assert!(serde_json::from_str::<serde_json::Value>(&refusing()).is_ok());
    }
}
