//! What the parsers of the driver give, frame by frame: pushes, which level 1 hands over, and replies, each to who waits for it.

use super::*;
use sch::conn::PushVerdict;
use sch::resp::value;

const NOTIFICATIONS: &[&str] =
    &["MOVING", "MIGRATING", "MIGRATED", "FAILING_OVER", "FAILED_OVER", "SMIGRATING", "SMIGRATED"];

impl World {
    /// Bytes for the parser of that transport. At level 2 actions wait until the parser has given what it has whole, as CLOSE ends it.
    pub fn parse_link(&mut self, client: usize, transport: TransportId, data: &[u8]) {
        let Some(link) = self.driver(client).links.get_mut(&transport) else { return };
        link.parser.extend_from_slice(data);
        while let Some(frame) = self.next_frame(client, transport) {
            let line = format_args!("c{client} reads {frame:?} of {transport}");
            self.story.detail(self.net.now, frame.len() as u64, line);
            if frame.starts_with('>') {
                self.link_pushed(client, transport, &frame);
            } else {
                self.link_replied(client, transport, &frame);
            }
            if self.level(client) == 1 {
                self.actions(client);
            }
        }
    }

    /// None also where the link is gone with what was read before.
    fn next_frame(&mut self, client: usize, transport: TransportId) -> Option<String> {
        let parser = &mut self.driver(client).links.get_mut(&transport)?.parser;
        let (_, len) = value::parse(parser, &value::ValueLimits::default()).ok()?;
        Some(String::from_utf8(parser.drain(..len).collect()).expect("text"))
    }

    fn link_pushed(&mut self, client: usize, transport: TransportId, frame: &str) {
        let now = self.at();
        if self.level(client) == 1 {
            let verdict = self.clients[client].conn.handle_push(now, transport, frame.as_bytes());
            let Ok(verdict) = verdict else { return self.given_up(client, transport) };
            let is_ours = NOTIFICATIONS.iter().any(|ours| frame.contains(ours));
            let expected = if is_ours { PushVerdict::Swallowed } else { PushVerdict::Yours };
            assert_eq!(verdict, expected, "N5, N6: {frame:?}");
            if is_ours {
                if frame.contains("SMIGRATED") && self.driver(client).hands_over {
                    self.slots_pushed(frame);
                }
                return;
            }
        }
        if !matches!(frame.split("\r\n").nth(2), Some("subscribe" | "unsubscribe")) {
            return self.clients[client].ledger.pushed(frame);
        }
        let driver = self.driver(client);
        if driver.mine == Some(transport) {
            driver.confirming = driver.confirming.checked_sub(1).expect("order: nobody waits for that");
            if driver.confirming == 0 && driver.subscribed.is_empty() {
                self.state(client, HostFence::NoHandoff, false);
            }
        }
    }

    fn link_replied(&mut self, client: usize, transport: TransportId, frame: &str) {
        let now = self.at();
        let link = self.driver(client).links.get_mut(&transport).expect("a link");
        let waits = link.waiting.pop_front().unwrap_or_else(|| panic!("order: nobody waits for {frame:?}"));
        let number = waits.number();
        if let Some(number) = number {
            assert_eq!(self.answered(client, frame), number, "order: {frame:?}");
        }
        match waits {
            Waits::Optin => {
                let conn = &mut self.clients[client].conn;
                if conn.handle_optin_reply(now, transport, frame.as_bytes()).is_err() {
                    self.given_up(client, transport);
                }
            }
            Waits::Hello(_) => {
                assert!(frame.starts_with('%'), "its HELLO is answered with {frame:?}");
                let link = self.driver(client).links.get_mut(&transport).expect("a link");
                link.greeted = true;
                self.count_down(client, transport);
                if self.clients[client].conn.handle_ready(now, transport).is_err() && self.level(client) == 1
                {
                    self.given_up(client, transport);
                }
            }
            Waits::Command { blocking, ends_tx, .. } => {
                self.count_down(client, transport);
                if blocking && !self.waits_for_blocking(client) {
                    self.state(client, HostFence::Blocking, false);
                }
                if ends_tx && self.clients[client].in_multi.is_none() {
                    self.state(client, HostFence::Transaction, false);
                }
            }
        }
    }

    fn waits_for_blocking(&mut self, client: usize) -> bool {
        let driver = self.driver(client);
        let link = driver.mine.and_then(|mine| driver.links.get(&mine));
        link.is_some_and(|link| link.waiting.iter().any(|w| w.blocks()))
    }

    /// Level 1: one less is in flight.
    fn count_down(&mut self, client: usize, transport: TransportId) {
        let driver = self.driver(client);
        let Some(link) = driver.links.get(&transport) else { return };
        if driver.mine == Some(transport) && driver.level == 1 && (link.owed() == 0 || driver.counts_each) {
            self.count(client);
        }
    }
}
