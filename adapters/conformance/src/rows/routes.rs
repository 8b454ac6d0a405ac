//! Where requests go: regions, hosts, and where nobody connects at all.

use entra_emulator::{Endpoint, Fault, Reply, TENANT_ID, Target};
use entra_proto::{Client, Credential, RegionPolicy, RegionSource, TokenKind};

use super::binding::assert_bound_form;
use crate::world::{CLIENT_ID, World, bearer, identity, pop};
use crate::{Driver, Setup};

fn certificate_setup(
    world: &World,
    authority: &str,
    region: RegionSource,
    policy: RegionPolicy,
) -> Setup {
    let identity = identity(&world.alpha);
    let client = Client::builder(
        CLIENT_ID,
        authority,
        Credential::certificate(identity.chain()),
    )
    .region(region)
    .region_policy(policy)
    .build()
    .unwrap();
    Setup {
        identities: vec![identity],
        ..world.setup(client)
    }
}

fn provider_setup(
    world: &World,
    authority: &str,
    region: RegionSource,
    policy: RegionPolicy,
) -> Setup {
    let client = Client::builder(
        CLIENT_ID,
        authority,
        Credential::signed_assertion_provider(),
    )
    .region(region)
    .region_policy(policy)
    .build()
    .unwrap();
    Setup {
        assertions: Some(world.pairs(&world.alpha).0),
        ..world.setup(client)
    }
}

fn public() -> String {
    format!("https://login.microsoftonline.com/{TENANT_ID}")
}

/// IMP-05, IMP-06: refused before anything is sent; the emulator saw no connection at all.
pub fn imp05_imp06_without_a_region_nobody_connects<D: Driver>() {
    let world = World::new();
    let build = |setup| D::build(setup).unwrap();
    let with_pair = build(provider_setup(
        &world,
        &public(),
        RegionSource::Unset,
        RegionPolicy::Required,
    ));
    assert_eq!(
        D::token(&with_pair, &bearer()).unwrap_err().code(),
        "mtls_bearer_without_region"
    );
    assert_eq!(
        D::token(&with_pair, &pop()).unwrap_err().code(),
        "mtls_pop_without_region"
    );
    let with_certificate = build(certificate_setup(
        &world,
        &public(),
        RegionSource::Unset,
        RegionPolicy::Required,
    ));
    assert_eq!(
        D::token(&with_certificate, &pop()).unwrap_err().code(),
        "mtls_pop_without_region"
    );
    assert_eq!(world.emulator.accepted(), 0);
}

/// IMP-08, REQ-01.
pub fn imp08_req01_without_a_region_the_global_host_serves_if_the_policy_allows_it<D: Driver>() {
    let world = World::new();
    let setups = [
        provider_setup(
            &world,
            &public(),
            RegionSource::Unset,
            RegionPolicy::Optional,
        ),
        certificate_setup(
            &world,
            &public(),
            RegionSource::Unset,
            RegionPolicy::Optional,
        ),
    ];
    for setup in setups {
        let client = D::build(setup).unwrap();
        assert_eq!(
            D::token(&client, &pop()).unwrap().token_type(),
            TokenKind::MtlsPop
        );
        let request = world.emulator.token_requests().pop().unwrap();
        assert_eq!(request.host, "mtlsauth.microsoft.com");
        assert_eq!(
            request.client_certificate.as_deref(),
            Some(world.alpha.certificate_der())
        );
        if request.form_value("client_assertion").is_none() {
            assert_bound_form(&request);
            assert_eq!(request.path, format!("/{TENANT_ID}/oauth2/v2.0/token"));
            continue;
        }
        let implicit = D::token(&client, &bearer()).unwrap();
        assert_eq!(implicit.token_type(), TokenKind::Bearer);
        let request = world.emulator.token_requests().pop().unwrap();
        assert_eq!(request.host, "mtlsauth.microsoft.com");
        assert_eq!(request.form_value("token_type"), None);
        assert_eq!(
            request.client_certificate.as_deref(),
            Some(world.alpha.certificate_der())
        );
    }
    assert_eq!(world.token_requests(), 3);
}

