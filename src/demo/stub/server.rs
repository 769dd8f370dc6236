//! HTTP: takes requests, logs them, plays the answers.

use std::convert::Infallible;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::edge::clock;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::Play;
use super::answer::{Answer, Fault, Message, answer};
use super::asked::{Asked, Wire};
use super::behaviour::{Behaviour, FaultKind};
use super::log::{End, Entry, Kind};
use super::wire::{self, Number, Step};

type Reply = Response<BoxBody<Bytes, Cut>>;

/// The connection is cut on purpose.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("cut on purpose")]
struct Cut;

/// Serves until told to stop.
pub(super) fn run(listener: TcpListener, play: Arc<Mutex<Play>>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a socket of ours");
        tokio::select! {
            () = accept(listener, play) => {}
            _ = stopped => {}
        }
    });
}

async fn accept(listener: tokio::net::TcpListener, play: Arc<Mutex<Play>>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, play.clone()));
        }
    }
}

async fn serve(stream: TcpStream, play: Arc<Mutex<Play>>) {
    let cutter = Arc::new(Cutter(stream.as_fd().try_clone_to_owned().expect("descriptors are left")));
    let service = service_fn(move |request| {
        let desk = Desk { play: play.clone(), cutter: cutter.clone(), credential: credential(&request) };
        async move { desk.take(request).await }
    });
    // An error is a client that went away, or a connection we cut.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Makes the end of a connection a reset, as of a machine that is gone, and no orderly farewell.
struct Cutter(OwnedFd);

impl Cutter {
    fn cut(&self) -> Cut {
        // Where it fails, the connection ends all the same.
        let _ = rustix::net::sockopt::set_socket_linger(&self.0, Some(Duration::ZERO));
        Cut
    }
}

/// Where one request is handled.
struct Desk {
    play: Arc<Mutex<Play>>,
    cutter: Arc<Cutter>,
    /// With which key or token the request came.
    credential: String,
}

impl Desk {
    async fn take(self, request: Request<Incoming>) -> Result<Reply, Cut> {
        let (method, path) = (request.method().clone(), aim(request.uri()));
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let wire = match path.rsplit_once('/').map(|(_, last)| last) {
            Some("messages") => Wire::Messages,
            Some("completions") => Wire::Chat,
            Some("responses") => Wire::Responses,
            _ => return Ok(self.other(&method, &path, &body)),
        };
        let Ok(value) = serde_json::from_slice::<Value>(&body) else {
            self.open(path, None, "not JSON").end(End::Complete);
            return Ok(reply(StatusCode::BAD_REQUEST, &[], &json!({"error": "not JSON"})));
        };
        let asked = Asked::read(wire, &value);
        let behaviour = self.choose(&asked);
        let log = self.open(path, Some(asked.clone()), &behaviour.to_string());
        self.answer(&asked, &behaviour, log).await
    }

    fn choose(&self, asked: &Asked) -> Behaviour {
        let mut play = self.play.lock().expect("nobody panics with it");
        if play.revoked.contains(&self.credential) {
            return Behaviour::Fault(FaultKind::Revoked);
        }
        if !asked.is_main() {
            return Behaviour::Ok("side".to_string());
        }
        let next = |play: &mut Play| play.next.pop_front();
        Behaviour::in_text(&asked.prompt()).or_else(|| next(&mut play)).unwrap_or_else(|| play.default.clone())
    }

    async fn answer(self, asked: &Asked, behaviour: &Behaviour, log: Logged) -> Result<Reply, Cut> {
        let now_s = u64::try_from(clock::wall().0 / 1000).expect("after 1970");
        let number = log.number();
        match answer(behaviour, asked, now_s) {
            Answer::Silence => std::future::pending().await,
            Answer::Cut => {
                log.end(End::Cut);
                Err(self.cutter.cut())
            }
            Answer::Fault(fault) => {
                log.end(End::Complete);
                Ok(refusal(&fault, asked.wire, number))
            }
            Answer::Message(message) if asked.streams => Ok(self.stream(&message, asked, log)),
            Answer::Message(message) => self.whole(&message, asked, log).await,
        }
    }

    fn stream(self, message: &Message, asked: &Asked, log: Logged) -> Reply {
        let steps = wire::stream(message, asked, log.number());
        let (send, receive) = mpsc::channel(1);
        let headers = headers(message, log.number());
        tokio::spawn(perform(steps, send, self.cutter, log));
        let body = BoxBody::new(Played(receive));
        let mut reply = Response::new(body);
        let kind = ("content-type", "text/event-stream; charset=utf-8".to_string());
        put(&mut reply, [kind, ("cache-control", "no-cache".to_string())].into_iter().chain(headers));
        reply
    }

    /// For a client that wants no stream, what goes wrong in mid-stream goes wrong before the first byte.
    async fn whole(self, message: &Message, asked: &Asked, log: Logged) -> Result<Reply, Cut> {
        match message.breaks {
            Some(super::answer::Break::Stall) => std::future::pending().await,
            Some(_) => {
                log.end(End::Cut);
                return Err(self.cutter.cut());
            }
            None => clock::pause(message.takes).await,
        }
        let number = log.number();
        log.end(End::Complete);
        let body = wire::whole(message, asked, number);
        Ok(reply(StatusCode::OK, &headers(message, number), &body))
    }

    /// What asks nothing of a model.
    fn other(&self, method: &Method, path: &str, body: &Bytes) -> Reply {
        self.open(path.to_string(), None, "other").end(End::Complete);
        if method == Method::HEAD {
            return reply(StatusCode::OK, &[], &Value::Null);
        }
        if path.ends_with("/count_tokens") {
            return reply(StatusCode::OK, &[], &json!({"input_tokens": (body.len() / 4).max(1)}));
        }
        if path.ends_with("/models") {
            let model = json!({
                "id": "stub-model", "object": "model", "type": "model", "display_name": "Stub",
                "created_at": "2026-01-01T00:00:00Z",
            });
            let list = json!({"object": "list", "data": [model], "models": [], "has_more": false});
            return reply(StatusCode::OK, &[], &list);
        }
        let error = json!({"type": "not_found_error", "message": "the model server has no such path"});
        reply(StatusCode::NOT_FOUND, &[], &json!({"type": "error", "error": error}))
    }

    fn open(&self, path: String, asked: Option<Asked>, behaviour: &str) -> Logged {
        let kind = match &asked {
            None => Kind::Other,
            Some(asked) if asked.is_main() => Kind::Main,
            Some(_) => Kind::Side,
        };
        let behaviour = behaviour.to_string();
        let credential = self.credential.clone();
        let entry = Entry { at_ms: clock::wall().0, path, credential, kind, asked, behaviour, end: End::Open };
        let mut play = self.play.lock().expect("nobody panics with it");
        play.log.push(entry);
        Logged { play: self.play.clone(), index: play.log.len() - 1, end: None }
    }
}

/// The key or token of a request, by whichever header it comes.
fn credential(request: &Request<Incoming>) -> String {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").map(|value| value.trim_start_matches("Bearer "));
    bearer.or_else(|| header("x-api-key")).unwrap_or_default().to_string()
}

/// The path, and for what wants to go on to another machine that machine.
fn aim(uri: &Uri) -> String {
    uri.authority().map_or_else(|| uri.path().to_string(), ToString::to_string)
}

/// The line of a request in the log; where nobody says its end, the client left.
struct Logged {
    play: Arc<Mutex<Play>>,
    index: usize,
    end: Option<End>,
}

impl Logged {
    fn number(&self) -> Number {
        Number(self.index + 1)
    }

    fn end(mut self, end: End) {
        self.end = Some(end);
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        if let Ok(mut play) = self.play.lock() {
            play.log[self.index].end = self.end.unwrap_or(End::ClientLeft);
        }
    }
}

/// The body of a stream.
struct Played(mpsc::Receiver<Result<Frame<Bytes>, Cut>>);

impl Body for Played {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.poll_recv(context)
    }
}

