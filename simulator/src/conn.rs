//! One client connection: what waits to be written, and the task that writes it.

use crate::limits::MAX_BUFFERED_REPLIES;
use crate::resp::FrameScanner;
use crate::state::{Endpoint, Sim, lock};
use bytes::Bytes;
use serde_json::json;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kill {
    No,
    Close,
    Reset,
}

struct Item {
    /// Written only after this many replies were.
    after: u64,
    at: Option<Instant>,
    bytes: Bytes,
}

#[derive(Default)]
struct Out {
    replies: VecDeque<Item>,
    /// Published messages: held like replies.
    messages: VecDeque<Item>,
    /// Maintenance pushes: neither stalled nor frozen.
    pushes: VecDeque<Item>,
    queued: usize,
    taken: u64,
    written: u64,
    push_after: u64,
    finishing: bool,
}

pub struct Conn {
    pub id: u64,
    pub endpoint: Arc<Endpoint>,
    pub node: u64,
    pub peer: SocketAddr,
    pub name: Mutex<String>,
    /// The endpoint type of the opt-in: `none` when the client named none.
    pub opted: Mutex<Option<String>>,
    pub proto: AtomicU8,
    pub commands: AtomicU64,
    pub opened: Instant,
    /// The same, for people.
    pub connected_at: String,
    out: Mutex<Out>,
    wake: Notify,
    drained: Notify,
    kill: watch::Sender<Kill>,
    tcp: Weak<TcpStream>,
}

impl Conn {
    pub fn new(id: u64, endpoint: Arc<Endpoint>, node: u64, peer: SocketAddr, tcp: &Arc<TcpStream>) -> Self {
        Conn {
            id,
            endpoint,
            node,
            peer,
            name: Mutex::default(),
            opted: Mutex::default(),
            proto: AtomicU8::new(2),
            commands: AtomicU64::new(0),
            opened: Instant::now(),
            connected_at: crate::compat::now(),
            out: Mutex::default(),
            wake: Notify::new(),
            drained: Notify::new(),
            kill: watch::channel(Kill::No).0,
            tcp: Arc::downgrade(tcp),
        }
    }

    pub fn proto(&self) -> u8 {
        self.proto.load(Ordering::Relaxed)
    }

    /// Ends the connection now, whatever waits to be written.
    pub fn kill(&self, how: Kill) {
        if how == Kill::Reset
            && let Some(tcp) = self.tcp.upgrade()
        {
            let _ = socket2::SockRef::from(&*tcp).set_linger(Some(Duration::ZERO));
        }
        self.kill.send_if_modified(|k| {
            *k == Kill::No && {
                *k = how;
                true
            }
        });
    }

    pub async fn killed(&self) {
        let mut rx = self.kill.subscribe();
        let _ = rx.wait_for(|k| *k != Kill::No).await;
    }

    pub fn is_killed(&self) -> bool {
        *self.kill.borrow() != Kill::No
    }

    fn is_reset(&self) -> bool {
        *self.kill.borrow() == Kill::Reset
    }

    fn release(&self) -> Option<Instant> {
        let ms = lock(&self.endpoint.faults).stall_ms;
        (ms > 0).then(|| Instant::now() + Duration::from_millis(ms))
    }

    /// Whole replies, in order.
    pub fn reply(&self, bytes: Bytes) {
        let at = self.release();
        let mut out = lock(&self.out);
        out.taken += 1;
        out.queued += bytes.len();
        out.replies.push_back(Item { after: 0, at, bytes });
        drop(out);
        self.wake.notify_one();
    }

    /// One published message.
    pub fn message(&self, bytes: Bytes) {
        let at = self.release();
        let mut out = lock(&self.out);
        let after = out.push_after;
        out.queued += bytes.len();
        out.messages.push_back(Item { after, at, bytes });
        let over = out.queued > MAX_BUFFERED_REPLIES;
        drop(out);
        if over {
            self.kill(Kill::Close);
        }
        self.wake.notify_one();
    }

    /// One maintenance push.
    pub fn push(&self, bytes: Bytes) {
        let mut out = lock(&self.out);
        let after = out.push_after;
        out.queued += bytes.len();
        out.pushes.push_back(Item { after, at: None, bytes });
        drop(out);
        self.wake.notify_one();
    }

    /// From now on nothing overtakes the reply that is being made.
    pub fn pushes_follow_next_reply(&self) {
        let mut out = lock(&self.out);
        out.push_after = out.taken + 1;
    }

