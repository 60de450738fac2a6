//! Listeners and the life of a client connection.

use crate::conn::{Conn, Kill, writer};
use crate::limits::MAX_CONNECTIONS;
use crate::resp::{self, CommandParser};
use crate::session::{Flow, Session};
use crate::state::{Endpoint, Sim, lock};
use crate::upstream;
use bytes::BytesMut;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;

/// Space for a read: an idle connection keeps little, a busy one reads much at a time.
const SMALL_READ: usize = 4 << 10;
const LARGE_READ: usize = 64 << 10;
/// How long replies may still be written after the client closed its side.
const LINGER: Duration = Duration::from_millis(200);

/// A listener whose port can be bound again at once.
pub fn bind(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(1024)
}

/// Starts accepting.
pub fn accept(sim: &Arc<Sim>, endpoint: &Arc<Endpoint>, listener: TcpListener) {
    let (sim, ep) = (sim.clone(), endpoint.clone());
    let task = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((tcp, peer)) => {
                    let tcp = Arc::new(tcp);
                    match register(&sim, &ep, &tcp, peer) {
                        Some(conn) => drop(tokio::spawn(serve(sim.clone(), conn, tcp))),
                        None => {
                            let mut tcp = Shared(tcp);
                            let text = b"-ERR max number of clients reached\r\n";
                            tokio::spawn(async move {
                                tokio::time::timeout(LINGER, tcp.write_all(text)).await.is_ok()
                            });
                        }
                    }
                }
                Err(e) => {
                    sim.event("accept_failed", json!({"endpoint": ep.name, "error": e.to_string()}));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    });
    *lock(&endpoint.listener) = Some(task);
}

/// Closes the listener, or binds its port again. Done when this returns.
pub async fn refuse(sim: &Arc<Sim>, endpoint: &Arc<Endpoint>, on: bool) -> Result<(), String> {
    if on {
        let task = lock(&endpoint.listener).take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
        endpoint.set_faults(|f| f.refuse = true);
        return Ok(());
    }
    if lock(&endpoint.listener).is_none() {
        let listener =
            bind(endpoint.address()).map_err(|e| format!("cannot bind {} again: {e}", endpoint.address()))?;
        accept(sim, endpoint, listener);
    }
    endpoint.set_faults(|f| {
        f.refuse = false;
        f.gone = false;
    });
    Ok(())
}

/// A socket whose options stay reachable while it is in use.
struct Shared(Arc<TcpStream>);

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(n) => {
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(data) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }
}

/// Makes the connection known, in the order of accepting; none when there are too many.
fn register(sim: &Arc<Sim>, ep: &Arc<Endpoint>, tcp: &Arc<TcpStream>, peer: SocketAddr) -> Option<Arc<Conn>> {
    let _ = tcp.set_nodelay(true);
    let id = sim.next_conn.fetch_add(1, Ordering::Relaxed);
    let node = ep.node.load(Ordering::SeqCst);
    let conn = Arc::new(Conn::new(id, ep.clone(), node, peer, tcp));
    let mut conns = lock(&sim.conns);
    if conns.len() >= MAX_CONNECTIONS {
        drop(conns);
        sim.event("too_many_connections", json!({"endpoint": ep.name, "limit": MAX_CONNECTIONS}));
        return None;
    }
    conns.insert(id, conn.clone());
    ep.accepted.fetch_add(1, Ordering::Relaxed);
    drop(conns);
    sim.event("connected", json!({"endpoint": ep.name, "connection": id, "node": node}));
    Some(conn)
}

async fn serve(sim: Arc<Sim>, conn: Arc<Conn>, tcp: Arc<TcpStream>) {
    let (id, ep) = (conn.id, conn.endpoint.clone());
    let delay = lock(&ep.faults).connect_delay_ms;
    let open = async {
        tokio::time::sleep(Duration::from_millis(delay)).await;
        type Halves = (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>);
        let halves: Option<Halves> = match (&sim.tls, ep.tls) {
            (Some(tls), true) => match tls.accept(Shared(tcp)).await {
                Ok(stream) => {
                    let (r, w) = tokio::io::split(stream);
                    Some((Box::new(r), Box::new(w)))
                }
                Err(e) => {
                    sim.event(
                        "tls_failed",
                        json!({"endpoint": ep.name, "connection": id, "error": e.to_string()}),
                    );
                    None
                }
            },
            _ => Some((Box::new(Shared(tcp.clone())), Box::new(Shared(tcp)))),
        };
        halves
    };
    let halves = tokio::select! {
        h = open => h,
        () = conn.killed() => None,
    };
    if let Some((from, to)) = halves {
        let mut writing = tokio::spawn(writer(sim.clone(), conn.clone(), to));
        let drain = tokio::select! {
            () = conn.killed() => false,
            drain = async {
                match conn.endpoint.upstream.clone() {
                    Some(to) => upstream::relay(&sim, &conn, from, &to).await,
                    None => embedded(&sim, &conn, from).await,
                }
            } => drain,
        };
        conn.finish();
        if drain {
            let _ = (&mut writing).await;
        } else if tokio::time::timeout(LINGER, &mut writing).await.is_err() {
            // The client is gone: what is left got its moment.
            conn.kill(Kill::Close);
            let _ = writing.await;
        }
    }
    conn.kill(Kill::Close);
    lock(&sim.pubsub).forget(id);
    lock(&sim.conns).remove(&id);
    let commands = conn.commands.load(Ordering::Relaxed);
    sim.event("disconnected", json!({"endpoint": ep.name, "connection": id, "commands": commands}));
}

