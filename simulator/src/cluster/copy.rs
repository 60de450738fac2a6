//! Keys go from one real server to another while the commands of their slots wait.

use super::hash::slot;
use super::ranges::SlotSet;
use crate::limits::MAX_SLOT_MOVE;
use crate::resp::{self, FrameScanner};
use crate::state::{Endpoint, Sim, lock};
use bytes::{Bytes, BytesMut};
use serde_json::json;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Keys asked for, dumped or restored in one go.
const BATCH: usize = 64;

/// One connection of the simulator's own to a real server.
struct Server {
    tcp: TcpStream,
    scanner: FrameScanner,
    buf: BytesMut,
}

impl Server {
    async fn connect(of: &Endpoint) -> Result<Server, String> {
        let at = of.upstream.as_deref().ok_or_else(|| format!("{} has no server behind it", of.name))?;
        let tcp = TcpStream::connect(at).await.map_err(|e| format!("upstream {at}: {e}"))?;
        Ok(Server { tcp, scanner: FrameScanner::default(), buf: BytesMut::new() })
    }

    /// Sends the commands at once and gives the reply frame of each.
    async fn ask(&mut self, commands: &[Vec<&[u8]>]) -> Result<Vec<Bytes>, String> {
        let mut out = Vec::new();
        for command in commands {
            resp::array(&mut out, command.len());
            command.iter().for_each(|part| resp::bulk(&mut out, part));
        }
        self.tcp.write_all(&out).await.map_err(|e| format!("upstream: {e}"))?;
        let mut replies = Vec::new();
        while replies.len() < commands.len() {
            if let Some(n) = self.scanner.next(&self.buf)? {
                let frame = self.buf.split_to(n).freeze();
                if frame[0] == b'-' {
                    return Err(format!("upstream: {}", String::from_utf8_lossy(&frame).trim_end()));
                }
                replies.push(frame);
                continue;
            }
            match self.tcp.read_buf(&mut self.buf).await {
                Ok(0) => return Err("upstream closed the connection".into()),
                Ok(_) => {}
                Err(e) => return Err(format!("upstream: {e}")),
            }
        }
        Ok(replies)
    }

    async fn keys_of(&mut self, slots: &SlotSet) -> Result<Vec<Bytes>, String> {
        let (mut keys, mut cursor) = (Vec::new(), Bytes::from_static(b"0"));
        loop {
            let reply = self.ask(&[vec![b"SCAN", &cursor, b"COUNT", b"1000"]]).await?;
            let mut strings = strings(&reply[0]).into_iter();
            cursor = strings.next().ok_or("upstream: SCAN without a cursor")?;
            keys.extend(strings.filter(|k| slots.contains(&slot(k))));
            if &cursor[..] == b"0" {
                // SCAN may give a key twice.
                keys.sort_unstable();
                keys.dedup();
                return Ok(keys);
            }
        }
    }

    async fn unlink(&mut self, keys: &[Bytes]) -> Result<(), String> {
        for batch in keys.chunks(BATCH) {
            let mut command: Vec<&[u8]> = vec![b"UNLINK"];
            command.extend(batch.iter().map(|k| &k[..]));
            self.ask(&[command]).await?;
        }
        Ok(())
    }
}

/// The bulk strings of a frame, nested ones too; nulls are left out.
fn strings(frame: &Bytes) -> Vec<Bytes> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(n) = frame[at..].windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&frame[at + 1..at + n]).ok().and_then(|t| t.parse::<usize>().ok());
        let kind = frame[at];
        at += n + 2;
        if let (b'$', Some(size)) = (kind, size) {
            found.push(frame.slice(at..at + size));
            at += size + 2;
        }
    }
    found
}

/// The number the real server gave this new connection; none when it does not say.
pub async fn id_of(tcp: &mut TcpStream) -> Option<u64> {
    tcp.write_all(b"*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n").await.ok()?;
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(tcp.read_u8().await.ok()?);
    }
    std::str::from_utf8(line.strip_prefix(b":")?).ok()?.trim_end().parse().ok()
}