    /// No more replies come: the connection closes when all are written.
    pub fn finish(&self) {
        if self.is_killed() {
            return;
        }
        lock(&self.out).finishing = true;
        self.wake.notify_one();
    }

    /// Waits until little enough is buffered to go on reading.
    pub async fn room(&self) {
        loop {
            if lock(&self.out).queued <= MAX_BUFFERED_REPLIES || self.is_killed() {
                return;
            }
            tokio::select! {
                () = self.drained.notified() => {}
                () = self.killed() => return,
            }
        }
    }

    /// Takes what may be written now into `batch`; otherwise says when to look again.
    fn take(&self, batch: &mut Vec<u8>) -> Next {
        let frozen = lock(&self.endpoint.faults).freeze;
        let now = Instant::now();
        let mut out = lock(&self.out);
        let mut soonest: Option<Instant> = None;
        let mut replied = false;
        while batch.len() < 256 << 10 {
            let ready = out.written;
            let out = &mut *out;
            let held = |i: &Item| frozen || i.at.is_some_and(|at| at > now);
            let queue = if out.pushes.front().is_some_and(|i| i.after <= ready) {
                &mut out.pushes
            } else if out.messages.front().is_some_and(|i| i.after <= ready && !held(i)) {
                &mut out.messages
            } else if out.replies.front().is_some_and(|i| !held(i)) {
                out.written += 1;
                replied = true;
                &mut out.replies
            } else {
                for at in
                    [out.messages.front(), out.replies.front()].into_iter().flatten().filter_map(|i| i.at)
                {
                    soonest = Some(soonest.map_or(at, |s: Instant| s.min(at)));
                }
                break;
            };
            if let Some(item) = queue.pop_front() {
                out.queued -= item.bytes.len();
                batch.extend_from_slice(&item.bytes);
            }
        }
        if !batch.is_empty() {
            return Next::Write { replied };
        }
        if out.finishing && out.replies.is_empty() {
            return Next::End;
        }
        Next::Wait(if frozen { None } else { soonest })
    }
}

enum Next {
    Write { replied: bool },
    Wait(Option<Instant>),
    End,
}

/// Writes what waits until the connection ends.
pub async fn writer<W: AsyncWrite + Unpin>(sim: Arc<Sim>, conn: Arc<Conn>, mut to: W) {
    let orderly = tokio::select! {
        biased;
        () = conn.killed() => *conn.kill.borrow() == Kill::Close,
        result = write_all(&sim, &conn, &mut to) => result.is_ok() && !conn.is_reset(),
    };
    if orderly {
        // Over TLS this says goodbye first.
        let _ = tokio::time::timeout(Duration::from_millis(200), to.shutdown()).await;
    }
    conn.kill(Kill::Close);
}

async fn write_all<W: AsyncWrite + Unpin>(sim: &Sim, conn: &Conn, to: &mut W) -> std::io::Result<()> {
    let mut changed = conn.endpoint.changed.subscribe();
    let mut batch = Vec::new();
    loop {
        batch.clear();
        changed.borrow_and_update();
        match conn.take(&mut batch) {
            Next::End => return Ok(()),
            Next::Wait(until) => {
                let sleep = async {
                    match until {
                        Some(at) => tokio::time::sleep_until(at.into()).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = conn.wake.notified() => {}
                    _ = changed.changed() => {}
                    () = sleep => {}
                }
            }
            Next::Write { replied } => {
                let (split, cut) = {
                    let mut f = lock(&conn.endpoint.faults);
                    (f.split, replied && std::mem::take(&mut f.close_mid_reply))
                };
                if cut {
                    let whole = FrameScanner::default().next(&batch).ok().flatten().unwrap_or(batch.len());
                    to.write_all(&batch[..(whole / 2).max(1)]).await?;
                    to.flush().await?;
                    sim.event(
                        "closed_mid_reply",
                        json!({"endpoint": conn.endpoint.name, "connection": conn.id}),
                    );
                    return Ok(());
                }
                match split {
                    None => to.write_all(&batch).await?,
                    Some((max, delay)) => {
                        for part in batch.chunks(max.max(1)) {
                            to.write_all(part).await?;
                            to.flush().await?;
                            if delay > 0 {
                                tokio::time::sleep(Duration::from_micros(delay)).await;
                            } else {
                                tokio::task::yield_now().await;
                            }
                        }
                    }
                }
                to.flush().await?;
                conn.drained.notify_one();
            }
        }
    }
}
