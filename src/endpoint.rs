//! Where a node is: `host:port` as servers write it, peer addresses, and which of them may be followed. Knows no time, no
//! state and no DNS.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest host that is taken: the longest DNS name. IPv6 with any sensible zone is shorter.
pub const MAX_HOST: usize = 253;

/// The longest endpoint text that is looked at: a host in brackets, a colon, five digits.
pub const MAX_ENDPOINT_TEXT: usize = MAX_HOST + 8;

/// Why a text names no endpoint.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum EndpointError {
    /// Nothing there.
    #[error("the endpoint is empty")]
    Empty,
    /// Longer than [`MAX_ENDPOINT_TEXT`], or its host longer than [`MAX_HOST`].
    #[error("the endpoint is too long")]
    TooLong,
    /// Control characters, blanks, or bytes outside ASCII.
    #[error("the endpoint has a character that no endpoint has")]
    BadCharacter,
    /// Neither an IP address nor a DNS name.
    #[error("the host is neither an IP address nor a DNS name")]
    BadHost,
    /// `?`: the server does not know the host.
    #[error("the server does not know the host")]
    UnknownHost,
    /// Not a decimal number up to 65535.
    #[error("the port is not a number up to 65535")]
    BadPort,
    /// Port 0: the server says that there is none.
    #[error("the port is 0")]
    PortZero,
    /// No port, and no default for it.
    #[error("the endpoint has no port")]
    MissingPort,
    /// A policy entry that is neither an endpoint, a host, `.suffix` nor an address range.
    #[error("the entry is neither a host, host:port, .suffix nor an address range")]
    BadEntry,
    /// There is no memory for the host.
    #[error("there is no memory for the host")]
    NoMemory,
}

/// A host and a port to dial.
///
/// [`Endpoint::new`] and [`Endpoint::parse`] normalise, so that equality means the same place: names in lower case, IPv6
/// without brackets in its canonical form, zone kept, IPv4-mapped IPv6 as IPv4. Who fills the fields directly does
/// without that.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Endpoint {
    /// A DNS name, an IPv4 address, or an IPv6 address without brackets and with its zone, if any.
    pub host: String,
    /// Never 0 when parsed.
    pub port: u16,
}

impl Endpoint {
    /// From parts that are already apart. The host may be in brackets.
    pub fn new(host: &str, port: u16) -> Result<Self, EndpointError> {
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if port == 0 {
            return Err(EndpointError::PortZero);
        }
        Ok(Self { host: parse_host(host)?, port })
    }

    /// Reads `host:port`, `[v6]:port`, `v6:port` without brackets, and, given a default port, all these without port.
    ///
    /// IPv6 without brackets is ambiguous; the last colon separates the port where what is left of it is an address by
    /// itself and what is right of it is decimal: `2001:db8::1:6379` is port 6379 of `2001:db8::1`.
    ///
    /// ```
    /// use sch::endpoint::Endpoint;
    /// let endpoint = Endpoint::parse(b"2001:DB8::1:6379", None).unwrap();
    /// assert_eq!((endpoint.host.as_str(), endpoint.port), ("2001:db8::1", 6379));
    /// assert_eq!(endpoint.to_string(), "[2001:db8::1]:6379");
    /// ```
    pub fn parse(text: &[u8], default_port: Option<u16>) -> Result<Self, EndpointError> {
        let (host, port) = split(text)?;
        let port = match port {
            Some(port) => port,
            None => default_port.filter(|&port| port != 0).ok_or(EndpointError::MissingPort)?,
        };
        Ok(Self { host, port })
    }

    /// The same, borrowed.
    pub(crate) fn at(&self) -> At<'_> {
        At(&self.host, self.port)
    }

    /// A copy, if there is memory for it.
    pub(crate) fn copy(&self) -> crate::error::Result<Self> {
        self.at().copy()
    }

    /// The address, if the host is one; its zone is left out, IPv4-mapped IPv6 is unwrapped.
    pub fn ip(&self) -> Option<IpAddr> {
        host_ip(&self.host)
    }
}

impl fmt::Display for Endpoint {
    /// `host:port`, IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at().fmt(f)
    }
}

