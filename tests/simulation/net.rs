//! The network: virtual time, a queue of events, sockets with bytes under way in both directions. Each direction of a socket
//! keeps its order; nothing else does.

use super::random::Random;
use crate::world::server::Server;
use sch::pool::MemberId;
use std::collections::{BTreeMap, VecDeque};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;

/// What comes to pass.
#[derive(Debug)]
pub enum Event {
    /// The connect of a socket ends.
    Connect {
        socket: usize,
        ok: bool,
    },
    ToServer {
        socket: usize,
        data: Vec<u8>,
    },
    /// The client has closed its end.
    ClientClosed {
        socket: usize,
    },
    ToClient {
        socket: usize,
        data: Vec<u8>,
    },
    /// The server has closed its end, in order.
    ServerClosed {
        socket: usize,
    },
    /// The connection is reset: what is under way to the client is gone.
    Reset {
        socket: usize,
    },
    /// The client's socket takes bytes again.
    Writable {
        socket: usize,
    },
    Tick {
        client: usize,
    },
    PoolTick,
    ClusterTick,
    /// A node of a cluster hears what has moved.
    Gossip {
        node: usize,
    },
    /// Slots go back to the node that they have come from.
    SlotsReturn {
        node: usize,
        groups: Vec<usize>,
        to: usize,
    },
    /// They are there.
    SlotsArrive {
        node: usize,
    },
    /// It tells its clients the end of what it has announced.
    Announce {
        node: usize,
        frame: String,
    },
    /// A request that was redirected is sent again.
    Retry {
        client: usize,
        request: usize,
        asking: bool,
    },
    /// Somebody else's call asks this client to read its mail.
    Wake {
        client: usize,
    },
    Submit {
        client: usize,
    },
    /// The pool's feed asks for something to be done with a member that nobody owns.
    Asked {
        client: usize,
        member: MemberId,
        retire: bool,
    },
    MayGive {
        client: usize,
    },
    Redial {
        client: usize,
    },
    AnswerHold {
        client: usize,
    },
    AnswerSwap {
        client: usize,
        transport: u64,
        ok: bool,
    },
    SettleLosses {
        client: usize,
    },
    Thaw {
        node: usize,
    },
    /// A blocking command is answered.
    Unblock {
        socket: usize,
    },
    /// The rest of a command that was submitted in part.
    SubmitRest {
        client: usize,
    },
    /// The `n`th step of what the seed has planned.
    Plan {
        n: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Connecting,
    Open,
    Closed,
}

/// Both ends of one transport.
#[derive(Debug)]
pub struct Socket {
    pub client: usize,
    pub transport: u64,
    pub node: usize,
    /// Asked for by libsch, or dialled by the host.
    pub is_candidate: bool,
    /// As the client sees it.
    pub state: State,
    /// As the server sees it.
    pub served: State,
    /// What `submit` gave and the socket has not taken yet.
    pub out: Vec<u8>,
    /// The socket takes no bytes for now.
    pub full: bool,
    /// Arrived and not read.
    pub inbox: VecDeque<u8>,
    /// The server's close has arrived.
    pub ended: bool,
    pub server: Server,
    /// ASKING was the last that it has executed.
    pub asking: bool,
    to_server_at: u64,
    to_client_at: u64,
}

#[derive(Debug, Default)]
pub struct Net {
    /// Nanoseconds.
    pub now: u64,
    order: u64,
    queue: BTreeMap<(u64, u64), Event>,
    pub sockets: Vec<Socket>,
    /// Of each client, those that it has not closed.
    pub live: Vec<Vec<usize>>,
}

impl Net {
    pub fn new(clients: usize) -> Self {
        Self { live: vec![Vec::new(); clients], ..Self::default() }
    }

    pub fn push(&mut self, at: u64, event: Event) {
        self.order += 1;
        self.queue.insert((at.max(self.now), self.order), event);
    }

    /// The next event up to `until`; time goes on with it.
    pub fn pop(&mut self, until: u64) -> Option<Event> {
        let entry = self.queue.first_entry().filter(|e| e.key().0 <= until)?;
        self.now = entry.key().0;
        Some(entry.remove())
    }

    pub fn open(&mut self, client: usize, transport: u64, node: usize, is_candidate: bool) -> usize {
        self.sockets.push(Socket {
            client,
            transport,
            node,
            is_candidate,
            state: State::Connecting,
            served: State::Connecting,
            out: Vec::new(),
            full: false,
            inbox: VecDeque::new(),
            ended: false,
            server: Server::default(),
            asking: false,
            to_server_at: 0,
            to_client_at: 0,
        });
        let socket = self.sockets.len() - 1;
        self.live[client].push(socket);
        socket
    }

    /// The live socket of that transport.
    pub fn find(&self, client: usize, transport: u64) -> Option<usize> {
        self.live[client].iter().copied().find(|n| self.sockets[*n].transport == transport)
    }

    /// The client has closed its end.
    pub fn close(&mut self, socket: usize) {
        let s = &mut self.sockets[socket];
        s.state = State::Closed;
        s.inbox = VecDeque::new();
        self.live[s.client].retain(|n| *n != socket);
    }

    /// Bytes, or the end, on their way to the server.
    pub fn send_to_server(&mut self, socket: usize, delay: u64, event: Event) {
        let s = &mut self.sockets[socket];
        s.to_server_at = (self.now + delay).max(s.to_server_at + 1);
        let at = s.to_server_at;
        self.push(at, event);
    }

    pub fn send_to_client(&mut self, socket: usize, delay: u64, event: Event) {
        let s = &mut self.sockets[socket];
        s.to_client_at = (self.now + delay).max(s.to_client_at + 1);
        let at = s.to_client_at;
        self.push(at, event);
    }

    /// What a server has to say leaves in pieces.
    pub fn send_outbox(&mut self, socket: usize, random: &mut Random, delay: impl Fn(&mut Random) -> u64) {
        let mut rest: Vec<u8> = self.sockets[socket].server.outbox.drain(..).collect();
        while !rest.is_empty() {
            let n = cut(random, rest.len());
            let tail = rest.split_off(n);
            let late = delay(random);
            self.send_to_client(socket, late, Event::ToClient { socket, data: rest });
            rest = tail;
        }
    }
}

/// All of it, or a part of at least one byte.
pub fn cut(random: &mut Random, len: usize) -> usize {
    if random.chance(80) { len } else { random.range(1, len as u64) as usize }
}