async fn perform(steps: Vec<Step>, send: mpsc::Sender<Result<Frame<Bytes>, Cut>>, cutter: Arc<Cutter>, log: Logged) {
    for step in steps {
        match step {
            Step::Send(text) => {
                if send.send(Ok(Frame::data(text.into()))).await.is_err() {
                    return;
                }
            }
            Step::Pause(span) => tokio::select! {
                () = clock::pause(span) => {}
                () = send.closed() => return,
            },
            Step::Stall => return send.closed().await,
            Step::Cut => {
                log.end(End::Cut);
                let _ = send.send(Err(cutter.cut())).await;
                return;
            }
        }
    }
    log.end(End::Complete);
}

fn refusal(fault: &Fault, wire: Wire, number: Number) -> Reply {
    let status = StatusCode::from_u16(fault.status).expect("a status");
    let mut headers = fault.headers.clone();
    headers.push(("request-id", number.id("req")));
    if !fault.plain {
        return reply(status, &headers, &wire::fault(fault, wire, number));
    }
    let mut reply = Response::new(full(fault.message.to_string()));
    *reply.status_mut() = status;
    put(&mut reply, [("content-type", "text/plain".to_string())].into_iter().chain(headers));
    reply
}

fn headers(message: &Message, number: Number) -> Vec<(&'static str, String)> {
    let mut headers = message.headers.clone();
    headers.push(("request-id", number.id("req")));
    headers
}

fn reply(status: StatusCode, headers: &[(&'static str, String)], body: &Value) -> Reply {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut reply = Response::new(full(text));
    *reply.status_mut() = status;
    put(&mut reply, [("content-type", "application/json".to_string())].into_iter().chain(headers.iter().cloned()));
    reply
}

fn put(reply: &mut Reply, headers: impl Iterator<Item = (&'static str, String)>) {
    for (name, value) in headers {
        reply.headers_mut().insert(name, value.parse().expect("a header of ours"));
    }
}

fn full(text: String) -> BoxBody<Bytes, Cut> {
    Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {}).boxed()
}
