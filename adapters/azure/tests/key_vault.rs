//! Key Vault's client of the Azure SDK, unchanged, against a vault on loopback: the emulator's resource under a vault's name.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, SystemTime};

use azure_core::credentials::{TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientMethodOptions, ClientOptions, Context, Transport};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use entra_azure::{EntraCredential, cause};
use entra_emulator::{
    Application, AssertionSpec, Emulator, Endpoint, Fault, KeyKind, Reply, RequestRecord,
    TENANT_ID, Target, TestIdentity,
};
use entra_tokio::{
    ClaimsChallenge, Client, ClientIdentity, Credential, EntraClient, Network, ProvidedAssertion,
    ProviderContext, RegionSource, Resolve, Secret, TokenRequest,
};

const CLIENT_ID: &str = "11111111-1111-1111-1111-111111111111";
const VAULT: &str = "contoso.vault.azure.net";
const SCOPE: &str = "https://vault.azure.net/.default";
const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
/// [`CLAIMS`] in base64.
const ENCODED: &str =
    "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";

/// A vault, the token service, and a credential that provides pairs.
struct World {
    emulator: Arc<Emulator>,
    identity: TestIdentity,
    calls: Arc<AtomicUsize>,
}

impl World {
    fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let provider = rustls::crypto::aws_lc_rs::default_provider();
            provider.install_default().unwrap();
        });
        let application = Application::new(CLIENT_ID).federated("https://issuer.example/", "app");
        let builder = Emulator::builder()
            .resource_host(VAULT)
            .application(application);
        Self {
            emulator: Arc::new(builder.start().unwrap()),
            identity: TestIdentity::generate(KeyKind::P256, "binding").unwrap(),
            calls: Arc::default(),
        }
    }

    fn credential(&self) -> EntraCredential {
        let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
        let client = Client::builder(
            CLIENT_ID,
            authority,
            Credential::signed_assertion_provider(),
        )
        .region(RegionSource::Named("westus3".to_owned()))
        .build()
        .unwrap();
        let everywhere = Resolve {
            host: "*".to_owned(),
            port: None,
            address: self.emulator.address(),
        };
        let network = Network::new().trust_only(self.emulator.ca_pem()).unwrap();
        let (emulator, calls) = (Arc::clone(&self.emulator), Arc::clone(&self.calls));
        let (certificate, key) = (self.identity.certificate_pem(), self.identity.key_pem());
        let der = self.identity.certificate_der().to_vec();
        let pair = move |_: ProviderContext| {
            calls.fetch_add(1, Ordering::SeqCst);
            let spec = AssertionSpec::new("https://issuer.example/", "app").bound_to(der.clone());
            let assertion = Secret::new(emulator.issue_assertion(&spec));
            let identity = ClientIdentity::from_pem(&certificate, &key);
            async move { Ok(ProvidedAssertion::bound(assertion, identity?)) }
        };
        let entra = EntraClient::builder(client)
            .network(network.resolve(everywhere).no_proxy())
            .assertion_provider(pair);
        EntraCredential::new(entra.build().unwrap())
    }

    fn vault(&self, credential: &EntraCredential) -> SecretClient {
        let root = reqwest::Certificate::from_pem(self.emulator.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .tls_certs_only([root])
            .resolve(VAULT, self.emulator.address())
            .no_proxy()
            .build()
            .unwrap();
        let mut options = SecretClientOptions {
            client_options: ClientOptions {
                transport: Some(Transport::new(Arc::new(http))),
                ..ClientOptions::default()
            },
            ..SecretClientOptions::default()
        };
        entra_azure::answer_challenges(&mut options.client_options);
        let credential = Arc::new(credential.clone());
        SecretClient::new(&format!("https://{VAULT}"), credential, Some(options)).unwrap()
    }

    /// The requests to the vault that carried a token.
    fn with_token(&self) -> Vec<RequestRecord> {
        let mut requests = self.emulator.requests_to(VAULT);
        requests.retain(|request| request.header("authorization").is_some());
        requests
    }
}

async fn secret(vault: &SecretClient) -> azure_core::Result<Option<String>> {
    let answer = vault.get_secret("answer", None).await?;
    Ok(answer.into_model()?.value)
}

#[tokio::test]
async fn sdk01_key_vault_gives_a_secret_for_a_token_through_implicit_mtls() {
    let world = World::new();
    let vault = world.vault(&world.credential());
    let value = secret(&vault).await.unwrap();
    assert_eq!(value.as_deref(), Some("the secret called answer"));

    let requests = world.emulator.token_requests();
    let [request] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert_eq!(request.host, "westus3.mtlsauth.microsoft.com");
    assert_eq!(
        request.client_thumbprint(),
        Some(world.identity.thumbprint())
    );
    assert_eq!(
        request.form_value("client_assertion_type"),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-pop")
    );
    assert_eq!(request.form_value("token_type"), None);
    assert_eq!(request.form_value("scope"), Some(SCOPE));
    let asked = world.with_token();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0]
            .header("authorization")
            .unwrap()
            .starts_with("Bearer ")
    );
    assert_eq!(asked[0].client_certificate, None);
}

