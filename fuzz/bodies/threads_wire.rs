//! The sockets of a connection, which are none: connects that end, servers that answer, and the bytes between.

use super::conn::{Conn, MOST_TURNS};
use super::world::{NODES, World};
use core::ptr::null;
use core::sync::atomic::Ordering;
use sch::ffi::conn::*;
use sch::ffi::status::*;

const HELLO: &[u8] = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
pub const OK: &[u8] = b"+OK\r\n";
const GREETED: &[u8] = b"%1\r\n+proto\r\n:3\r\n";

/// A socket's other end.
pub struct Server {
    pub transport: u64,
    pub node: usize,
    /// What it says next.
    pub says: Vec<u8>,
}

impl Conn {
    pub(super) fn server(&self, transport: u64) -> Option<&Server> {
        self.servers.iter().find(|server| server.transport == transport)
    }

    pub(super) fn says(&mut self, transport: u64, what: &[u8]) {
        if let Some(server) = self.servers.iter_mut().find(|server| server.transport == transport) {
            server.says.extend_from_slice(what);
        }
    }

    pub(super) fn connect(&mut self, world: &World, transport: u64, node: usize) {
        let (peer, now) = (NODES[node], world.now());
        let connected = |c| c!(sch_conn_connected(c, now, transport, peer.as_ptr().cast(), peer.len()));
        let mut status = self.call(world, connected);
        if status == SCH_OK && self.is_light {
            status = self.call(world, |conn| c!(sch_conn_ready(conn, now, transport)));
        }
        // Its time was over: CLOSE comes, or came.
        if status != SCH_ERR_UNKNOWN_TRANSPORT {
            assert_eq!(status, SCH_OK);
            self.servers.push(Server { transport, node, says: Vec::new() });
        }
    }

    /// The connect of a candidate ends, well or not.
    pub fn finish_pending(&mut self, world: &World) {
        let Some((transport, counts)) = self.pending.take() else { return };
        if counts {
            world.books.open.fetch_sub(1, Ordering::Relaxed);
        }
        let now = world.now();
        if self.refuses {
            self.call(world, |conn| c!(sch_conn_connect_failed(conn, now, transport)));
        } else {
            self.connect(world, transport, world.place_of(transport));
        }
        self.obey(world);
    }

    pub(super) fn attempt_is_over(&mut self, world: &World, transport: u64) {
        if let Some((_, counts)) = self.pending.take_if(|(pending, _)| *pending == transport)
            && counts
        {
            world.books.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The server's side: an answer for each command in these bytes.
    fn serve(&mut self, transport: u64, bytes: &[u8]) {
        for command in bytes.split(|b| *b == b'*').skip(1) {
            let is_hello = command.windows(5).any(|word| word == b"HELLO");
            self.says(transport, if is_hello { GREETED } else { OK });
        }
    }

    fn submit(&mut self, world: &World, data: &[u8]) {
        let out = core::cell::RefCell::new(sized!(sch_submitted));
        let (now, at, len) = (world.now(), data.as_ptr(), data.len());
        let status = self.call(world, |conn| c!(sch_conn_submit(conn, now, at, len, &mut *out.borrow_mut())));
        let out = out.into_inner();
        assert!(status == SCH_OK && out.write_now + out.held == len, "{status}");
        if out.write_now > 0 {
            self.serve(out.transport, &data[..out.write_now]);
        }
    }

    pub(super) fn greet(&mut self, world: &World) {
        self.submitted += 1;
        self.submit(world, HELLO);
    }

    pub fn ask(&mut self, world: &World) {
        if !self.is_light {
            self.submitted += 1;
            self.submit(world, GET);
        }
    }

    /// Writes what libsch wants written.
    pub(super) fn write(&mut self, world: &World, transport: u64) {
        let (data, len) = (core::cell::Cell::new(null()), core::cell::Cell::new(0_usize));
        self.must(world, |conn| c!(sch_conn_region(conn, transport, data.as_ptr(), len.as_ptr())));
        let len = len.get();
        if len == 0 {
            return;
        }
        // SAFETY: lent until the next call that changes something: only this thread makes such.
        let region = unsafe { core::slice::from_raw_parts(data.get(), len) }.to_vec();
        let now = world.now();
        if self.call(world, |conn| c!(sch_conn_wrote(conn, now, transport, len))) == SCH_OK {
            self.serve(transport, &region);
        }
    }

    /// Hands over what the servers have said. The parser counts replies.
    pub fn deliver(&mut self, world: &World) {
        for index in (0..self.servers.len()).rev() {
            let Some(server) = self.servers.get_mut(index) else { continue };
            let (transport, says) = (server.transport, core::mem::take(&mut server.says));
            self.receive(world, transport, says);
        }
    }

    fn receive(&mut self, world: &World, transport: u64, says: Vec<u8>) {
        let mut rest = says.into_boxed_slice();
        for turn in 0.. {
            assert!(turn < MOST_TURNS, "nothing is taken");
            if rest.is_empty() || self.server(transport).is_none() {
                return;
            }
            let now = world.now();
            let call = core::cell::RefCell::new((
                [const { sch_span { data: null(), len: 0 } }; 4],
                0_usize,
                0_usize,
            ));
            let status = self.call(world, |conn| {
                let (spans, consumed, count) = &mut *call.borrow_mut();
                let (at, len) = (rest.as_ptr(), rest.len());
                c!(sch_conn_receive(conn, now, transport, at, len, spans.as_mut_ptr(), 4, consumed, count))
            });
            if status == SCH_ERR_UNKNOWN_TRANSPORT {
                return;
            }
            assert_eq!(status, SCH_OK);
            let (spans, consumed, count) = call.into_inner();
            for span in &spans[..count] {
                // SAFETY: lent until the next call that changes something.
                let bytes = unsafe { core::slice::from_raw_parts(span.data, span.len) };
                let replies = |reply: &[u8]| bytes.windows(reply.len()).filter(|word| *word == reply).count();
                self.answered += (replies(OK) + replies(GREETED)) as u64;
            }
            rest = rest[consumed..].into();
            self.obey(world);
        }
    }
}
