//! Dialling on the host's own account: ids for transports to be. Where to is decided before. Knows no pool.

use super::*;

impl Connection {
    /// As `dial`, to a place that the host knows from elsewhere: a pool says where all its connections go (P2).
    pub fn dial_to(&mut self, now: Timestamp, endpoint: Endpoint) -> Result<Dial> {
        let now = self.begin(now)?;
        let line = format!("dial-to {endpoint}");
        let dial = self.lend_dial(endpoint)?;
        self.trace.input(format_args!("{line}"));
        self.finish(now);
        Ok(dial)
    }

    /// Lends a transport for `endpoint`, up to `MAX_DIALS`.
    pub(super) fn lend_dial(&mut self, endpoint: Endpoint) -> Result<Dial> {
        if self.dialing.len() >= MAX_DIALS {
            return Err(Error::Limit {
                limit: "max_dials",
                value: MAX_DIALS as u64,
                hint: "report connected or connect_failed for those asked for",
            });
        }
        let transport = self.lend_id();
        self.dialing.push((transport, endpoint.clone()));
        let tls_server_name = self.server_name(&endpoint);
        Ok(Dial { transport, endpoint, tls_server_name })
    }
}
