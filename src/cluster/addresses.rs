//! A table of addresses for clients behind a translation: what servers write, what is dialled instead. Knows no nodes.

use crate::endpoint::{self, Endpoint, EndpointError};
use std::collections::BTreeMap;

/// `None`: any port, or the same port.
type Place = (String, Option<u16>);

/// The table.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(BTreeMap<Place, Place>);

/// Why an entry was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Unreadable(EndpointError),
    Full,
}

impl Addresses {
    /// Adds or replaces an entry. Each side is `host:port`, or `host` alone: from any port, or to the same port.
    pub(super) fn set(&mut self, from: &str, to: &str, max: usize) -> Result<(), Refused> {
        let place = |text: &str| endpoint::split(text.as_bytes()).map_err(Refused::Unreadable);
        let (from, to) = (place(from)?, place(to)?);
        if self.0.len() >= max && !self.0.contains_key(&from) {
            return Err(Refused::Full);
        }
        self.0.insert(from, to);
        Ok(())
    }

    /// What to dial. An entry with the port comes before one without; what comes out is not looked up again.
    pub(super) fn apply(&self, endpoint: Endpoint) -> Endpoint {
        if self.0.is_empty() {
            return endpoint;
        }
        let Endpoint { host, port } = endpoint;
        let exact = (host, Some(port));
        let found = self.0.get(&exact);
        let any = (exact.0, None);
        match found.or_else(|| self.0.get(&any)) {
            Some((host, to)) => Endpoint { host: host.clone(), port: to.unwrap_or(port) },
            None => Endpoint { host: any.0, port },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(table: &Addresses, host: &str, port: u16) -> String {
        table.apply(Endpoint::new(host, port).expect("an endpoint")).to_string()
    }

    #[test]
    fn nd_19_with_or_without_port_and_never_twice() {
        let mut table = Addresses::default();
        assert_eq!(to(&table, "10.0.0.1", 6379), "10.0.0.1:6379");
        table.set("10.0.0.1:6379", "nat.example.com:30001", 9).expect("fits");
        table.set("10.0.0.2", "10.0.0.1", 9).expect("fits");
        table.set("[fd00::1]:7000", "[fd00::2]:7001", 9).expect("fits");
        assert_eq!(to(&table, "10.0.0.1", 6379), "nat.example.com:30001");
        assert_eq!(to(&table, "10.0.0.1", 6380), "10.0.0.1:6380");
        assert_eq!(to(&table, "10.0.0.2", 6379), "10.0.0.1:6379");
        assert_eq!(to(&table, "fd00::1", 7000), "[fd00::2]:7001");
    }

    #[test]
    fn s1_max_addresses_and_entries_that_cannot_be_read() {
        let mut table = Addresses::default();
        table.set("a:1", "b:1", 1).expect("fits");
        assert_eq!(table.set("c:1", "d:1", 1), Err(Refused::Full));
        table.set("a:1", "c:1", 1).expect("replaces");
        assert_eq!(table.set("", "d:1", 9), Err(Refused::Unreadable(EndpointError::Empty)));
        assert_eq!(to(&table, "a", 1), "c:1");
    }
}
