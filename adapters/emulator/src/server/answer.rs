//! One request on a connection: read, recorded, answered by the service, spoiled by a fault if one is scripted.
//!
//! The service is asked even if a fault spoils its answer afterwards, so that it has seen what a real one would have seen.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Either, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::Shared;
use super::tap::{Ending, Spoil, TapControl};
use crate::fault::{Cut, Fault, Reply};
use crate::hosts::{METADATA_HOST, Role};
use crate::record::{ConnectionId, RequestRecord};
use crate::service::{Caller, Form, host_of, route};

/// Longer requests are refused.
const LONGEST_REQUEST: usize = 1024 * 1024;

/// What the requests of one connection need.
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: ConnectionId,
    pub(crate) caller: Caller,
    pub(crate) control: Arc<TapControl>,
    /// Told when the connection is to end after the answer.
    pub(crate) finish: Arc<Notify>,
}

/// Whole, or without end.
type Answer = Response<Either<Full<Bytes>, Endless>>;

impl Connection {
    /// Answers, or ends the connection with an error.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Cancelled> {
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, LONGEST_REQUEST).collect().await {
            Ok(body) => body.to_bytes().to_vec(),
            Err(_) => return Ok(whole(status(413))),
        };
        let request = Request::from_parts(parts, body);
        let host = if self.caller.server_name.is_some() {
            host_of(&request)
        } else {
            METADATA_HOST.to_owned()
        };
        let now = (self.shared.clock)();
        let number = self
            .shared
            .records
            .request(self.record(&request, &host, now));
        let role = match &self.caller.server_name {
            Some(_) => self
                .shared
                .service
                .directory()
                .hosts
                .look_up(&host)
                .map(|served| served.role),
            None => Some(Role::Metadata),
        };
        let route = route(role.unwrap_or(Role::Resource), request.uri().path());
        let fault = self.shared.faults.for_request(&host, &route);
        // What a fault answers instead, the service does not get to see: a proxy, not Entra, says 502.
        let response = match &fault {
            Some(Fault::Reply(reply)) => scripted(reply),
            Some(Fault::Redirect(code, location)) => {
                let mut response = status(*code);
                if let Ok(location) = HeaderValue::from_str(location) {
                    response.headers_mut().insert(LOCATION, location);
                }
                response
            }
            _ => self.shared.service.answer(&request, &self.caller, now),
        };
        self.shared
            .records
            .answered(number, response.status().as_u16());
        self.spoil(response, fault).await
    }

    async fn spoil(
        &self,
        mut response: Response<Vec<u8>>,
        fault: Option<Fault>,
    ) -> Result<Answer, Cancelled> {
        let Some(fault) = fault else {
            return Ok(whole(response));
        };
        if let Fault::Reset(_) = fault {
            self.control.want_reset();
        }
        match fault {
            Fault::Close(cut) | Fault::Reset(cut) => return self.cut(response, cut),
            Fault::Reply(reply) => sleep(reply.delay).await,
            Fault::Delay(delay) => sleep(delay).await,
            Fault::TokenType(kind) => retype(&mut response, kind),
            Fault::ContentEncoding(name) => {
                if let Ok(value) = HeaderValue::from_str(&name) {
                    response.headers_mut().insert(CONTENT_ENCODING, value);
                }
            }
            Fault::Header(name, value) => {
                if let (Ok(name), Ok(value)) =
                    (HeaderName::try_from(name), HeaderValue::try_from(value))
                {
                    response.headers_mut().append(name, value);
                }
            }
            Fault::EndlessBody => return Ok(response.map(|_| Either::Right(Endless))),
            Fault::DripBody(apart) => self.drip(head_length(&response), apart),
            Fault::DripAll(apart) => self.drip(0, apart),
            Fault::Raw(text) => self.control.spoil(Spoil::Replace(text, Ending::Said)),
            Fault::RawCut(text) => self.control.spoil(Spoil::Replace(text, Ending::Cut)),
            Fault::Redirect(..)
            | Fault::StallHandshake
            | Fault::PlainHttp
            | Fault::WrongServerName
            | Fault::ExpiredServerCertificate
            | Fault::UnknownServerAuthority
            | Fault::NeverAskForCertificate
            | Fault::AskForCertificate
            | Fault::RequireClientCertificate
            | Fault::RefuseClientCertificate => {}
        }
        Ok(whole(response))
    }

    fn cut(&self, response: Response<Vec<u8>>, cut: Cut) -> Result<Answer, Cancelled> {
        match cut {
            Cut::InHandshake | Cut::BeforeReading | Cut::AfterRequest => return Err(Cancelled),
            Cut::MidHead => self.control.spoil(Spoil::CutAfter("HTTP/1.1 2".len())),
            Cut::MidBody => self.control.spoil(Spoil::CutAfter(
                head_length(&response) + response.body().len() / 2,
            )),
            Cut::AfterResponse => {
                let finish = Arc::clone(&self.finish);
                tokio::spawn(async move {
                    // The answer has to be on its way before the connection ends without having said so.
                    sleep(Duration::from_millis(30)).await;
                    finish.notify_one();
                });
            }
        }
        Ok(whole(response))
    }

    fn drip(&self, at_once: usize, apart: Duration) {
        self.control.spoil(Spoil::Drip(at_once, apart));
    }

    fn record(
        &self,
        request: &Request<Vec<u8>>,
        host: &str,
        at: std::time::SystemTime,
    ) -> RequestRecord {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let headers = request.headers().iter();
        RequestRecord {
            connection: self.id,
            at,
            method: request.method().to_string(),
            host: host.to_owned(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            headers: headers
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        String::from_utf8_lossy(value.as_bytes()).into_owned(),
                    )
                })
                .collect(),
            form: Form::decode(content_type, request.body()).0,
            client_certificate: self.caller.client_certificate.clone(),
            status: None,
        }
    }
}

/// The answer is withheld and the connection ends.
#[derive(Debug)]
pub(crate) struct Cancelled;

impl std::fmt::Display for Cancelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed by a scripted fault")
    }
}

impl std::error::Error for Cancelled {}

/// Blanks, for ever.
pub(crate) struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const BLANKS: &[u8] = &[b' '; 8_192];
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(BLANKS)))))
    }
}

fn whole(response: Response<Vec<u8>>) -> Answer {
    response.map(|body| Either::Left(Full::new(Bytes::from(body))))
}

fn status(code: u16) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn scripted(reply: &Reply) -> Response<Vec<u8>> {
    let mut response = status(reply.status);
    *response.body_mut() = reply.body.clone();
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name.as_str()),
            HeaderValue::from_str(value),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Changes `token_type` in a JSON answer that has one.
fn retype(response: &mut Response<Vec<u8>>, kind: String) {
    let Ok(mut answer) = serde_json::from_slice::<serde_json::Value>(response.body()) else {
        return;
    };
    if let Some(member) = answer.get_mut("token_type") {
        *member = kind.into();
        *response.body_mut() = answer.to_string().into_bytes();
    }
}

/// How many bytes the head of the answer takes on the wire, so that a fault can tell it from the body.
fn head_length(response: &Response<Vec<u8>>) -> usize {
    let reason = response.status().canonical_reason().unwrap_or_default();
    let line = "HTTP/1.1 200 \r\n".len() + reason.len();
    let headers: usize = response
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    // HTTP adds these two.
    let length = format!("content-length: {}\r\n", response.body().len()).len();
    let date = "date: Tue, 24 Nov 2026 04:03:09 GMT\r\n".len();
    line + headers + length + date + "\r\n".len()
}