/// Counts commands that get no reply; true when every connection was reset for it.
pub fn withheld(sim: &Arc<Sim>, conn: &Conn) -> Option<bool> {
    let mut faults = lock(&conn.endpoint.faults);
    let left = faults.withhold.as_mut()?;
    *left = left.saturating_sub(1);
    let last = *left == 0;
    if last {
        faults.withhold = None;
        drop(faults);
        let conns = sim.connections(Some(&conn.endpoint.name), None);
        sim.event(
            "reset_with_replies_withheld",
            json!({"endpoint": conn.endpoint.name, "connections": conns.len()}),
        );
        conns.iter().for_each(|c| c.kill(Kill::Reset));
    }
    Some(last)
}

/// Serves from the embedded data set. True when the client asked to close.
async fn embedded<R: AsyncRead + Unpin>(sim: &Arc<Sim>, conn: &Arc<Conn>, mut from: R) -> bool {
    let mut session = Session::new(sim);
    let mut parser = CommandParser::default();
    let mut buf = BytesMut::new();
    let mut room = SMALL_READ;
    loop {
        let mut out = Vec::new();
        loop {
            let command = match parser.next(&mut buf) {
                Ok(Some(c)) => c,
                Ok(None) => break,
                Err(text) => {
                    resp::error(&mut out, &format!("ERR {text}"));
                    conn.reply(out.into());
                    return true;
                }
            };
            conn.commands.fetch_add(1, Ordering::Relaxed);
            let mark = out.len();
            let flow = session.command(sim, conn, command.args, &mut out);
            let flow = match flow {
                Flow::Block { args, left, wait } => {
                    if !out.is_empty() {
                        conn.reply(std::mem::take(&mut out).into());
                    }
                    let until = wait.map(|w| Instant::now() + w);
                    if !block(sim, conn, &mut session, &mut from, &mut buf, &args, left, until, &mut out)
                        .await
                    {
                        return false;
                    }
                    Flow::Next
                }
                other => other,
            };
            if let Some(last) = withheld(sim, conn) {
                out.truncate(mark.min(out.len()));
                if last {
                    return false;
                }
            }
            if matches!(flow, Flow::Close) {
                conn.reply(out.into());
                return true;
            }
            if out.len() > 256 << 10 {
                conn.reply(std::mem::take(&mut out).into());
                conn.room().await;
            }
        }
        if !out.is_empty() {
            conn.reply(out.into());
        }
        conn.room().await;
        buf.reserve(room);
        let fresh = buf.is_empty();
        match from.read_buf(&mut buf).await {
            Ok(0) | Err(_) => return false,
            Ok(n) => {
                if fresh && let Some(answer) = sim.interceptors.answer(&buf) {
                    buf.clear();
                    conn.reply(answer);
                }
                room = if n >= room { LARGE_READ } else { SMALL_READ };
            }
        }
    }
}

/// Waits for a list element; false when the client left.
#[allow(clippy::too_many_arguments)]
async fn block<R: AsyncRead + Unpin>(
    sim: &Arc<Sim>,
    conn: &Arc<Conn>,
    session: &mut Session,
    from: &mut R,
    buf: &mut BytesMut,
    args: &[bytes::Bytes],
    left: bool,
    until: Option<Instant>,
    out: &mut Vec<u8>,
) -> bool {
    loop {
        let grew = sim.grew.notified();
        tokio::pin!(grew);
        grew.as_mut().enable();
        if session.blocked(sim, conn, args, left, out) {
            return true;
        }
        let sleep = async {
            match until {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = grew => {}
            () = sleep => {
                resp::null_array(out, conn.proto());
                return true;
            }
            n = from.read_buf(buf), if buf.len() < 1 << 20 => {
                if !matches!(n, Ok(n) if n > 0) {
                    return false;
                }
            }
        }
    }
}
