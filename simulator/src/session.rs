//! Commands about the connection itself, transactions, and the way to the data commands.

use crate::cluster::topology;
use crate::commands::{self, known};
use crate::conn::Conn;
use crate::maint;
use crate::pubsub::Space;
use crate::resp;
use crate::state::{ServerKind, Sim, lock};
use crate::store::{DATABASES, arity};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub enum Flow {
    Next,
    /// Nothing there yet: ask `blocked` again when a list grew; give up after the time.
    Block {
        args: Vec<Bytes>,
        left: bool,
        wait: Option<Duration>,
    },
    Close,
}

#[derive(Default)]
pub struct Session {
    authed: bool,
    db: usize,
    queued: Option<Vec<Vec<Bytes>>>,
    queue_failed: bool,
    watched: Vec<(usize, Bytes, (u64, u64))>,
    off: bool,
    skip: bool,
    /// ASKING came: the next command may be for a slot that is still arriving.
    asking: bool,
    /// It came before this command.
    asked: bool,
}

fn text(b: &[u8]) -> String {
    String::from_utf8_lossy(b).into_owned()
}

fn wrong_args(out: &mut Vec<u8>, name: &str) {
    resp::error(out, &format!("ERR wrong number of arguments for '{}' command", name.to_lowercase()));
}

impl Session {
    pub fn new(sim: &Sim) -> Self {
        Session { authed: sim.password.is_none(), ..Session::default() }
    }

    /// Executes one command; its reply, if it has one, is appended.
    pub fn command(&mut self, sim: &Arc<Sim>, conn: &Arc<Conn>, args: Vec<Bytes>, out: &mut Vec<u8>) -> Flow {
        let mark = out.len();
        let skip = std::mem::take(&mut self.skip);
        let flow = self.dispatch(sim, conn, args, out);
        if self.off || self.skip || skip {
            out.truncate(mark);
        }
        flow
    }

    fn dispatch(&mut self, sim: &Arc<Sim>, conn: &Arc<Conn>, args: Vec<Bytes>, out: &mut Vec<u8>) -> Flow {
        let mut upper = [0u8; 24];
        let n = args[0].len();
        let name = if n <= upper.len() && args[0].is_ascii() {
            upper[..n].copy_from_slice(&args[0]);
            upper[..n].make_ascii_uppercase();
            std::str::from_utf8(&upper[..n]).unwrap_or("")
        } else {
            ""
        };
        if !self.authed && !matches!(name, "HELLO" | "AUTH" | "QUIT" | "RESET") {
            resp::error(out, "NOAUTH Authentication required.");
            return Flow::Next;
        }
        self.asked = std::mem::take(&mut self.asking);
        if self.queued.is_some() && !matches!(name, "EXEC" | "DISCARD" | "MULTI" | "WATCH" | "QUIT" | "RESET")
        {
            if !known(name) {
                self.queue_failed = true;
                unknown(out, &args);
            } else if arity(name).is_some_and(|(min, max)| args.len() < min || args.len() > max) {
                self.queue_failed = true;
                wrong_args(out, name);
            } else if let Err(to) = lock(&sim.data).route(conn.endpoint.index, name, &args, self.asked) {
                self.queue_failed = true;
                resp::error(out, &topology::text_of(sim, to));
            } else {
                if let Some(q) = &mut self.queued {
                    q.push(args);
                }
                resp::simple(out, "QUEUED");
            }
            return Flow::Next;
        }
        self.run(sim, conn, name, &args, out, true)
    }

