//! The core in a test without I/O: the answers are written down, and an hour passes in no time. `cargo test -p entra-examples`.

use std::time::Duration;

use entra_proto::*;
use http::Response;

/// What a run of the loop asked of the outside, in order.
type Asked = Vec<String>;

fn run(plan: Plan, memory: &mut Memory, now: Now) -> (Result<AccessToken, Error>, Asked) {
    let mut asked = Asked::new();
    let mut step = plan.start(Seed::from_bytes([7; 32]), now);
    loop {
        step = match step {
            Step::LoadCache(load) => {
                let found = memory.load(&load);
                load.resume(Ok(found), now)
            }
            Step::TakeTurn(take) => take.resume(Turn::Mine, now),
            Step::SendRequest(send) => {
                asked.push(send.request().uri().to_string());
                let token = r#"{"token_type":"Bearer","access_token":"T","expires_in":3599}"#;
                let answer = Response::new(Body::from(token.as_bytes().to_vec()));
                send.resume(Ok(answer), now)
            }
            Step::SaveCache(save) => {
                memory.save(save.key(), save.update(), now);
                save.resume(Ok(()), now)
            }
            Step::Done(done) => return (done.into_result(), asked),
            Step::ObtainAssertion(_)
            | Step::ObtainCertificate(_)
            | Step::SignAssertion(_)
            | Step::DiscoverRegion(_)
            | Step::DiscoverInstance(_)
            | Step::Pause(_) => panic!("a client with a secret needs none of this"),
        };
    }
}

#[test]
fn a_token_serves_until_it_is_about_to_expire() -> Result<(), Error> {
    let credential = Credential::secret(Secret::new("from a vault"));
    let authority = "https://login.microsoftonline.com/contoso.com";
    let client = Client::builder("app", authority, credential).build()?;
    let plan = || TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client);
    let mut memory = Memory::default();
    let start = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);

    let (token, asked) = run(plan()?, &mut memory, start);
    assert_eq!(token?.source(), TokenSource::Network);
    assert_eq!(asked, [format!("{authority}/oauth2/v2.0/token")]);

    let later = start.after(Duration::from_secs(3_000));
    let (token, asked) = run(plan()?, &mut memory, later);
    assert_eq!(token?.source(), TokenSource::Cache);
    assert!(asked.is_empty());

    // Less than five minutes are left of it.
    let late = start.after(Duration::from_secs(3_300));
    let (token, asked) = run(plan()?, &mut memory, late);
    assert_eq!(token?.source(), TokenSource::Network);
    assert_eq!(asked.len(), 1);
    Ok(())
}
