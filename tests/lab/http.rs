//! Small requests to a server on this machine: the model server, and the one that OpenCode is.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use flightdeck::edge::clock;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::http::request::Builder;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// `opencode:lab` as the header wants it: the password that the lab gives to OpenCode's server.
pub(crate) const PASSWORD: &str = "lab";
const AUTHORIZATION: &str = "Basic b3BlbmNvZGU6bGFi";

/// Sends a request and gives the answer with its body still open; none where there was no answer. Null is no body.
pub(crate) async fn send(to: SocketAddr, method: &str, path: &str, body: &Value) -> Option<Response<Incoming>> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(path).header("authorization", AUTHORIZATION);
    carry(to, request, text).await
}

/// What a server tells whoever knows this password; null where it tells nothing.
pub(crate) async fn told(to: SocketAddr, password: &str, path: &str) -> Value {
    let header = format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("opencode:{password}")));
    let Some(response) = carry(to, Request::get(path).header("authorization", header), String::new()).await else {
        return Value::Null;
    };
    let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    serde_json::from_slice(&body).unwrap_or(Value::Null)
}

/// A request without the password; only its status.
pub(crate) async fn status_as_a_stranger(to: SocketAddr, path: &str) -> u16 {
    let response = carry(to, Request::get(path), String::new()).await;
    response.map_or(0, |response| response.status().as_u16())
}

async fn carry(to: SocketAddr, request: Builder, text: String) -> Option<Response<Incoming>> {
    let stream = tokio::net::TcpStream::connect(to).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = request.header("host", "lab").header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from(text)));
    sender.send_request(request.expect("a request")).await.ok()
}

/// Status, body and whether the body was whole; 0 where there was no answer within `span`.
pub(crate) async fn ask(span: Duration, to: SocketAddr, call: (&str, &str), body: &Value) -> (u16, String, bool) {
    let none = (0, String::new(), false);
    clock::within(span, hear(to, call, body)).await.unwrap_or(none)
}

async fn hear(to: SocketAddr, (method, path): (&str, &str), body: &Value) -> (u16, String, bool) {
    let Some(response) = send(to, method, path, body).await else { return (0, String::new(), false) };
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (status, text, false) };
        text.push_str(&String::from_utf8_lossy(frame.data_ref().map_or(&[][..], |data| data)));
    }
    (status, text, true)
}
