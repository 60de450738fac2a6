//! What servers say of themselves.

use super::super::step::Notice;
use super::*;

impl World {
    pub(super) fn notify(&mut self, socket: u8, notice: Notice) {
        let Some(id) = self.nth(socket) else { return };
        let server = &mut self.sockets.get_mut(&id).unwrap().server;
        if !server.opted_in {
            return;
        }
        if let Some(announced) = self.announcer.announce(notice) {
            server.send(&announced.frame);
        }
    }

    /// Only the current transport's: those of another are not the driver's.
    pub(super) fn invalidate(&mut self, _socket: u8) {
        let Some(id) = self.conn.current() else { return };
        let n = self.next_push;
        self.next_push += 1;
        let id_text = n.to_string();
        let server = &mut self.sockets.get_mut(&id).unwrap().server;
        server.send(
            &format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n${}\r\n{id_text}\r\n", id_text.len())
                .replace("*1\r\n", ""),
        );
    }

    pub(super) fn publish(&mut self, channel: u8) {
        let channel = format!("ch{}", channel % 3);
        let n = self.next_push.to_string();
        self.next_push += 1;
        for socket in self.sockets.values_mut().filter(|s| s.server.subscriptions.contains(&channel)) {
            let frame = format!(">3\r\n$7\r\nmessage\r\n$3\r\n{channel}\r\n${}\r\n{n}\r\n", n.len());
            socket.server.send(&frame);
        }
        for socket in self.sockets.values_mut().filter(|s| s.server.shard) {
            let frame = format!(">3\r\n$8\r\nsmessage\r\n$2\r\nsh\r\n${}\r\n{n}\r\n", n.len());
            socket.server.send(&frame);
        }
        for socket in self.sockets.values_mut().filter(|s| s.server.patterns) {
            let frame =
                format!(">4\r\n$8\r\npmessage\r\n$3\r\nch*\r\n$3\r\n{channel}\r\n${}\r\n{n}\r\n", n.len());
            socket.server.send(&frame);
        }
    }

    /// N5: it answers nobody.
    pub(super) fn shard_gone(&mut self, socket: u8) {
        let Some(id) = self.nth(socket) else { return };
        let server = &mut self.sockets.get_mut(&id).unwrap().server;
        if server.shard {
            server.send(">3\r\n$12\r\nsunsubscribe\r\n$4\r\ngone\r\n:1\r\n");
        }
    }
}
