//! The nodes: they answer in order, announce their maintenance to who has opted in, are frozen, refuse, close and reset.

use super::faults::{BLOCKED_MOST, Step};
use super::net::{Event, SECOND, State};
use super::world::World;

#[derive(Clone, Debug)]
pub struct Node {
    /// Takes connects.
    pub up: bool,
    pub frozen_until: u64,
    /// Its last MOVING, said to whoever opts in while it lasts.
    moving: Option<(u64, String)>,
    /// The last terminator, which is said to whoever opts in (N4).
    terminator: Option<String>,
}

impl Node {
    pub fn new() -> Self {
        Self { up: true, frozen_until: 0, moving: None, terminator: None }
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

impl World {
    /// Who is connected to that node, as the node sees it.
    fn served_by(&self, node: usize) -> Vec<usize> {
        let sockets = self.net.sockets.iter().enumerate();
        sockets.filter(|(_, s)| s.node == node && s.served == State::Open).map(|(n, _)| n).collect()
    }

    pub fn arrived(&mut self, socket: usize, data: &[u8]) {
        let s = &mut self.net.sockets[socket];
        if s.served == State::Open {
            s.server.feed(data, &mut self.log);
            self.serve(socket);
        }
    }

    /// Executes what has come, unless the node is frozen.
    pub fn serve(&mut self, socket: usize) {
        let s = &mut self.net.sockets[socket];
        let node = &self.nodes[s.node];
        if s.served != State::Open || self.net.now < node.frozen_until {
            return;
        }
        while s.server.has_pending() && !s.server.is_blocked() {
            let command = s.server.next().expect("one is pending");
            let asking = std::mem::replace(&mut s.asking, command[0] == "ASKING");
            let instead = self.slots.as_ref().and_then(|slots| slots.instead(s.node, asking, command));
            if let Some(reply) = instead {
                s.server.answer_instead(&reply);
                continue;
            }
            let before = s.server.opted_in;
            s.server.serve(1, &mut self.log);
            if s.server.opted_in && !before {
                if let Some(frame) = &node.terminator {
                    s.server.send(frame);
                }
                if let Some((until, frame)) = &node.moving
                    && self.net.now < *until
                {
                    s.server.send(frame);
                }
            }
        }
        if s.server.is_blocked() {
            let at = self.net.now + self.random.below(BLOCKED_MOST);
            self.net.push(at, Event::Unblock { socket });
        }
        self.send(socket);
    }

    pub fn unblock(&mut self, socket: usize) {
        let s = &mut self.net.sockets[socket];
        if s.served == State::Open {
            s.server.unblock();
            self.serve(socket);
        }
    }

    /// To all that have subscribed, wherever; and an invalidation on each current transport, for it is nobody else's (N5).
    fn publish(&mut self, channel: u64) {
        let channel = format!("ch{channel}");
        let push = self.next_push.to_string();
        self.next_push += 1;
        let message = format!(">3\r\n{}{}{}", bulk("message"), bulk(&channel), bulk(&push));
        let invalidate = format!(">2\r\n{}{}", bulk("invalidate"), bulk(&push));
        for socket in 0..self.net.sockets.len() {
            let s = &mut self.net.sockets[socket];
            if s.served != State::Open {
                continue;
            }
            if s.server.subscriptions.contains(&channel) {
                s.server.send(&message);
            }
            if self.clients[s.client].conn.current() == Some(s.transport) {
                s.server.send(&invalidate);
            }
            self.send(socket);
        }
    }

    fn send(&mut self, socket: usize) {
        let (latency, slow) = (self.setup.latency, self.slow());
        self.net.send_outbox(socket, &mut self.random, |r| World::delay_of(r, latency, slow));
    }

    pub fn tell(&mut self, node: usize, frame: &str) {
        for socket in self.served_by(node) {
            if self.net.sockets[socket].server.opted_in {
                self.net.sockets[socket].server.send(frame);
                self.send(socket);
            }
        }
    }

    pub fn thaw(&mut self, node: usize) {
        for socket in self.served_by(node) {
            self.serve(socket);
        }
    }

    pub fn close_all(&mut self, node: usize, reset: bool) {
        for socket in self.served_by(node) {
            if reset {
                self.reset(socket);
            } else {
                self.net.sockets[socket].served = State::Closed;
                let delay = self.delay();
                self.net.send_to_client(socket, delay, Event::ServerClosed { socket });
            }
        }
    }

    /// Both ends lose what is under way.
    pub fn reset(&mut self, socket: usize) {
        self.net.sockets[socket].served = State::Closed;
        let delay = self.delay();
        self.net.push(self.net.now + delay, Event::Reset { socket });
    }

    pub fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq - 1
    }

    pub fn take_step(&mut self, step: &Step) {
        self.story.say(self.net.now, format_args!("plan {step:?}"));
        let seq = self.next_seq();
        match *step {
            Step::Migrating { node, shard } => {
                self.tell(node, &format!(">4\r\n+MIGRATING\r\n:{seq}\r\n:10\r\n:{shard}\r\n"));
            }
            Step::Migrated { node, shard } => {
                self.terminate(node, format!(">3\r\n+MIGRATED\r\n:{seq}\r\n:{shard}\r\n"))
            }
            Step::FailingOver { node } => {
                self.tell(node, &format!(">3\r\n{}:{seq}\r\n:10\r\n", bulk("FAILING_OVER")));
            }
            Step::FailedOver { node } => {
                self.terminate(node, format!(">2\r\n{}:{seq}\r\n", bulk("FAILED_OVER")))
            }
            Step::Moving { node, to, time } => {
                let to = to.map_or("_\r\n".to_owned(), |to| bulk(&format!("node{to}:6379")));
                let frame = format!(">4\r\n{}:{seq}\r\n:{time}\r\n{to}", bulk("MOVING"));
                self.tell(node, &frame);
                self.nodes[node].moving = Some((self.net.now + time * SECOND, frame));
            }
            Step::Smigrating { node } if self.setup.clustered => self.slots_leave(node, seq),
            Step::Smigrated { node } if self.setup.clustered => self.slots_arrive(node, seq),
            Step::Smigrating { node } => {
                self.tell(node, &format!(">3\r\n+SMIGRATING\r\n:{seq}\r\n+1-100\r\n"))
            }
            Step::Smigrated { node } => {
                let moved = "*1\r\n*3\r\n+a:1\r\n+b:1\r\n+1-100\r\n";
                self.terminate(node, format!(">3\r\n+SMIGRATED\r\n:{seq}\r\n{moved}"));
            }
            Step::Publish { channel } => self.publish(channel),
            Step::Freeze { node, ns } => {
                let until = self.net.now + ns;
                self.nodes[node].frozen_until = self.nodes[node].frozen_until.max(until);
                self.net.push(until, Event::Thaw { node });
            }
            Step::Up { node, up } => self.nodes[node].up = up,
            Step::CloseAll { node, reset } => self.close_all(node, reset),
            Step::Resolve { node } => self.resolved = node,
            Step::Reset { client } => self.reset_one(client),
            Step::Jump { ns } => self.jump(ns),
        }
    }

    pub fn terminate(&mut self, node: usize, frame: String) {
        self.tell(node, &frame);
        self.nodes[node].terminator = Some(frame);
    }

    /// No more faults: all nodes are up, and what was announced is over.
    pub fn mend(&mut self) {
        self.slots_mend();
        for node in 0..self.nodes.len() {
            let n = &mut self.nodes[node];
            (n.up, n.moving, n.frozen_until) = (true, None, self.net.now);
            self.thaw(node);
        }
    }
}
