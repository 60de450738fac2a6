//! What servers say of themselves.

use super::super::step::Notice;
use super::*;

impl Host {
    pub(super) fn notify(&mut self, id: u64, notice: Notice) {
        if self.link(id).server.opted_in
            && let Some(announced) = self.announcer.announce(notice)
        {
            self.link(id).server.send(&announced.frame);
        }
    }

    /// Only the current transport's: those of another are not the users'.
    pub(super) fn invalidate(&mut self) {
        let n = self.next_push.to_string();
        let Some(link) = self.links.get_mut(&self.mine) else { return };
        self.next_push += 1;
        link.server.send(&format!(">2\r\n$10\r\ninvalidate\r\n${}\r\n{n}\r\n", n.len()));
    }

    pub(super) fn publish(&mut self, channel: u8) {
        let channel = format!("ch{}", channel % 3);
        let n = self.next_push.to_string();
        self.next_push += 1;
        for link in self.links.values_mut().filter(|l| l.server.subscriptions.contains(&channel)) {
            let frame = format!(">3\r\n$7\r\nmessage\r\n$3\r\n{channel}\r\n${}\r\n{n}\r\n", n.len());
            link.server.send(&frame);
        }
    }

    pub(super) fn garbage(&mut self, any: Option<u8>) {
        let send = |host: &mut Self, id| {
            let link = host.link(id);
            link.spoilt = true;
            link.server.send("HTTP/1.1 400\r\n");
        };
        let candidate =
            self.links.iter().find(|(id, l)| **id != self.mine && !l.connecting).map(|(id, _)| *id);
        match (any, candidate) {
            (Some(n), _) => self.on_nth(n, send),
            (None, Some(id)) => send(self, id),
            (None, None) => {}
        }
    }
}
