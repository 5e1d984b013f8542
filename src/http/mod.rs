//! The HTTP door: wire, pages, statuses. It translates and never decides: every rule is the hall's.
//!
//! In reading order: [`routes`] (every address on one page), [`gate`] (who is calling, before a body is read),
//! [`error`] (one table), the three faces [`openai`], [`nosia`] and [`pages`], and below them what they share.

pub mod routes;
mod gate;
mod error;
mod openai;
mod nosia;
mod pages;
mod health;
mod stream;
mod body;
mod embedded;
mod headers;
mod tls;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{HttpServer, web};

use crate::app::App;
use crate::limits;

pub use tls::TlsError;

/// Where to listen, and under what name.
#[derive(Clone, Debug)]
pub struct Options {
    /// The addresses, each with whether https is spoken there.
    pub listen: Vec<(SocketAddr, bool)>,
    /// Where the certificate is kept, or made when there is none.
    pub certificates: PathBuf,
    /// `https://nosia.example.org`, where a proxy in front answers to another name than this machine's.
    pub public_url: Option<String>,
}

impl Options {
    /// As the settings of `app` say.
    pub fn of(app: &App) -> Options {
        let settings = app.settings();
        Options {
            listen: settings.listen.iter().map(|&address| (address, settings.speaks_tls(&address))).collect(),
            certificates: app.data().join("tls"),
            public_url: settings.url.clone(),
        }
    }
}

/// An address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub socket: SocketAddr,
    /// Whether https is spoken there.
    pub secure: bool,
    /// The address that people use instead, if one is set.
    pub public_url: Option<String>,
}

/// Why serving could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("{0} cannot be listened on: {1}")]
    Listen(SocketAddr, #[source] std::io::Error),
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("the server stopped: {0}")]
    Stopped(#[source] std::io::Error),
}

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct Site {
    pub app: App,
    pub public_url: Option<String>,
}

/// Serves until `stop` completes, then ends requests in progress within [`limits::STOP_SECONDS_MAX`].
///
/// `ready` is told the addresses once all are listened on, with the real port where 0 was asked for.
pub async fn serve(
    app: App,
    options: Options,
    ready: impl FnOnce(Vec<Address>),
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let site = Site { app, public_url: options.public_url.clone() };
    let mut server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(web::Data::new(site.clone()))
            .wrap(from_fn(gate::gate))
            .wrap(from_fn(error::render))
            .wrap(from_fn(headers::add))
            .configure(routes::add)
    })
    .disable_signals()
    // A reader that closes its side has left: its answer is no longer worked on.
    .h1_allow_half_closed(false)
    .client_request_timeout(Duration::from_secs(limits::REQUEST_HEAD_SECONDS_MAX))
    .client_disconnect_timeout(Duration::from_secs(limits::DISCONNECT_SECONDS_MAX))
    .shutdown_timeout(limits::STOP_SECONDS_MAX);
    let mut addresses = Vec::with_capacity(options.listen.len());
    for &(wanted, secure) in &options.listen {
        let failed = |error| ServeError::Listen(wanted, error);
        let listener = TcpListener::bind(wanted).map_err(failed)?;
        let socket = listener.local_addr().map_err(failed)?;
        addresses.push(Address { socket, secure, public_url: options.public_url.clone() });
        server = match secure {
            true => server.listen_rustls_0_23(listener, tls::server_config(&options.certificates)?).map_err(failed)?,
            false => server.listen(listener).map_err(failed)?,
        };
    }
    let running = server.run();
    let handle = running.handle();
    ready(addresses);
    let mut running = std::pin::pin!(running);
    tokio::select! {
        ended = &mut running => ended.map_err(ServeError::Stopped),
        () = stop => {
            let ((), ended) = tokio::join!(handle.stop(true), running);
            ended.map_err(ServeError::Stopped)
        }
    }
}
