//! One end of a socket at a server: takes bytes of commands, answers when it is told to. Knows nothing of libsch.

use std::collections::{BTreeSet, VecDeque};

/// What all servers of a world have seen, by the ids that commands carry.
#[derive(Debug, Default)]
pub struct Log {
    /// In the order of arrival.
    pub received: Vec<u64>,
    /// In the order of execution.
    pub executed: Vec<u64>,
}

#[derive(Debug, Default)]
pub struct Server {
    inbuf: Vec<u8>,
    pending: VecDeque<Vec<String>>,
    /// Whole frames, not yet delivered.
    pub outbox: VecDeque<u8>,
    queue: Option<Vec<Vec<String>>>,
    pub subscriptions: BTreeSet<String>,
    pub patterns: bool,
    pub opted_in: bool,
    skip: bool,
    off: bool,
    blocked: Option<String>,
    pub refuse_optin: bool,
    pub resp2: bool,
    pub shard: bool,
    /// A password is wanted, of this number or newer.
    pub password: Option<u64>,
    let_in: bool,
}

fn id_of(command: &[String]) -> Option<u64> {
    let text = match command[0].as_str() {
        "SET" => command.get(2)?,
        // Behind it there may be a hash tag.
        "GET" | "BLPOP" => command.get(1)?.get(1..)?.split('{').next()?,
        _ => return None,
    };
    text.parse().ok()
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

impl Server {
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub fn send(&mut self, frame: &str) {
        self.outbox.extend(frame.bytes());
    }

    /// Bytes arrive.
    pub fn feed(&mut self, bytes: &[u8], log: &mut Log) {
        self.inbuf.extend_from_slice(bytes);
        while let Some((command, len)) = parse(&self.inbuf) {
            self.inbuf.drain(..len);
            log.received.extend(id_of(&command));
            self.pending.push_back(command);
        }
    }

    /// The command that is executed next.
    pub fn next(&self) -> Option<&[String]> {
        self.pending.front().map(Vec::as_slice)
    }

    /// It is not executed, and answered with this.
    pub fn answer_instead(&mut self, reply: &str) {
        self.pending.pop_front();
        self.send(reply);
    }

    /// Executes up to `n` commands.
    pub fn serve(&mut self, n: usize, log: &mut Log) {
        for _ in 0..n {
            if self.blocked.is_some() {
                return;
            }
            let Some(command) = self.pending.pop_front() else { return };
            // CLIENT REPLY ON answers, whatever was said before.
            let on = command.len() == 3 && command[1] == "REPLY" && command[2] == "ON";
            let was_skip = std::mem::take(&mut self.skip) && !on;
            let reply = self.execute(&command, log);
            if reply.starts_with('>') || !(was_skip || self.skip || self.off) {
                self.send(&reply);
            }
        }
    }

    pub fn unblock(&mut self) {
        if let Some(id) = self.blocked.take() {
            self.send(&bulk(&id));
        }
    }

    /// What is said instead to who has not said the password.
    fn gate(&mut self, command: &[String]) -> Option<&'static str> {
        let least = self.password?;
        let says = match command[0].as_str() {
            "AUTH" => command.last(),
            "HELLO" => command.iter().skip_while(|word| *word != "AUTH").nth(2),
            _ => None,
        };
        match says.map(|says| says[1..].parse::<u64>().is_ok_and(|number| number >= least)) {
            Some(true) => self.let_in = true,
            Some(false) => return Some("-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            None => {}
        }
        (!self.let_in).then_some("-NOAUTH Authentication required.\r\n")
    }

    fn execute(&mut self, command: &[String], log: &mut Log) -> String {
        let name = command[0].as_str();
        if let Some(refusal) = self.gate(command) {
            return refusal.into();
        }
        if let Some(queue) = &mut self.queue
            && !matches!(name, "EXEC" | "DISCARD")
        {
            queue.push(command.to_vec());
            return "+QUEUED\r\n".into();
        }
        match name {
            "MULTI" => self.queue = Some(Vec::new()),
            "DISCARD" => self.queue = None,
            "EXEC" => {
                let Some(queue) = self.queue.take() else { return "-ERR EXEC without MULTI\r\n".into() };
                let replies: Vec<String> = queue.iter().map(|c| self.plain(c, log)).collect();
                return format!("*{}\r\n{}", replies.len(), replies.concat());
            }
            "HELLO" if command.get(1).is_some_and(|v| v == "2") => {
                self.opted_in = false;
                return "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:2\r\n".into();
            }
            "RESET" => {
                self.subscriptions.clear();
                (self.opted_in, self.off, self.patterns, self.shard) = (false, false, false, false);
                return "+RESET\r\n".into();
            }
            "FAIL" => return "-ERR no such thing\r\n".into(),
            "PSUBSCRIBE" => {
                self.patterns = true;
                return format!(">3\r\n{}{}:1\r\n", bulk("psubscribe"), bulk("ch*"));
            }
            "SSUBSCRIBE" | "SUNSUBSCRIBE" => {
                self.shard = name == "SSUBSCRIBE";
                let (word, count) = (name.to_lowercase(), u8::from(self.shard));
                return format!(">3\r\n{}{}:{count}\r\n", bulk(&word), bulk("sh"));
            }
            "CLIENT" if command.get(1).is_some_and(|s| s == "REPLY") => match command[2].as_str() {
                "SKIP" => self.skip = !self.off,
                "OFF" => self.off = true,
                _ => self.off = false,
            },
            "CLIENT" if command.get(2).is_some_and(|s| s == "OFF") => {
                self.opted_in = false;
            }
            "HELLO" if self.resp2 => return "-NOPROTO unsupported protocol version\r\n".into(),
            "HELLO" => return "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n".into(),
            "CLIENT" if command.get(1).is_some_and(|s| s == "MAINT_NOTIFICATIONS") => {
                if self.refuse_optin {
                    return "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n".into();
                }
                self.opted_in = true;
            }
            "PING" => return "+PONG\r\n".into(),
            "UNSUBSCRIBE" if command.len() == 1 => {
                let mut out = String::new();
                while let Some(channel) = self.subscriptions.pop_first() {
                    let count = self.subscriptions.len();
                    out += &format!(">3\r\n{}{}:{count}\r\n", bulk("unsubscribe"), bulk(&channel));
                }
                if out.is_empty() {
                    out = format!(">3\r\n{}_\r\n:0\r\n", bulk("unsubscribe"));
                }
                return out;
            }
            "SUBSCRIBE" | "UNSUBSCRIBE" => {
                let mut out = String::new();
                for channel in &command[1..] {
                    if name == "SUBSCRIBE" {
                        self.subscriptions.insert(channel.clone());
                    } else {
                        self.subscriptions.remove(channel);
                    }
                    let word = name.to_lowercase();
                    let count = self.subscriptions.len();
                    out += &format!(">3\r\n{}{}:{count}\r\n", bulk(&word), bulk(channel));
                }
                return out;
            }
            "BLPOP" => {
                let id = command[1][1..].to_owned();
                log.executed.extend(id_of(command));
                self.blocked = Some(id);
                return String::new();
            }
            "SET" | "GET" => return self.plain(command, log),
            _ => {}
        }
        "+OK\r\n".into()
    }

    fn plain(&mut self, command: &[String], log: &mut Log) -> String {
        match id_of(command) {
            Some(id) => {
                log.executed.push(id);
                bulk(&id.to_string())
            }
            None => "+OK\r\n".into(),
        }
    }
}

/// One whole command and its length.
fn parse(data: &[u8]) -> Option<(Vec<String>, usize)> {
    let line = |from: usize| -> Option<(usize, usize)> {
        let end = from + data.get(from..)?.windows(2).position(|w| w == b"\r\n")?;
        let number = std::str::from_utf8(&data[from + 1..end]).ok()?.parse().expect("a number");
        Some((number, end + 2))
    };
    let (count, mut at) = line(0)?;
    let mut command = Vec::new();
    for _ in 0..count {
        let (len, body) = line(at)?;
        command.push(String::from_utf8(data.get(body..body + len)?.to_vec()).expect("text"));
        data.get(body + len..body + len + 2)?;
        at = body + len + 2;
    }
    Some((command, at))
}
