//! A real server behind the simulator: commands and replies pass through, the opt-in is answered here.

use crate::cluster::copy;
use crate::cluster::relay::{self, Gate, Relay};
use crate::cluster::topology;
use crate::conn::Conn;
use crate::maint;
use crate::resp::{self, CommandParser, FrameScanner};
use crate::serve::withheld;
use crate::state::{ServerKind, Sim, lock};
use bytes::{Bytes, BytesMut};
use serde_json::json;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;

/// What the next reply from upstream answers.
enum Expect {
    Reply,
    Hello(u8),
    Reset,
    /// Something that stands in for a command the node answers itself.
    Instead(Bytes),
    /// A command that may wait for other clients, and its slot.
    Blocking(u16),
    /// A PING that stands in for the opt-in.
    OptIn(Vec<Bytes>),
    /// Confirmations, which are pushes (arrays before RESP3).
    Sub {
        kind: &'static str,
        left: usize,
    },
}

struct Shared {
    sim: Arc<Sim>,
    /// What replies are owed, and the slots that are busy until then.
    expected: Mutex<VecDeque<(Expect, Option<u16>)>>,
    client_ended: AtomicBool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        for (_, slot) in lock(&self.expected).drain(..) {
            slot.into_iter().for_each(|s| relay::answered(&self.sim, s));
        }
    }
}

const SUBS: [&str; 6] =
    ["subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe"];

fn sub_kind(name: &[u8]) -> Option<&'static str> {
    SUBS.into_iter().find(|s| name.eq_ignore_ascii_case(s.as_bytes()))
}

/// Relays until either side closes. True when what upstream sent should still be delivered.
pub async fn relay<R: AsyncRead + Unpin>(sim: &Arc<Sim>, conn: &Arc<Conn>, from: R, to: &str) -> bool {
    let mut server = match TcpStream::connect(to).await {
        Ok(s) => s,
        Err(e) => {
            sim.event("upstream_failed", json!({"connection": conn.id, "error": e.to_string()}));
            let mut out = Vec::new();
            resp::error(&mut out, &format!("ERR upstream {to} cannot be reached: {e}"));
            conn.reply(out.into());
            return true;
        }
    };
    let _ = server.set_nodelay(true);
    let id = if topology::is_cluster(sim) { copy::id_of(&mut server).await } else { None };
    let (read, write) = server.into_split();
    let shared =
        Shared { sim: sim.clone(), expected: Mutex::default(), client_ended: AtomicBool::new(false) };
    tokio::select! {
        () = requests(sim, conn, from, BufWriter::with_capacity(64 << 10, write), &shared, id) => false,
        () = replies(sim, conn, read, &shared) => !shared.client_ended.load(Ordering::Relaxed),
    }
}