/// An endpoint whose host is another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At<'a>(pub(crate) &'a str, pub(crate) u16);

impl At<'_> {
    /// A copy, with room for a NUL after the host.
    pub(crate) fn copy(self) -> crate::error::Result<Endpoint> {
        Ok(Endpoint { host: copy_host(self.0)?, port: self.1 })
    }
}

/// A copy of a host, with room for a NUL after it.
pub(crate) fn copy_host(host: &str) -> crate::error::Result<String> {
    let mut copy = String::new();
    crate::mem::Room::room(&mut copy, host.len() + 1)?;
    copy.push_str(host);
    Ok(copy)
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(':') {
            write!(f, "[{}]:{}", self.0, self.1)
        } else {
            write!(f, "{}:{}", self.0, self.1)
        }
    }
}

/// Splits and checks an endpoint text. The port is not 0; `None` if there is none.
pub(crate) fn split(text: &[u8]) -> Result<(String, Option<u16>), EndpointError> {
    if text.is_empty() {
        return Err(EndpointError::Empty);
    }
    if text.len() > MAX_ENDPOINT_TEXT {
        return Err(EndpointError::TooLong);
    }
    if !text.iter().all(u8::is_ascii_graphic) {
        return Err(EndpointError::BadCharacter);
    }
    let text = core::str::from_utf8(text).map_err(|_| EndpointError::BadCharacter)?;
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(EndpointError::BadHost)?;
        let host = parse_v6(host)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(parse_port(port)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(EndpointError::BadPort),
        };
    }
    let Some((host, port)) = text.rsplit_once(':') else { return Ok((parse_host(text)?, None)) };
    if !host.contains(':') {
        return Ok((parse_host(host)?, Some(parse_port(port)?)));
    }
    let decimal = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match (parse_v6(host), parse_v6(text)) {
        (Err(EndpointError::NoMemory), _) | (_, Err(EndpointError::NoMemory)) => Err(EndpointError::NoMemory),
        (Ok(host), _) if decimal => Ok((host, Some(parse_port(port)?))),
        (_, Ok(host)) => Ok((host, None)),
        (Ok(_), Err(_)) => Err(EndpointError::BadPort),
        (Err(_), Err(_)) => Err(EndpointError::BadHost),
    }
}

fn parse_port(text: &str) -> Result<u16, EndpointError> {
    if text.is_empty() || text.len() > 5 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EndpointError::BadPort);
    }
    match text.parse() {
        Ok(0) => Err(EndpointError::PortZero),
        Ok(port) => Ok(port),
        Err(_) => Err(EndpointError::BadPort),
    }
}

fn parse_host(host: &str) -> Result<String, EndpointError> {
    match host {
        "" => return Err(EndpointError::Empty),
        "?" => return Err(EndpointError::UnknownHost),
        _ if host.contains(':') => return parse_v6(host),
        _ => {}
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > MAX_HOST {
        return Err(EndpointError::TooLong);
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return text(format_args!("{host}"));
    }
    // A last label of digits only is no name: resolvers would take `10.1` or `167772161` for an address.
    let last_is_number = name.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    if last_is_number || !name.split('.').all(is_label) {
        return Err(EndpointError::BadHost);
    }
    let mut host = text(format_args!("{host}"))?;
    host.make_ascii_lowercase();
    Ok(host)
}

fn text(of: fmt::Arguments<'_>) -> Result<String, EndpointError> {
    crate::mem::text(|text| text.write_fmt(of)).ok_or(EndpointError::NoMemory)
}

/// Underscores are not of the DNS book, but of every container network.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// An IPv6 address with or without zone, without brackets, in canonical form.
fn parse_v6(host: &str) -> Result<String, EndpointError> {
    let ip = |address: &str| address.parse::<Ipv6Addr>().map_err(|_| EndpointError::BadHost);
    let Some((address, zone)) = host.split_once('%') else {
        return text(format_args!("{}", IpAddr::V6(ip(host)?).to_canonical()));
    };
    let ip = ip(address)?;
    let zone_fits =
        !zone.is_empty() && zone.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b));
    if !zone_fits || host.len() > MAX_HOST {
        return Err(EndpointError::BadHost);
    }
    text(format_args!("{ip}%{zone}"))
}

