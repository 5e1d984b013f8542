//! `nosia serve`: the life of the appliance on one page.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::{print, socket, systemd};
use crate::app::{App, health, sign_in};
use crate::config::Settings;
use crate::{http, telemetry};

/// How often what timings wait in is emptied.
const TIDY_EVERY: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nosia serve --data ./data\n  nosia serve --data ./data --listen 127.0.0.1:3000\n  nosia serve --listen 0.0.0.0:8443 --tls self-signed"
)]
pub struct Args {
    /// An address to listen on; may be given several times
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,
    /// How connections are secured: auto (self-signed, but plain on loopback), self-signed, or off
    #[arg(long, value_name = "MODE")]
    tls: Option<String>,
}

impl Args {
    /// The settings that were given as flags.
    pub fn flags(&self) -> Vec<(String, String)> {
        let mut flags = Vec::new();
        if !self.listen.is_empty() {
            flags.push(("listen".to_owned(), self.listen.join(",")));
        }
        flags.extend(self.tls.iter().map(|mode| ("tls".to_owned(), mode.clone())));
        flags
    }
}

/// Opens the rooms, serves until a signal, and closes the rooms.
pub async fn run(_args: Args, settings: Settings) -> anyhow::Result<()> {
    let mut signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
    for signal in &mut signals {
        if let Err(error) = signal {
            anyhow::bail!("signals cannot be heard: {error}");
        }
    }
    // Counting begins before there is anything to count.
    let numbers = tokio::spawn(tidy(telemetry::metrics()));
    let app = App::open(settings, std::env::current_exe()?).await?;
    let commands = socket::listen(app.clone())?;
    let stop = poll_fn(move |context| {
        let heard = signals.iter_mut().flatten().any(|signal| signal.poll_recv(context).is_ready());
        if heard { Poll::Ready(()) } else { Poll::Pending }
    });
    let link = sign_in::setup_link(&app).await?.map(|secret| format!("/setup/{}", secret.reveal()));
    let options = http::Options::of(&app);
    let watched = app.clone();
    let served =
        http::serve(app.clone(), options, move |addresses| ready(&watched, &addresses, link.as_deref()), async {
            stop.await;
            systemd::stopping();
            tracing::info!("stopping: requests in progress are ended first");
        })
        .await;
    commands.abort();
    numbers.abort();
    app.stop().await;
    let _ = std::fs::remove_file(socket::path(app.data()));
    served.map_err(Into::into)
}

/// Keeps the numbers small although nobody may ever ask for them. Never ends.
async fn tidy(numbers: telemetry::Metrics) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        numbers.tidy();
    }
}

/// Tells systemd and the reader that it runs, and where.
fn ready(app: &App, addresses: &[http::Address], link: Option<&str>) {
    let base = base_url(addresses);
    print::note(format_args!("Nosia runs at {base}"));
    if let Some(path) = link {
        print::note(format_args!(
            "Make the first administrator with this one-time link (good for 30 minutes):\n  {base}{path}"
        ));
    }
    systemd::ready(&format!("Serving at {base}"));
    let app = app.clone();
    systemd::watch(move || {
        let app = app.clone();
        async move { health::is_alive(&app).await }
    });
}

/// The address that a person on this machine types.
fn base_url(addresses: &[http::Address]) -> String {
    let Some(address) = addresses.first() else { return String::new() };
    if let Some(public) = &address.public_url {
        return public.clone();
    }
    let scheme = if address.secure { "https" } else { "http" };
    let shown = match address.socket {
        unspecified if unspecified.ip().is_unspecified() => SocketAddr::from(([127, 0, 0, 1], unspecified.port())),
        given => given,
    };
    format!("{scheme}://{shown}")
}