    fn run(
        &mut self,
        sim: &Arc<Sim>,
        conn: &Arc<Conn>,
        name: &str,
        a: &[Bytes],
        out: &mut Vec<u8>,
        may_block: bool,
    ) -> Flow {
        let proto = conn.proto();
        if let Some((min, max)) = arity(name) {
            if a.len() < min || a.len() > max {
                wrong_args(out, name);
                return Flow::Next;
            }
            let mut data = lock(&sim.data);
            if let Err(to) = data.route(conn.endpoint.index, name, a, self.asked) {
                resp::error(out, &topology::text_of(sim, to));
                return Flow::Next;
            }
            let store = data.store(conn.endpoint.index);
            store.run(self.db, proto, name, a, out);
            if std::mem::take(&mut store.list_grew) {
                drop(data);
                sim.grew.notify_waiters();
            }
            return Flow::Next;
        }
        match (name, a.len()) {
            ("PING", 1..=2) => {
                if proto < 3 && lock(&sim.pubsub).subscribed(conn.id) {
                    resp::array(out, 2);
                    resp::bulk(out, b"pong");
                    resp::bulk(out, a.get(1).map_or(b"", |b| b));
                } else {
                    match a.get(1) {
                        Some(b) => resp::bulk(out, b),
                        None => resp::simple(out, "PONG"),
                    }
                }
            }
            ("ECHO", 2) => resp::bulk(out, &a[1]),
            ("HELLO", _) => self.hello(sim, conn, a, out),
            ("AUTH", 2..=3) => match &sim.password {
                None => resp::error(
                    out,
                    "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
                ),
                Some(p) if a[a.len() - 1] == p.as_bytes() && (a.len() == 2 || &a[1][..] == b"default") => {
                    self.authed = true;
                    resp::simple(out, "OK");
                }
                Some(_) => resp::error(out, "WRONGPASS invalid username-password pair or user is disabled."),
            },
            ("SELECT", 2) => match text(&a[1]).parse::<usize>() {
                Ok(1..) if topology::is_cluster(sim) => {
                    resp::error(out, "ERR SELECT is not allowed in cluster mode");
                }
                Ok(n) if n < DATABASES => {
                    self.db = n;
                    resp::simple(out, "OK");
                }
                Ok(_) => resp::error(out, "ERR DB index is out of range"),
                Err(_) => resp::error(out, "ERR value is not an integer or out of range"),
            },
            ("QUIT", _) => {
                resp::simple(out, "OK");
                return Flow::Close;
            }
            ("RESET", 1) => {
                lock(&sim.pubsub).forget(conn.id);
                *lock(&conn.opted) = None;
                lock(&conn.name).clear();
                conn.proto.store(2, Ordering::Relaxed);
                *self = Session::new(sim);
                resp::simple(out, "RESET");
            }
            ("TIME", 1) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                resp::array(out, 2);
                resp::bulk(out, now.as_secs().to_string().as_bytes());
                resp::bulk(out, now.subsec_micros().to_string().as_bytes());
            }
            ("INFO", _) => {
                let n = lock(&sim.conns).len();
                resp::bulk(out, format!(
                    "# Server\r\nredis_version:{VERSION}\r\nredis_mode:{}\r\nprocess_id:{}\r\ntcp_port:{}\r\n\r\n# Clients\r\nconnected_clients:{n}\r\n\r\n# Persistence\r\nloading:0\r\n\r\n# Replication\r\nrole:master\r\n\r\n# Cluster\r\ncluster_enabled:{}\r\n",
                    topology::mode(sim), std::process::id(), conn.endpoint.port, u8::from(topology::is_cluster(sim))).as_bytes());
            }
            ("COMMAND", _) => commands::command(proto, a, out),
            ("CONFIG", 2..) => {
                if a[1].eq_ignore_ascii_case(b"GET") {
                    resp::map(out, proto, 0)
                } else {
                    unknown_sub(out, "CONFIG", &a[1])
                }
            }
            ("CLIENT", 2..) => self.client(sim, conn, a, out),
            ("MULTI", 1) => {
                if self.queued.is_some() {
                    resp::error(out, "ERR MULTI calls can not be nested");
                } else {
                    self.queued = Some(Vec::new());
                    self.queue_failed = false;
                    resp::simple(out, "OK");
                }
            }
            ("DISCARD", 1) => {
                if self.queued.take().is_none() {
                    resp::error(out, "ERR DISCARD without MULTI");
                } else {
                    self.watched.clear();
                    resp::simple(out, "OK");
                }
            }
            ("EXEC", 1) => self.exec(sim, conn, out),
            ("WATCH", 2..) => {
                if self.queued.is_some() {
                    resp::error(out, "ERR WATCH inside MULTI is not allowed");
                } else {
                    let mut data = lock(&sim.data);
                    if let Err(to) = data.route(conn.endpoint.index, name, a, self.asked) {
                        resp::error(out, &topology::text_of(sim, to));
                        return Flow::Next;
                    }
                    let store = data.store(conn.endpoint.index);
                    for key in &a[1..] {
                        let key = Bytes::copy_from_slice(key);
                        store.watch(self.db, &key);
                        let version = store.version(self.db, &key);
                        self.watched.push((self.db, key, version));
                    }
                    resp::simple(out, "OK");
                }
            }
            ("UNWATCH", 1) => {
                self.watched.clear();
                resp::simple(out, "OK");
            }
            ("BLPOP" | "BRPOP", 3..) => {
                let left = name == "BLPOP";
                let seconds = text(&a[a.len() - 1]).parse::<f64>().ok().filter(|s| s.is_finite());
                let Some(seconds) = seconds.filter(|s| *s < 1e9) else {
                    resp::error(out, "ERR timeout is not a float or out of range");
                    return Flow::Next;
                };
                if seconds < 0.0 {
                    resp::error(out, "ERR timeout is negative");
                    return Flow::Next;
                }
                if self.blocked(sim, conn, a, left, out) {
                    return Flow::Next;
                }
                if !may_block {
                    resp::null_array(out, proto);
                    return Flow::Next;
                }
                let wait = (seconds > 0.0).then(|| Duration::from_secs_f64(seconds));
                return Flow::Block { args: a.to_vec(), left, wait };
            }
            ("PUBLISH", 3) => resp::int(out, lock(&sim.pubsub).publish(false, &a[1], &a[2])),
            ("SPUBLISH", 3) | ("SSUBSCRIBE", 2..) => {
                // Under the lock, so that no slot leaves between the look and the deed.
                let mut data = lock(&sim.data);
                match data.route(conn.endpoint.index, name, a, self.asked) {
                    Err(to) => resp::error(out, &topology::text_of(sim, to)),
                    Ok(_) if name == "SPUBLISH" => {
                        resp::int(out, lock(&sim.pubsub).publish(true, &a[1], &a[2]));
                    }
                    Ok(_) => subscribe(sim, conn, Space::Shard, "ssubscribe", a, out),
                }
            }
            ("SUBSCRIBE", 2..) => subscribe(sim, conn, Space::Channel, "subscribe", a, out),
            ("PSUBSCRIBE", 2..) => subscribe(sim, conn, Space::Pattern, "psubscribe", a, out),
            ("UNSUBSCRIBE", _) => unsubscribe(sim, conn, Space::Channel, "unsubscribe", a, out),
            ("PUNSUBSCRIBE", _) => unsubscribe(sim, conn, Space::Pattern, "punsubscribe", a, out),
            ("SUNSUBSCRIBE", _) => unsubscribe(sim, conn, Space::Shard, "sunsubscribe", a, out),
            ("ASKING", 1) => {
                self.asking = true;
                resp::simple(out, "OK");
            }
            ("READONLY" | "READWRITE", 1) => resp::simple(out, "OK"),
            ("CLUSTER", 2..) => topology::command(sim, &conn.endpoint, proto, a, out),
            (known_name, _) if known(known_name) => wrong_args(out, name),
            _ => unknown(out, a),
        }
        Flow::Next
    }

    /// Tries a blocking pop; true when it was answered.
    pub fn blocked(&mut self, sim: &Sim, conn: &Conn, a: &[Bytes], left: bool, out: &mut Vec<u8>) -> bool {
        let mut data = lock(&sim.data);
        // The slot may have left while the client waited.
        if let Err(to) = data.route(conn.endpoint.index, "BLPOP", a, self.asked) {
            resp::error(out, &topology::text_of(sim, to));
            return true;
        }
        let store = data.store(conn.endpoint.index);
        for key in &a[1..a.len() - 1] {
            match store.pop(self.db, key, left) {
                Ok(None) => {}
                Ok(Some(item)) => {
                    resp::array(out, 2);
                    resp::bulk(out, key);
                    resp::bulk(out, &item);
                    return true;
                }
                Err(e) => {
                    resp::error(out, e);
                    return true;
                }
            }
        }
        false
    }

    fn exec(&mut self, sim: &Arc<Sim>, conn: &Arc<Conn>, out: &mut Vec<u8>) {
        let Some(queue) = self.queued.take() else {
            return resp::error(out, "ERR EXEC without MULTI");
        };
        let watched = std::mem::take(&mut self.watched);
        if std::mem::take(&mut self.queue_failed) {
            return resp::error(out, "EXECABORT Transaction discarded because of previous errors.");
        }
        let node = conn.endpoint.index;
        let mut data = lock(&sim.data);
        if let Err(to) = data.route_all(node, &queue, self.asked) {
            return resp::error(out, &topology::text_of(sim, to));
        }
        let store = data.store(node);
        if watched.iter().any(|(db, key, v)| store.version(*db, key) != *v) {
            return resp::null_array(out, conn.proto());
        }
        resp::array(out, queue.len());
        for args in queue {
            let name = text(&args[0]).to_ascii_uppercase();
            if arity(&name).is_some() {
                match data.route(node, &name, &args, self.asked) {
                    Ok(_) => data.store(node).run(self.db, conn.proto(), &name, &args, out),
                    Err(to) => resp::error(out, &topology::text_of(sim, to)),
                }
            } else if matches!(&name[..], "BLPOP" | "BRPOP" | "SSUBSCRIBE" | "SPUBLISH" | "CLUSTER") {
                // Looks at the data by itself.
                drop(data);
                let _ = self.run(sim, conn, &name, &args, out, false);
                data = lock(&sim.data);
            } else {
                let _ = self.run(sim, conn, &name, &args, out, false);
            }
        }
        let grew = std::mem::take(&mut data.store(node).list_grew);
        drop(data);
        if grew {
            sim.grew.notify_waiters();
        }
    }

    fn hello(&mut self, sim: &Arc<Sim>, conn: &Arc<Conn>, a: &[Bytes], out: &mut Vec<u8>) {
        let mut proto = conn.proto();
        if let Some(v) = a.get(1) {
            match &v[..] {
                b"2" => proto = 2,
                b"3" if sim.kind() != ServerKind::Resp2Only => proto = 3,
                _ if text(v).parse::<i64>().is_err() => {
                    return resp::error(out, "ERR Protocol version is not an integer or out of range");
                }
                _ => return resp::error(out, "NOPROTO unsupported protocol version"),
            }
        }
        let (mut i, mut authed, mut name) = (2, self.authed, None);
        while i < a.len() {
            if a[i].eq_ignore_ascii_case(b"AUTH") && i + 2 < a.len() {
                if sim
                    .password
                    .as_ref()
                    .is_some_and(|p| a[i + 2] != p.as_bytes() || &a[i + 1][..] != b"default")
                {
                    return resp::error(out, "WRONGPASS invalid username-password pair or user is disabled.");
                }
                authed = true;
                i += 3;
            } else if a[i].eq_ignore_ascii_case(b"SETNAME") && i + 1 < a.len() {
                name = Some(text(&a[i + 1]));
                i += 2;
            } else {
                return resp::error(out, &format!("ERR Syntax error in HELLO option '{}'", text(&a[i])));
            }
        }
        if !authed {
            return resp::error(
                out,
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
            );
        }
        self.authed = true;
        if let Some(n) = name {
            *lock(&conn.name) = n;
        }
        conn.proto.store(proto, Ordering::Relaxed);
        resp::map(out, proto, 7);
        for (key, value) in [("server", "redis"), ("version", VERSION)] {
            resp::bulk(out, key.as_bytes());
            resp::bulk(out, value.as_bytes());
        }
        resp::bulk(out, b"proto");
        resp::int(out, i64::from(proto));
        resp::bulk(out, b"id");
        resp::int(out, conn.id as i64);
        for (key, value) in [("mode", topology::mode(sim)), ("role", "master")] {
            resp::bulk(out, key.as_bytes());
            resp::bulk(out, value.as_bytes());
        }
        resp::bulk(out, b"modules");
        resp::array(out, 0);
    }

    fn client(&mut self, sim: &Arc<Sim>, conn: &Arc<Conn>, a: &[Bytes], out: &mut Vec<u8>) {
        let sub = a[1].to_ascii_uppercase();
        match (&sub[..], a.len()) {
            (b"SETNAME", 3) => {
                *lock(&conn.name) = text(&a[2]);
                resp::simple(out, "OK");
            }
            (b"GETNAME", 2) => {
                let name = lock(&conn.name).clone();
                if name.is_empty() { resp::null(out, conn.proto()) } else { resp::bulk(out, name.as_bytes()) }
            }
            (b"ID", 2) => resp::int(out, conn.id as i64),
            (b"SETINFO", 4) | (b"NO-EVICT" | b"NO-TOUCH", 3) | (b"TRACKING", 3..) => resp::simple(out, "OK"),
            (b"REPLY", 3) => match a[2].to_ascii_uppercase().as_slice() {
                b"ON" => {
                    self.off = false;
                    resp::simple(out, "OK");
                }
                b"OFF" => self.off = true,
                b"SKIP" => self.skip = true,
                _ => resp::error(out, "ERR syntax error"),
            },
            (b"INFO", 2) => resp::bulk(out, info(conn).as_bytes()),
            (b"LIST", 2..) => {
                let all: String = lock(&sim.conns).values().map(|c| info(c)).collect();
                resp::bulk(out, all.as_bytes());
            }
            (b"MAINT_NOTIFICATIONS", _) => maint::opt_in(sim, conn, a, out),
            _ => unknown_sub(out, "CLIENT", &a[1]),
        }
    }
}

