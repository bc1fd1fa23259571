//! Addresses to which no connection is made, whatever a connection names.
//!
//! What answers at a link-local or metadata address trusts whoever can reach it, and the operator can. A name is
//! resolved anew for each connection, and the connection goes to the very address that was looked at: a name that
//! means something else a moment later leads nowhere else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Metadata services that are not at a link-local address: of Alibaba Cloud, Azure and Oracle Cloud,
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];
/// of Amazon (two) and of Google Cloud.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// A host whose every address is one of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its address is link-local or that of a metadata service")]
pub struct ForbiddenAddress;

/// Looks at a host that is written as an address; a name is looked at when it is resolved.
pub(super) fn check_literal(url: &Url) -> Result<(), ForbiddenAddress> {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match host.parse() {
        Ok(address) if is_forbidden(address) => Err(ForbiddenAddress),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_forbidden_v4(address),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || METADATA_V6.contains(&address)
                || embedded(address).is_some_and(is_forbidden_v4)
        }
    }
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    address.is_link_local() || METADATA_V4.contains(&address)
}

/// The address that some gateway would make of one that carries another: mapped and translated ones, those of NAT64 and
/// 6to4, and the old compatible form.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let joined = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(joined(high, low)),
        _ => None,
    }
}

/// Asks for the addresses of a name.
pub(super) trait Lookup: Send + Sync + 'static {
    /// All of them, in the order of preference.
    fn addresses(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
}

/// As the operating system has it.
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// Gives the addresses of a name to which a connection may be made.
pub(super) struct Resolver(pub(super) Arc<dyn Lookup>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.addresses(name.as_str().to_owned());
        Box::pin(async move {
            let addresses: Addrs = Box::new(permitted(found.await?)?.into_iter());
            Ok(addresses)
        })
    }
}

fn permitted(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ForbiddenAddress> {
    let (forbidden, permitted): (Vec<_>, Vec<_>) = found.into_iter().partition(|address| is_forbidden(address.ip()));
    if permitted.is_empty() && !forbidden.is_empty() { Err(ForbiddenAddress) } else { Ok(permitted) }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