fn host_ip(host: &str) -> Option<IpAddr> {
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    address.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// Whether an endpoint text stands for "no endpoint given".
///
/// * empty: what is left of a null after a proxy has made it a bulk string;
/// * `null`, in any case: Lettuce takes it so, for servers that write the word;
/// * `<nil>`: the print form of Go's nil, which go-redis takes so;
/// * `?`: how Redis says in CLUSTER SLOTS that it does not know a host.
pub fn is_null_endpoint_text(text: &[u8]) -> bool {
    text.is_empty() || text == b"?" || text == b"<nil>" || text.eq_ignore_ascii_case(b"null")
}

/// The address a transport is connected to. IPv4-mapped IPv6 is unwrapped, so that equality means the same node (P1).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PeerAddr {
    ip: IpAddr,
    port: u16,
}

impl PeerAddr {
    /// From an address and a port.
    pub fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip: ip.to_canonical(), port }
    }

    /// From text, as [`Endpoint::parse`] without default port; the host must be an address. A zone is left out.
    pub fn parse(text: &[u8]) -> Result<Self, EndpointError> {
        let endpoint = Endpoint::parse(text, None)?;
        let ip = endpoint.ip().ok_or(EndpointError::BadHost)?;
        Ok(Self { ip, port: endpoint.port })
    }

    /// The address, unwrapped.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

/// Whether an address is of a private network (O4): RFC 1918, loopback, link-local, RFC 4193, RFC 6598. IPv4-mapped IPv6
/// is unwrapped.
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local(),
    }
}

/// Which kind of endpoint the server is asked to put into MOVING.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum EndpointType {
    /// An address of the private network.
    InternalIp,
    /// A name that resolves in the private network.
    InternalFqdn,
    /// A public address.
    ExternalIp,
    /// A public name.
    ExternalFqdn,
    /// No endpoint: clients go back to the configured address.
    None,
}

impl EndpointType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::InternalIp, Self::InternalFqdn, Self::ExternalIp, Self::ExternalFqdn, Self::None];

    /// What `auto` means for this transport (O4): a private peer is internal, TLS wants names.
    ///
    /// A peer that is not known counts as external: public endpoints can be reached from nearly everywhere, private ones
    /// only from where the peer address would have told.
    pub fn auto(peer: Option<IpAddr>, tls: bool) -> Self {
        match (peer.is_some_and(is_private), tls) {
            (true, false) => Self::InternalIp,
            (true, true) => Self::InternalFqdn,
            (false, false) => Self::ExternalIp,
            (false, true) => Self::ExternalFqdn,
        }
    }

    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InternalIp => "internal-ip",
            Self::InternalFqdn => "internal-fqdn",
            Self::ExternalIp => "external-ip",
            Self::ExternalFqdn => "external-fqdn",
            Self::None => "none",
        }
    }

    /// The type of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.as_str().eq_ignore_ascii_case(name))
    }
}

/// The name to ask for and to verify in TLS (H11): an FQDN endpoint is its own, an address keeps the configured host,
/// whose certificate it is. The dot at the end of an absolute name is left out, as no certificate has it.
pub fn tls_server_name<'a>(endpoint: &'a Endpoint, configured: &'a str) -> &'a str {
    let name = if endpoint.ip().is_some() { configured } else { endpoint.host.as_str() };
    name.strip_suffix('.').unwrap_or(name)
}

/// Which MOVING targets are followed (S3). The configured host itself is allowed under each of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum EndpointPolicy {
    /// All. The default, as of every client: who can write to the connection already has the session.
    #[default]
    Any,
    /// Names in the domain of the configured host: what follows its first label, or the host itself where less than two
    /// labels would be left. If the configured host is an address, only that address. No public suffix list is used.
    ConfiguredDomain,
    /// Names that are or end in this, at a dot, in any case; a dot in front is ignored. No addresses.
    Suffix(String),
    /// What one of these entries names.
    List(Vec<ListEntry>),
}

