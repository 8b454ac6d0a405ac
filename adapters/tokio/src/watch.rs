//! A layer round reqwest's connector: a connection over mutual TLS counts only if the server asked for the certificate and got
//! it. It is judged before the first byte of the request, which a 200 without a certificate would be too late for (T16).

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use entra_adapter::CertificateWatch;
use tower_layer::Layer;
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;

/// Watches every handshake of the connector below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WatchLayer;

impl<S> Layer<S> for WatchLayer {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched(inner)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Watched<S>(S);

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: Send,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let watch = CertificateWatch::new();
        let connecting = self.0.call(request);
        Box::pin(async move {
            let mut connecting = pin!(connecting);
            // The handshake happens inside these polls, and the resolver tells the watch of the thread that it runs on.
            let connection =
                poll_fn(|context| watch.during(|| connecting.as_mut().poll(context))).await?;
            watch.verdict()?;
            Ok(connection)
        })
    }
}
