//! The web server: `/metrics`, `/healthz`, `/readyz`, and nothing else. It answers questions and takes none of its own: a request has
//! no body, a connection carries one request.

mod gate;

#[cfg(test)]
mod tests;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::metrics::Metrics;
use gate::{Gate, Limits};

/// Where it listens when nobody says otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9615";

const LIMITS: Limits = Limits { connections: 32, life: Duration::from_secs(10) };

/// Why the daemon is not ready: empty when its captures are open and its store can be written.
pub type Ready = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

#[derive(Clone)]
struct App {
    metrics: Arc<Metrics>,
    ready: Ready,
}

/// Serves on a listener that is bound already, until `stop` is done.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    ready: Ready,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_within(LIMITS, listener, App { metrics, ready }, stop).await
}

async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let gate = Gate::new(tokio::net::TcpListener::from_std(listener)?, limits);
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

async fn metrics(State(app): State<App>) -> Response {
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
    reasons: Vec<String>,
}

async fn readyz(State(app): State<App>) -> Response {
    let reasons = (app.ready)();
    let ready = reasons.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, reasons })).into_response()
}

async fn one_request(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}
