//! A server that answers at once, or holds its replies back. `N 7` is answered with `:7`, and written down.

/// One connection of it.
#[derive(Default)]
pub struct Server {
    unread: Vec<u8>,
    /// Replies that are on their way.
    pub said: Vec<u8>,
    /// Replies that are held back.
    kept: Vec<u8>,
    pub is_mute: bool,
    /// Numbers that came, in order.
    pub ran: Vec<u64>,
    channels: Vec<Vec<u8>>,
    is_greeted: bool,
}

/// `N 7` as it is sent, with so many bytes more.
pub fn numbered(number: u64, padding: usize) -> Vec<u8> {
    let (digits, padding) = (number.to_string(), "p".repeat(padding));
    format!("*3\r\n$1\r\nN\r\n${}\r\n{digits}\r\n${}\r\n{padding}\r\n", digits.len(), padding.len())
        .into_bytes()
}

impl Server {
    pub fn take(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        while let Some(args) = self.command() {
            let reply = self.answer(&args);
            if self.is_mute { &mut self.kept } else { &mut self.said }.extend_from_slice(&reply);
        }
    }

    /// What was held back goes out.
    pub fn speak(&mut self) {
        self.is_mute = false;
        self.said.append(&mut self.kept);
    }

    /// A message on every channel that is subscribed to here.
    pub fn publish(&mut self, message: &str) {
        for channel in &self.channels {
            self.said.extend(push(&[b"message", channel, message.as_bytes()]));
        }
    }

    fn command(&mut self) -> Option<Vec<Vec<u8>>> {
        let line = |from: usize| -> Option<(usize, usize)> {
            let end = from + self.unread[from..].windows(2).position(|w| w == b"\r\n")?;
            let number = core::str::from_utf8(&self.unread[from + 1..end]).expect("text");
            Some((number.parse().expect("a number"), end + 2))
        };
        if self.unread.is_empty() {
            return None;
        }
        let (count, mut at) = line(0)?;
        let mut args = Vec::new();
        for _ in 0..count {
            let (len, from) = line(at).filter(|(len, from)| from + len + 2 <= self.unread.len())?;
            args.push(self.unread[from..from + len].to_vec());
            at = from + len + 2;
        }
        self.unread.drain(..at);
        Some(args)
    }

    fn answer(&mut self, args: &[Vec<u8>]) -> Vec<u8> {
        match args[0].as_slice() {
            b"HELLO" => {
                assert!(!core::mem::replace(&mut self.is_greeted, true), "a handshake is made once");
                b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n".to_vec()
            }
            b"PING" => b"+PONG\r\n".to_vec(),
            b"SUBSCRIBE" => {
                self.channels.extend_from_slice(&args[1..]);
                args[1..].iter().flat_map(|channel| push(&[b"subscribe", channel, b"1"])).collect()
            }
            name @ (b"SSUBSCRIBE" | b"SUNSUBSCRIBE") => {
                let name = name.to_ascii_lowercase();
                args[1..].iter().flat_map(|channel| push(&[&name, channel, b"0"])).collect()
            }
            b"N" => {
                let number = core::str::from_utf8(&args[1]).expect("text").parse().expect("a number");
                self.ran.push(number);
                format!(":{number}\r\n").into_bytes()
            }
            _ => b"+OK\r\n".to_vec(),
        }
    }
}

fn push(elements: &[&[u8]]) -> Vec<u8> {
    let mut out = format!(">{}\r\n", elements.len()).into_bytes();
    for element in elements {
        out.extend_from_slice(format!("${}\r\n", element.len()).as_bytes());
        out.extend_from_slice(element);
        out.extend_from_slice(b"\r\n");
    }
    out
}