#[tokio::test]
async fn sdk02_one_credential_makes_one_token_request_for_many_clients() {
    let world = World::new();
    let credential = world.credential();
    let mut calls = Vec::new();
    for _ in 0..20 {
        let vault = world.vault(&credential);
        calls.push(tokio::spawn(async move { secret(&vault).await }));
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    secret(&world.vault(&credential)).await.unwrap();
    assert_eq!(world.emulator.token_requests().len(), 1);
    assert_eq!(world.calls.load(Ordering::SeqCst), 1, "a hit asks nobody");

    let token = credential.get_token(&[SCOPE], None).await.unwrap();
    let left = token.expires_on.unix_timestamp() - unix();
    assert!((3_500..=3_599).contains(&left), "{left}");
    let asked = world.with_token();
    let sent = format!("Bearer {}", token.token.secret());
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization") == Some(&*sent))
    );
    assert_eq!(asked.len(), 21);
}

#[tokio::test]
async fn sdk03_a_claims_challenge_is_answered_once() {
    let world = World::new();
    let credential = world.credential();
    let vault = world.vault(&credential);
    secret(&vault).await.unwrap();
    let challenge = format!(
        "Bearer authorization=\"https://login.microsoftonline.com/{TENANT_ID}\", resource=\"https://vault.azure.net\", \
         error=\"insufficient_claims\", claims=\"{ENCODED}\""
    );
    let refused = || Fault::Reply(Reply::json(401, "{}").header("www-authenticate", &challenge));
    let target = || Target::Endpoint(Endpoint::Resource);
    world.emulator.fail_next(target(), refused());
    secret(&vault).await.unwrap();
    let claims = |request: &RequestRecord| request.form_value("claims").map(str::to_owned);
    let asked: Vec<_> = world.emulator.token_requests().iter().map(claims).collect();
    assert_eq!(asked, [None, Some(CLAIMS.to_owned())]);

    // What is challenged again is the caller's, and the token of before serves the next call.
    world.emulator.fail_times(2, target(), refused());
    let error = secret(&vault).await.unwrap_err();
    assert_eq!(error.http_status().map(u16::from), Some(401));
    assert_eq!(world.emulator.token_requests().len(), 3);
    secret(&vault).await.unwrap();
    assert_eq!(world.emulator.token_requests().len(), 3);

    // In the context of one call, by hand.
    let challenge = ClaimsChallenge::from_json(CLAIMS).unwrap();
    let context = Context::new().with_value(challenge);
    let options = TokenRequestOptions {
        method_options: ClientMethodOptions { context },
    };
    credential.get_token(&[SCOPE], Some(options)).await.unwrap();
    assert_eq!(
        claims(&world.emulator.token_requests()[3]).as_deref(),
        Some(CLAIMS)
    );
}

#[tokio::test]
async fn sdk04_what_fails_says_why_and_is_not_repeated() {
    let world = World::new();
    let credential = world.credential();
    let refusal = "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS700027: canary\",\"error_codes\":[700027]}";
    world.emulator.fail_next(
        Target::Endpoint(Endpoint::Token),
        Fault::Reply(Reply::json(401, refusal)),
    );
    let error = secret(&world.vault(&credential)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Credential), "{error:?}");
    let inner = cause(&error).unwrap();
    assert_eq!(
        (inner.code(), inner.aadsts()),
        ("invalid_client", &[700_027][..])
    );
    assert!(!format!("{error}{error:?}").contains("canary"));
    assert_eq!(world.emulator.token_requests().len(), 1);
    assert!(world.with_token().is_empty());

    let error = credential.get_token(&[], None).await.unwrap_err();
    let inner = cause(&error).unwrap();
    assert_eq!(inner.code(), "scopes_required_client_credentials");
    assert_eq!(error.to_string(), inner.to_string());
    let bound = credential.requesting(TokenRequest::proof_of_possession);
    let error = bound.get_token(&[SCOPE], None).await.unwrap_err();
    assert!(error.to_string().contains("EntraClient::send"), "{error}");
}

#[tokio::test]
async fn sdk05_a_call_that_is_given_up_leaves_the_token_to_the_next() {
    let world = World::new();
    let credential = world.credential();
    world.emulator.fail_next(
        Target::Endpoint(Endpoint::Token),
        Fault::Reply(Reply::json(503, "{}").after(Duration::from_secs(60))),
    );
    let first = credential.clone();
    let given_up = tokio::spawn(async move { first.get_token(&[SCOPE], None).await.map(drop) });
    while world.emulator.token_requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let waiting = credential.clone();
    let waiting = tokio::spawn(async move { waiting.get_token(&[SCOPE], None).await });
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    waiting.await.unwrap().unwrap();
    assert_eq!(world.emulator.token_requests().len(), 2);
}

fn unix() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_secs()).unwrap()
}