/// A connection that waits in a blocking command waits no longer.
pub async fn unblock(of: &Endpoint, id: u64) {
    if let Ok(mut server) = Server::connect(of).await {
        let id = id.to_string();
        let _ = server.ask(&[vec![b"CLIENT", b"UNBLOCK", id.as_bytes(), b"ERROR"]]).await;
    }
}

async fn copy(from: &mut Server, to: &mut Server, keys: &[Bytes]) -> Result<(), String> {
    for batch in keys.chunks(BATCH) {
        let asked: Vec<Vec<&[u8]>> =
            batch.iter().flat_map(|k| [vec![&b"PTTL"[..], k], vec![&b"DUMP"[..], k]]).collect();
        let replies = from.ask(&asked).await?;
        let mut restored = Vec::new();
        for (key, about) in batch.iter().zip(replies.chunks(2)) {
            let life: i64 =
                String::from_utf8_lossy(&about[0][1..]).trim_end().parse().map_err(|_| "PTTL: no number")?;
            // None: it expired between the look and the copy.
            if let Some(dump) = strings(&about[1]).pop() {
                let life = if life < 0 { 0 } else { life.max(1) };
                restored.push((key, life.to_string(), dump));
            }
        }
        let commands: Vec<Vec<&[u8]>> = restored
            .iter()
            .map(|(key, life, dump)| vec![&b"RESTORE"[..], key, life.as_bytes(), dump, b"REPLACE"])
            .collect();
        to.ask(&commands).await?;
    }
    Ok(())
}

/// Holds the commands of the slots, waits for those on their way, and copies the keys. On success they stay held, for
/// `clear`; otherwise all is as before. Gives the keys.
pub async fn freeze_and_copy(
    sim: &Arc<Sim>,
    from: &Endpoint,
    to: &Endpoint,
    slots: &SlotSet,
) -> Result<Vec<Bytes>, String> {
    if let Some(table) = &mut lock(&sim.data).slots {
        table.freeze(slots);
    }
    sim.event("slots_held", json!({"endpoint": from.name, "slots": super::ranges::text(slots)}));
    let mut copied = Vec::new();
    let work = async {
        quiet(sim, slots).await;
        let (mut source, mut target) = (Server::connect(from).await?, Server::connect(to).await?);
        copied = source.keys_of(slots).await?;
        copy(&mut source, &mut target, &copied).await
    };
    let result = tokio::time::timeout(MAX_SLOT_MOVE, work).await;
    let error = match result {
        Ok(Ok(())) => return Ok(copied),
        Ok(Err(text)) => text,
        Err(_) => format!("the slots could not be moved within {} s", MAX_SLOT_MOVE.as_secs()),
    };
    let undone = async { Server::connect(to).await?.unlink(&copied).await };
    if let Ok(Err(text)) = tokio::time::timeout(MAX_SLOT_MOVE, undone).await {
        sim.event("copies_left", json!({"endpoint": to.name, "error": text}));
    }
    thaw(sim, slots);
    Err(error)
}

/// After the owner changed: the source forgets the keys, and the held commands go on.
pub async fn clear(sim: &Arc<Sim>, from: &Endpoint, slots: &SlotSet, keys: &[Bytes]) {
    let work = async { Server::connect(from).await?.unlink(keys).await };
    let done = tokio::time::timeout(MAX_SLOT_MOVE, work).await;
    if !matches!(done, Ok(Ok(()))) {
        sim.event("copies_left", json!({"endpoint": from.name}));
    }
    thaw(sim, slots);
}

fn thaw(sim: &Sim, slots: &SlotSet) {
    if let Some(table) = &mut lock(&sim.data).slots {
        table.thaw(slots);
    }
    sim.slots_changed.notify_waiters();
}

/// Until no command of these slots is with a server.
async fn quiet(sim: &Sim, slots: &SlotSet) {
    loop {
        let changed = sim.slots_changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if !lock(&sim.data).slots.as_ref().is_some_and(|t| t.busy(slots)) {
            return;
        }
        changed.await;
    }
}
