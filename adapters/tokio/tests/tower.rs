//! A resource under middleware of `tower`.

#![forbid(unsafe_code)]

use entra_conformance::world::{World, bearer, identity};
use entra_proto::{Body, Credential};
use entra_tokio::{Audience, EntraClient, ResourceError};
use tower::{ServiceBuilder, ServiceExt};

#[tokio::test]
async fn res01_res02_middleware_of_tower_fits_round_a_resource() {
    let world = World::new();
    let identity = identity(&world.alpha);
    let client = world
        .client(Credential::certificate(identity.chain()))
        .build()
        .unwrap();
    let entra = EntraClient::builder(client)
        .identity(identity)
        .network(world.network())
        .build()
        .unwrap();
    let host = world.emulator.resource_host();
    let resource = entra.resource(bearer().proof_of_possession(), Audience::host(host));
    let service = ServiceBuilder::new()
        .map_request(|path: &'static str| http::Request::get(path).body(Body::empty()).unwrap())
        .map_response(|answer: http::Response<Body>| answer.status().as_u16())
        .service(resource);
    let url: &'static str = format!("https://{host}/secrets/answer").leak();
    assert_eq!(service.clone().oneshot(url).await.unwrap(), 200);
    let error = service.oneshot("https://evil.example/").await.unwrap_err();
    assert!(matches!(error, ResourceError::OutsideAudience));
}
