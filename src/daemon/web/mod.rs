//! The web server: `/metrics`, `/healthz`, `/readyz`, and nothing else. It answers questions and takes none of its own: a request has
//! no body, a connection carries one request. Where tokens are configured, metrics and reasons are for who shows one.

mod crowd;
mod door;
mod gate;
mod renewed;
mod visit;

#[cfg(test)]
mod tests;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::metrics::Metrics;
use super::token::Role;
pub use door::Door;
use gate::{Gate, Limits};

/// Where it listens when nobody says otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9615";

const LIMITS: Limits = Limits { connections: 32, life: Duration::from_secs(10) };

/// How long who shows no good token waits for the answer, in its place: no more than some guesses a second get through.
const REFUSAL: Duration = Duration::from_millis(500);

/// Why the daemon is not ready: empty when its captures are open and its store can be written.
pub type Ready = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

#[derive(Clone)]
struct App {
    metrics: Arc<Metrics>,
    ready: Ready,
    door: Arc<Door>,
}

/// Serves on a listener that is bound already, until `stop` is done.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    metrics: Arc<Metrics>,
    ready: Ready,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_within(LIMITS, listener, App { metrics, ready, door: Arc::new(door) }, stop).await
}

async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let gate = Gate::new(tokio::net::TcpListener::from_std(listener)?, limits, Arc::clone(&app.door), Arc::clone(&app.metrics));
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .layer(axum::middleware::map_response(one_request))
        .with_state(app);
    // On stop, connections under way end by themselves within their life.
    tokio::select! {
        served = axum::serve(gate, routes).into_future() => served,
        () = stop => Ok(()),
    }
}

/// Lets a request through to what takes a role, or has it wait and answers it.
async fn admitted(app: &App, headers: &HeaderMap, role: Role) -> Result<(), Response> {
    let Err(why) = app.door.admit(headers, role) else { return Ok(()) };
    app.metrics.http_refused(why);
    tokio::time::sleep(REFUSAL).await;
    Err((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], "a token is needed, as Authorization: Bearer\n").into_response())
}

async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Err(refusal) = admitted(&app, &headers, Role::Metrics).await {
        return refusal;
    }
    match app.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    /// Left out for who shows no token where one is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<String>>,
}

async fn readyz(State(app): State<App>, headers: HeaderMap) -> Response {
    // Who shows a token is judged by it; without one, it is told no reasons.
    let tells_all = app.door.is_open() || headers.contains_key(header::AUTHORIZATION);
    if tells_all && let Err(refusal) = admitted(&app, &headers, Role::Metrics).await {
        return refusal;
    }
    let reasons = (app.ready)();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons: tells_all.then_some(reasons) })).into_response()
}

async fn one_request(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}