/// IMP-26, ROUTE-16, ROUTE-17: refused before the certificate is shown to anybody.
pub fn imp26_route16_route17_a_refused_host_is_never_connected_to<D: Driver>() {
    let world = World::new();
    let region = || RegionSource::Named("westus3".to_owned());
    for host in [
        "login.usgovcloudapi.net",
        "login.chinacloudapi.cn",
        "sts.windows.net",
        "login-us.microsoftonline.com",
        "graph.microsoft.com",
        "login.example.com",
    ] {
        let authority = format!("https://{host}/{TENANT_ID}");
        for setup in [
            provider_setup(&world, &authority, region(), RegionPolicy::Required),
            certificate_setup(&world, &authority, region(), RegionPolicy::Required),
        ] {
            let client = D::build(setup).unwrap();
            assert_eq!(
                D::token(&client, &pop()).unwrap_err().code(),
                "mtls_pop_not_supported_for_environment",
                "{host}"
            );
        }
    }
    assert_eq!(world.emulator.accepted(), 0);
    // Listed, the unknown `login.` host is served.
    let world = World::with(|builder| builder.login_host("login.example.com"));
    let identity = identity(&world.alpha);
    let authority = format!("https://login.example.com/{TENANT_ID}");
    let client = Client::builder(
        CLIENT_ID,
        authority,
        Credential::certificate(identity.chain()),
    )
    .region(region())
    .known_authorities(["login.example.com"])
    .build()
    .unwrap();
    let setup = Setup {
        identities: vec![identity],
        ..world.setup(client)
    };
    D::token(&D::build(setup).unwrap(), &pop()).unwrap();
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(request.host, "westus3.mtlsauth.example.com");
}

/// IDP-01, IMP-10: dSTS needs no region and keeps its host.
pub fn idp01_imp10_dsts_keeps_its_host<D: Driver>() {
    let world = World::new();
    let host = "alpha-dsts.dsts.core.azure-test.net";
    let authority = format!("https://{host}/dstsv2/{TENANT_ID}");
    for region in [
        RegionSource::Unset,
        RegionSource::Named("westus3".to_owned()),
    ] {
        let client = D::build(certificate_setup(
            &world,
            &authority,
            region,
            RegionPolicy::Required,
        ))
        .unwrap();
        assert_eq!(
            D::token(&client, &pop()).unwrap().token_type(),
            TokenKind::MtlsPop
        );
        let request = world.emulator.token_requests().pop().unwrap();
        assert_eq!(
            (request.host.as_str(), request.path.as_str()),
            (
                host,
                format!("/dstsv2/{TENANT_ID}/oauth2/v2.0/token").as_str()
            )
        );
        assert_eq!(
            request.client_certificate.as_deref(),
            Some(world.alpha.certificate_der())
        );
    }
    let pair = provider_setup(
        &world,
        &authority,
        RegionSource::Unset,
        RegionPolicy::Required,
    );
    let token = D::token(&D::build(pair).unwrap(), &bearer()).unwrap();
    assert_eq!(token.token_type(), TokenKind::Bearer);
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(request.host, host);
    assert!(
        request
            .form_value("client_assertion_type")
            .is_some_and(|kind| kind.ends_with(":jwt-pop"))
    );
    assert_eq!(
        request.client_certificate.as_deref(),
        Some(world.alpha.certificate_der())
    );
}

/// ROUTE-03: asked of the metadata service once, and remembered.
pub fn route03_the_region_comes_from_the_metadata_service<D: Driver>() {
    let world = World::with(|builder| builder.imds_region("EastUS2"));
    let client = D::build(provider_setup(
        &world,
        &public(),
        RegionSource::Discover,
        RegionPolicy::Required,
    ))
    .unwrap();
    assert_eq!(
        D::token(&client, &bearer())
            .unwrap()
            .region()
            .unwrap()
            .as_str(),
        "eastus2"
    );
    assert_eq!(
        D::token(&client, &pop()).unwrap().token_type(),
        TokenKind::MtlsPop
    );
    let requests = world.emulator.requests();
    assert_eq!(
        requests
            .iter()
            .filter(|request| request.path == "/metadata/instance/compute")
            .count(),
        1
    );
    assert!(
        requests
            .iter()
            .filter(|request| request.path.ends_with("/token"))
            .all(|request| request.host == "eastus2.mtlsauth.microsoft.com")
    );
}

/// IMP-09, ROUTE-04: no token request by default, the global mTLS host under the other policy, and never plain.
pub fn imp09_a_region_that_is_not_found_never_means_plain<D: Driver>() {
    let world = World::new();
    world.emulator.set_fault(
        Target::Endpoint(Endpoint::ImdsCompute),
        Fault::Reply(Reply::new(404)),
    );
    let client = D::build(provider_setup(
        &world,
        &public(),
        RegionSource::Discover,
        RegionPolicy::Required,
    ))
    .unwrap();
    assert_eq!(
        D::token(&client, &bearer()).unwrap_err().code(),
        "region_required_for_mtls_pop"
    );
    assert_eq!(world.token_requests(), 0);
    let client = D::build(provider_setup(
        &world,
        &public(),
        RegionSource::Discover,
        RegionPolicy::Optional,
    ))
    .unwrap();
    D::token(&client, &bearer()).unwrap();
    assert_eq!(
        world.emulator.token_requests().pop().unwrap().host,
        "mtlsauth.microsoft.com"
    );
}
