//! Names to addresses by hickory, never by libc, and only to addresses that the policy allows.
//!
//! `/etc/hosts` and `/etc/resolv.conf` are read again when they change, so that a server started before its network
//! was up finds it later. Where no name server is configured none is asked: nothing falls back to a public one.

use super::{NetError, Policy};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// The files that resolution follows.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// When each of [`FILES`] was last written; `None` where it cannot be read.
type Stamp = [Option<SystemTime>; 2];

/// The resolver of one client.
#[derive(Clone)]
pub(super) struct Resolver {
    policy: Policy,
    current: Arc<Mutex<Option<(Stamp, TokioResolver)>>>,
}

impl Resolver {
    pub(super) fn new(policy: Policy) -> Resolver {
        Resolver { policy, current: Arc::new(Mutex::new(None)) }
    }

    /// The addresses of `host` that the policy allows; at least one.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NetError> {
        let failed = |reason: String| NetError::Name { host: host.to_owned(), reason };
        let resolver = self.engine().map_err(failed)?;
        let found = resolver.lookup_ip(host).await.map_err(|error| failed(error.to_string()))?;
        let allowed: Vec<IpAddr> = found.iter().filter(|address| self.policy.allows(*address)).collect();
        if allowed.is_empty() {
            return Err(NetError::Forbidden { host: host.to_owned() });
        }
        Ok(allowed)
    }

    /// hickory's resolver for the files as they are now.
    fn engine(&self) -> Result<TokioResolver, String> {
        let stamp = FILES.map(|file| std::fs::metadata(file).and_then(|of| of.modified()).ok());
        let mut current = self.current.lock().expect("no holder of the resolver panics");
        if let Some((read, resolver)) = current.as_ref()
            && *read == stamp
        {
            return Ok(resolver.clone());
        }
        let resolver = build().map_err(|error| error.to_string())?;
        *current = Some((stamp, resolver.clone()));
        Ok(resolver)
    }
}

/// A resolver by `/etc/resolv.conf`, or by `/etc/hosts` alone where there is none.
fn build() -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        tracing::debug!(%error, "no name server is configured; only /etc/hosts is used");
        TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
    });
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            // Port 0 stands for the port of the URL.
            let sockets: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(sockets)
        })
    }
}
