//! Calls to an OpenCode on the loopback device. A connection each: they are few, and nothing is kept that could go stale.

use std::net::Ipv4Addr;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::access::{Access, USER};
use crate::edge::clock;

/// Longest answer: the last messages of a conversation, with what tools printed in them.
const ANSWER_CAP: usize = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nothing was sent.
    #[error("its server can't be reached: {0}")]
    Unreached(String),
    /// Something was sent, and nobody knows what came of it.
    #[error("its server did not answer: {0}")]
    Broken(String),
}

/// Status and body.
pub(super) type Answer = (u16, Vec<u8>);

/// One call, within `span`.
pub(super) async fn call(
    to: &Access,
    (method, path): (&str, &str),
    body: Option<&Value>,
    span: Duration,
) -> Result<Answer, CallError> {
    let whole = async {
        let response = send(to, method, path, body).await?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_CAP).collect().await;
        let body = body.map_err(|cause| CallError::Broken(cause.to_string()))?;
        Ok((status, body.to_bytes().to_vec()))
    };
    clock::within(span, whole).await.unwrap_or_else(|late| Err(CallError::Broken(format!("{late:?}"))))
}

/// Reads something: JSON, where it is there.
pub(super) async fn get(to: &Access, path: &str, span: Duration) -> Result<(u16, Value), CallError> {
    let (status, body) = call(to, ("GET", path), None, span).await?;
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

/// Sends a request; its body comes piece by piece.
pub(super) async fn send(
    to: &Access,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Response<Incoming>, CallError> {
    let unreached = |cause: String| CallError::Unreached(cause);
    let stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, to.port)).await;
    let stream = stream.map_err(|cause| unreached(cause.to_string()))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|cause| unreached(cause.to_string()))?;
    // Ends with the body, whose reader is ours.
    tokio::spawn(connection);
    let authorization = format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{}", to.password)));
    let text = body.map(Value::to_string).unwrap_or_default();
    let mut request = Request::builder().method(method).uri(path);
    // A server for several agents has a world for each folder, and tells of that one alone.
    if let Some(dir) = &to.shares {
        request = request.header("x-opencode-directory", encoded(dir));
    }
    let request = request
        .header("host", format!("127.0.0.1:{}", to.port))
        .header("authorization", authorization)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(text)))
        .map_err(|cause| unreached(cause.to_string()))?;
    sender.send_request(request).await.map_err(|cause| CallError::Broken(cause.to_string()))
}

/// A path as a header takes it, and the server decodes it.
fn encoded(path: &std::path::Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    bytes.map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_in_letters_that_a_header_takes() {
        assert_eq!(encoded(std::path::Path::new("/a b/100%/ü-1.x_~")), "/a%20b/100%25/%C3%BC-1.x_~");
    }
}