/// `id`: what the real server calls this connection.
async fn requests<R, W>(
    sim: &Arc<Sim>,
    conn: &Arc<Conn>,
    mut from: R,
    mut to: W,
    shared: &Shared,
    id: Option<u64>,
) where
    R: AsyncRead + Unpin,
    W: AsyncWriteExt + Unpin,
{
    let mut parser = CommandParser::default();
    let mut buf = BytesMut::with_capacity(64 << 10);
    // CLIENT REPLY OFF and SKIP: how replies are counted.
    let (mut off, mut skip) = (false, false);
    let mut relay = Relay::default();
    loop {
        loop {
            let command = match parser.next(&mut buf) {
                Ok(Some(c)) => c,
                Ok(None) => break,
                Err(text) => {
                    sim.event("bad_command", json!({"connection": conn.id, "error": text}));
                    return;
                }
            };
            conn.commands.fetch_add(1, Ordering::Relaxed);
            let a = &command.args;
            let is = |i: usize, word: &str| a.get(i).is_some_and(|x| x.eq_ignore_ascii_case(word.as_bytes()));
            let opt_in = is(0, "client") && is(1, "maint_notifications");
            let mut silent = std::mem::take(&mut skip);
            if is(0, "client") && is(1, "reply") {
                match () {
                    () if is(2, "on") => off = false,
                    () if is(2, "off") => off = true,
                    () if is(2, "skip") => skip = true,
                    () => {}
                }
                silent |= skip;
            }
            silent |= off;
            let mut blocking = None;
            let (slot, in_place) = loop {
                let changed = sim.slots_changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                match relay.gate(sim, conn, a, silent) {
                    Gate::Pass(slot) => break (slot, None),
                    Gate::Blocking(slot) => {
                        blocking = Some(slot);
                        break (None, None);
                    }
                    Gate::Instead(command, answer) => break (None, Some((command, answer))),
                    Gate::Wait => {
                        // What was sent before must get through, or its slot is never quiet.
                        if to.flush().await.is_err() {
                            return std::future::pending().await;
                        }
                        changed.await;
                    }
                }
            };
            let expect = if let Some((_, answer)) = &in_place {
                Expect::Instead(answer.clone())
            } else if let Some(slot) = blocking {
                Expect::Blocking(slot)
            } else if opt_in {
                Expect::OptIn(command.args.clone())
            } else if is(0, "hello") {
                Expect::Hello(if is(1, "3") {
                    3
                } else if is(1, "2") {
                    2
                } else {
                    0
                })
            } else if is(0, "reset") {
                Expect::Reset
            } else if let Some(kind) = sub_kind(&a[0]) {
                Expect::Sub { kind, left: a.len().saturating_sub(1).max(1) }
            } else {
                Expect::Reply
            };
            if !silent {
                lock(&shared.expected).push_back((expect, slot));
            } else if opt_in {
                maint::opt_in(sim, conn, &command.args, &mut Vec::new());
            }
            let refused_hello = sim.kind() == ServerKind::Resp2Only && is(0, "hello") && is(1, "3");
            let sent = if let Some((command, _)) = in_place {
                to.write_all(command).await
            } else if opt_in {
                to.write_all(b"*1\r\n$4\r\nPING\r\n").await
            } else if refused_hello {
                to.write_all(b"*2\r\n$5\r\nHELLO\r\n$1\r\n9\r\n").await
            } else {
                to.write_all(&command.raw).await
            };
            if sent.is_err() {
                // The reader of replies sees why.
                return std::future::pending().await;
            }
        }
        let changed = sim.slots_changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if let Some(command) = relay.lost_channels(sim, conn)
            && to.write_all(&command).await.is_err()
        {
            return std::future::pending().await;
        }
        let waits_for = match lock(&shared.expected).front() {
            Some((Expect::Blocking(slot), _)) => Some(*slot),
            _ => None,
        };
        if let (Some(slot), Some(id)) = (waits_for, id)
            && relay::moved_away(sim, conn, slot).is_some()
        {
            copy::unblock(&conn.endpoint, id).await;
        }
        if to.flush().await.is_err() {
            return std::future::pending().await;
        }
        // Replies are handled between the parts of a long pipeline, not after it.
        tokio::task::yield_now().await;
        buf.reserve(16 << 10);
        let fresh = buf.is_empty() && !off;
        let read = tokio::select! {
            read = from.read_buf(&mut buf) => read,
            () = changed => continue,
        };
        match read {
            Ok(0) => {
                // Upstream answers what it has and closes.
                shared.client_ended.store(true, Ordering::Relaxed);
                let _ = to.shutdown().await;
                return std::future::pending().await;
            }
            Err(_) => return,
            Ok(_) => {
                if fresh && let Some(answer) = sim.interceptors.answer(&buf) {
                    buf.clear();
                    lock(&shared.expected).push_back((Expect::Instead(answer), None));
                    if to.write_all(b"*1\r\n$4\r\nPING\r\n").await.is_err() {
                        return std::future::pending().await;
                    }
                }
            }
        }
    }
}