const VERSION: &str = "8.2.0";

fn info(conn: &Conn) -> String {
    format!(
        "id={} addr={} laddr={} name={} age={} resp={}\n",
        conn.id,
        conn.peer,
        conn.endpoint.address(),
        lock(&conn.name),
        conn.opened.elapsed().as_secs(),
        conn.proto()
    )
}

fn unknown(out: &mut Vec<u8>, a: &[Bytes]) {
    let rest: String = a[1..].iter().take(20).map(|x| format!("'{:.128}' ", text(x))).collect();
    resp::error(
        out,
        &format!("ERR unknown command '{:.128}', with args beginning with: {rest}", text(&a[0])),
    );
}

pub fn unknown_sub(out: &mut Vec<u8>, of: &str, sub: &[u8]) {
    resp::error(out, &format!("ERR unknown subcommand '{:.128}'. Try {of} HELP.", text(sub)));
}

fn subscribe(sim: &Sim, conn: &Arc<Conn>, space: Space, kind: &str, a: &[Bytes], out: &mut Vec<u8>) {
    let mut pubsub = lock(&sim.pubsub);
    conn.pushes_follow_next_reply();
    for channel in &a[1..] {
        let n = pubsub.subscribe(conn, space, channel);
        resp::push(out, conn.proto(), 3);
        resp::bulk(out, kind.as_bytes());
        resp::bulk(out, channel);
        resp::int(out, n as i64);
    }
}

fn unsubscribe(sim: &Sim, conn: &Conn, space: Space, kind: &str, a: &[Bytes], out: &mut Vec<u8>) {
    let mut pubsub = lock(&sim.pubsub);
    let channels = if a.len() > 1 { a[1..].to_vec() } else { pubsub.of(conn.id, space) };
    for channel in &channels {
        let n = pubsub.unsubscribe(conn.id, space, channel);
        resp::push(out, conn.proto(), 3);
        resp::bulk(out, kind.as_bytes());
        resp::bulk(out, channel);
        resp::int(out, n as i64);
    }
    if channels.is_empty() {
        resp::push(out, conn.proto(), 3);
        resp::bulk(out, kind.as_bytes());
        resp::null(out, conn.proto());
        resp::int(out, pubsub.count(conn.id, space) as i64);
    }
}