/// One entry of an explicit list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListEntry {
    /// This host, any port.
    Host(String),
    /// This host and port.
    Endpoint(Endpoint),
    /// All names under this suffix (written `.suffix`), any port.
    Suffix(String),
    /// All addresses with the same first bits (written `10.0.0.0/8`, `fd00::/8`), any port.
    Range(IpAddr, u8),
}

impl ListEntry {
    /// Reads `host`, `host:port`, `.suffix` or `address/bits`.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if let Some(suffix) = text.strip_prefix('.') {
            return parse_host(suffix).map(Self::Suffix);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let ip = address.parse::<IpAddr>().map_err(|_| EndpointError::BadEntry)?;
            let most = if ip.is_ipv4() { 32 } else { 128 };
            let bits = bits.parse().ok().filter(|&bits| bits <= most).ok_or(EndpointError::BadEntry)?;
            return Ok(Self::Range(ip, bits));
        }
        Ok(match split(text.as_bytes())? {
            (host, Some(port)) => Self::Endpoint(Endpoint { host, port }),
            (host, None) => Self::Host(host),
        })
    }

    fn names(&self, endpoint: &Endpoint) -> bool {
        match self {
            Self::Host(host) => same_host(host, &endpoint.host),
            Self::Endpoint(entry) => entry.port == endpoint.port && same_host(&entry.host, &endpoint.host),
            Self::Suffix(suffix) => has_suffix(endpoint, suffix),
            Self::Range(network, bits) => endpoint.ip().is_some_and(|ip| in_range(ip, *network, *bits)),
        }
    }
}

impl EndpointPolicy {
    /// A list, each entry read by [`ListEntry::parse`].
    pub fn list<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, EndpointError> {
        entries.into_iter().map(ListEntry::parse).collect::<Result<_, _>>().map(Self::List)
    }

    /// Whether this endpoint may be dialled by a connection that was configured for `configured_host`.
    pub fn allows(&self, endpoint: &Endpoint, configured_host: &str) -> bool {
        if same_host(&endpoint.host, configured_host) {
            return true;
        }
        match self {
            Self::Any => true,
            Self::ConfiguredDomain => {
                host_ip(unbracketed(configured_host)).is_none()
                    && has_suffix(endpoint, domain_of(configured_host))
            }
            Self::Suffix(suffix) => has_suffix(endpoint, suffix),
            Self::List(entries) => entries.iter().any(|entry| entry.names(endpoint)),
        }
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

fn same_host(a: &str, b: &str) -> bool {
    let (a, b) = (unbracketed(a), unbracketed(b));
    if a.eq_ignore_ascii_case(b) {
        return true;
    }
    match (host_ip(a), host_ip(b)) {
        // Zones differ, or else they would have been equal as text; the same address elsewhere is another host.
        (Some(x), Some(y)) => x == y && !a.contains('%') && !b.contains('%'),
        _ => a.strip_suffix('.').unwrap_or(a).eq_ignore_ascii_case(b.strip_suffix('.').unwrap_or(b)),
    }
}

fn domain_of(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    match host.split_once('.') {
        Some((_, domain)) if domain.contains('.') => domain,
        _ => host,
    }
}

fn has_suffix(endpoint: &Endpoint, suffix: &str) -> bool {
    let host = endpoint.host.strip_suffix('.').unwrap_or(&endpoint.host).as_bytes();
    let suffix = suffix.strip_suffix('.').unwrap_or(suffix);
    let suffix = suffix.strip_prefix('.').unwrap_or(suffix).as_bytes();
    if suffix.is_empty() || host.len() < suffix.len() || endpoint.ip().is_some() {
        return false;
    }
    let (front, tail) = host.split_at(host.len() - suffix.len());
    tail.eq_ignore_ascii_case(suffix) && (front.is_empty() || front.ends_with(b"."))
}

fn in_range(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let differ = ip.to_bits() ^ network.to_bits();
            differ.checked_shr(32 - u32::from(bits.min(32))).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let differ = ip.to_bits() ^ network.to_bits();
            differ.checked_shr(128 - u32::from(bits.min(128))).unwrap_or(0) == 0
        }
        _ => false,
    }
}