async fn replies<R: AsyncRead + Unpin>(sim: &Arc<Sim>, conn: &Arc<Conn>, mut from: R, shared: &Shared) {
    let mut scanner = FrameScanner::default();
    let mut buf = BytesMut::with_capacity(64 << 10);
    loop {
        let mut out = Vec::new();
        loop {
            match scanner.next(&buf) {
                Ok(None) => break,
                Ok(Some(n)) => {
                    let frame = buf.split_to(n);
                    let (oob, mark) = (frame[0] == b'>', out.len());
                    let counted = one(sim, conn, &frame, &mut out, shared);
                    if (counted || !oob)
                        && let Some(last) = withheld(sim, conn)
                    {
                        out.truncate(mark);
                        if last {
                            return;
                        }
                    }
                    if out.len() > 256 << 10 {
                        conn.reply(std::mem::take(&mut out).into());
                        conn.room().await;
                    }
                }
                Err(text) => {
                    sim.event("bad_reply", json!({"connection": conn.id, "error": text}));
                    return;
                }
            }
        }
        if !out.is_empty() {
            conn.reply(out.into());
        }
        conn.room().await;
        buf.reserve(16 << 10);
        match from.read_buf(&mut buf).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Passes one frame on, or puts another in its place. True when it answered a command.
fn one(sim: &Arc<Sim>, conn: &Arc<Conn>, frame: &[u8], out: &mut Vec<u8>, shared: &Shared) -> bool {
    let mut expected = lock(&shared.expected);
    if let Some(kind) = message_kind(frame, conn.proto()) {
        // Confirmations of one command come together; further ones of UNSUBSCRIBE with no names count for nobody.
        if let Some((Expect::Sub { kind: wanted, left }, _)) = expected.front_mut()
            && kind == *wanted
        {
            *left -= 1;
            if *left == 0 {
                expected.pop_front();
            }
        }
        out.extend_from_slice(frame);
        return false;
    }
    let error = frame[0] == b'-' || frame[0] == b'!';
    while matches!(expected.front(), Some((Expect::Sub { .. }, _))) {
        expected.pop_front();
        if error {
            out.extend_from_slice(frame);
            return true;
        }
    }
    let (expect, slot) = expected.pop_front().unzip();
    drop(expected);
    if let Some(slot) = slot.flatten() {
        relay::answered(sim, slot);
    }
    match expect {
        Some(Expect::Instead(answer)) if frame != b"+QUEUED\r\n" => out.extend_from_slice(&answer),
        Some(Expect::OptIn(args)) if !error && frame != b"+QUEUED\r\n" => {
            maint::opt_in(sim, conn, &args, out)
        }
        Some(Expect::Blocking(slot)) if frame.starts_with(b"-UNBLOCKED") => {
            let moved = relay::moved_away(sim, conn, slot);
            out.extend_from_slice(moved.as_deref().unwrap_or(frame));
        }
        Some(Expect::Hello(proto)) if !error => {
            if proto > 0 {
                conn.proto.store(proto, Ordering::Relaxed);
            }
            out.extend_from_slice(&relay::hello(sim, frame));
        }
        Some(Expect::Reset) if !error => {
            conn.proto.store(2, Ordering::Relaxed);
            *lock(&conn.opted) = None;
            out.extend_from_slice(frame);
        }
        _ => out.extend_from_slice(frame),
    }
    true
}

/// The first word of a push; before RESP3, of an array that can only be one.
fn message_kind(frame: &[u8], proto: u8) -> Option<&str> {
    let first = || {
        let mut lines = frame.split(|b| *b == b'\n');
        let (_, size, word) = (lines.next()?, lines.next()?, lines.next()?);
        (size.first() == Some(&b'$')).then_some(())?;
        std::str::from_utf8(word.strip_suffix(b"\r")?).ok()
    };
    match frame[0] {
        b'>' => Some(first().unwrap_or("")),
        b'*' if proto < 3 => {
            first().filter(|w| SUBS.contains(w) || matches!(*w, "message" | "pmessage" | "smessage"))
        }
        _ => None,
    }
}
