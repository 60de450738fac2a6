//! Channels, patterns and shard channels.

use crate::conn::Conn;
use crate::resp;
use crate::store::glob;
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Space {
    Channel,
    Pattern,
    Shard,
}

#[derive(Default)]
pub struct PubSub {
    subs: HashMap<(Space, Bytes), Vec<Arc<Conn>>>,
    by_conn: HashMap<u64, BTreeSet<(u8, Bytes)>>,
}

impl PubSub {
    pub fn subscribe(&mut self, conn: &Arc<Conn>, space: Space, channel: &Bytes) -> usize {
        let channel = Bytes::copy_from_slice(channel);
        if self.by_conn.entry(conn.id).or_default().insert((space as u8, channel.clone())) {
            self.subs.entry((space, channel)).or_default().push(conn.clone());
        }
        self.count(conn.id, space)
    }

    pub fn unsubscribe(&mut self, id: u64, space: Space, channel: &Bytes) -> usize {
        if let Some(mine) = self.by_conn.get_mut(&id) {
            mine.remove(&(space as u8, channel.clone()));
            if mine.is_empty() {
                self.by_conn.remove(&id);
            }
        }
        let key = (space, channel.clone());
        if let Some(list) = self.subs.get_mut(&key) {
            list.retain(|c| c.id != id);
            if list.is_empty() {
                self.subs.remove(&key);
            }
        }
        self.count(id, space)
    }

    /// Subscriptions as the reply counts them: shard channels apart from the rest.
    pub fn count(&self, id: u64, space: Space) -> usize {
        let shard = space == Space::Shard;
        self.by_conn
            .get(&id)
            .map_or(0, |m| m.iter().filter(|(s, _)| (*s == Space::Shard as u8) == shard).count())
    }

    pub fn of(&self, id: u64, space: Space) -> Vec<Bytes> {
        self.by_conn.get(&id).map_or_else(Vec::new, |m| {
            m.iter().filter(|(s, _)| *s == space as u8).map(|(_, c)| c.clone()).collect()
        })
    }

    pub fn subscribed(&self, id: u64) -> bool {
        self.by_conn.contains_key(&id)
    }

    pub fn forget(&mut self, id: u64) {
        for (space, channel) in self.by_conn.remove(&id).unwrap_or_default() {
            let space = [Space::Channel, Space::Pattern, Space::Shard][space as usize];
            self.unsubscribe(id, space, &channel);
        }
    }

    /// Ends subscriptions nobody asked to end, and says so to their connections.
    pub fn end_where(&mut self, space: Space, meant: impl Fn(&Conn, &[u8]) -> bool) {
        let found: Vec<(Arc<Conn>, Bytes)> = self
            .subs
            .iter()
            .filter(|((s, _), _)| *s == space)
            .flat_map(|((_, channel), conns)| conns.iter().map(move |c| (c.clone(), channel.clone())))
            .filter(|(conn, channel)| meant(conn, channel))
            .collect();
        for (conn, channel) in found {
            let n = self.unsubscribe(conn.id, space, &channel);
            let mut out = Vec::new();
            resp::push(&mut out, conn.proto(), 3);
            resp::bulk(&mut out, b"sunsubscribe");
            resp::bulk(&mut out, &channel);
            resp::int(&mut out, n as i64);
            conn.message(out.into());
        }
    }

    pub fn publish(&self, shard: bool, channel: &Bytes, text: &Bytes) -> i64 {
        let mut n = 0;
        let (space, kind) = if shard { (Space::Shard, "smessage") } else { (Space::Channel, "message") };
        for conn in self.subs.get(&(space, channel.clone())).into_iter().flatten() {
            let mut out = Vec::new();
            resp::push(&mut out, conn.proto(), 3);
            for part in [kind.as_bytes(), channel, text] {
                resp::bulk(&mut out, part);
            }
            conn.message(out.into());
            n += 1;
        }
        if shard {
            return n;
        }
        for ((space, pattern), conns) in &self.subs {
            if *space != Space::Pattern || !glob(pattern, channel) {
                continue;
            }
            for conn in conns {
                let mut out = Vec::new();
                resp::push(&mut out, conn.proto(), 4);
                for part in [&b"pmessage"[..], pattern, channel, text] {
                    resp::bulk(&mut out, part);
                }
                conn.message(out.into());
                n += 1;
            }
        }
        n
    }
}
