//! The embedded data set: one map per database number, shared by every endpoint.

use crate::resp;
use bytes::Bytes;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

pub const DATABASES: usize = 16;
const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INT: &str = "ERR value is not an integer or out of range";
const SYNTAX: &str = "ERR syntax error";

pub enum Value {
    Text(Vec<u8>),
    List(VecDeque<Bytes>),
    Hash(HashMap<Bytes, Bytes>),
    Set(HashSet<Bytes>),
}

pub struct Entry {
    value: Value,
    expires: Option<Instant>,
}

#[derive(Default)]
pub struct Store {
    dbs: Vec<HashMap<Bytes, Entry>>,
    versions: HashMap<(usize, Bytes), u64>,
    flushes: u64,
    /// Set when a list grew, so that blocked commands look again.
    pub list_grew: bool,
}

type Reply = Result<(), &'static str>;

fn int(text: &[u8]) -> Result<i64, &'static str> {
    std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).ok_or(NOT_INT)
}

/// Smallest and largest number of arguments of the data commands, the name counted.
pub fn arity(name: &str) -> Option<(usize, usize)> {
    const ANY: usize = usize::MAX;
    Some(match name {
        "GET" | "INCR" | "DECR" | "STRLEN" | "TTL" | "PTTL" | "LLEN" | "HGETALL" | "SMEMBERS" | "KEYS"
        | "TYPE" => (2, 2),
        "SET" => (3, ANY),
        "SETNX" | "INCRBY" | "DECRBY" | "APPEND" | "HGET" | "SISMEMBER" => (3, 3),
        "EXPIRE" | "PEXPIRE" => (3, 3),
        "DEL" | "UNLINK" | "EXISTS" | "MGET" => (2, ANY),
        "MSET" | "LPUSH" | "RPUSH" | "HDEL" | "SADD" | "SREM" => (3, ANY),
        "LPOP" | "RPOP" => (2, 3),
        "LRANGE" => (4, 4),
        "HSET" => (4, ANY),
        "DBSIZE" => (1, 1),
        "FLUSHALL" | "FLUSHDB" => (1, 2),
        _ => return None,
    })
}

impl Store {
    pub fn new() -> Self {
        Store { dbs: (0..DATABASES).map(|_| HashMap::new()).collect(), ..Store::default() }
    }

    /// Changes whenever the key is written: what WATCH compares.
    pub fn version(&self, db: usize, key: &Bytes) -> (u64, u64) {
        (self.flushes, self.versions.get(&(db, key.clone())).copied().unwrap_or(0))
    }

    /// Versions are only counted while somebody watches.
    pub fn watch(&mut self, db: usize, key: &Bytes) {
        self.versions.entry((db, key.clone())).or_insert(0);
    }

    fn touch(&mut self, db: usize, key: &Bytes) {
        if !self.versions.is_empty()
            && let Some(v) = self.versions.get_mut(&(db, key.clone()))
        {
            *v += 1;
        }
    }

    pub fn has(&mut self, db: usize, key: &Bytes) -> bool {
        self.get(db, key).is_some()
    }

    /// Takes out the entries whose key is meant, with what is left of their lives.
    pub fn take_where(&mut self, db: usize, mut meant: impl FnMut(&[u8]) -> bool) -> Vec<(Bytes, Entry)> {
        self.drop_expired(db);
        let taken: Vec<_> = self.dbs[db].extract_if(|key, _| meant(key)).collect();
        taken.iter().for_each(|(key, _)| self.touch(db, key));
        taken
    }

    pub fn put_entry(&mut self, db: usize, key: Bytes, entry: Entry) {
        self.touch(db, &key);
        self.dbs[db].insert(key, entry);
    }

    pub fn count_where(&mut self, db: usize, meant: impl Fn(&[u8]) -> bool) -> usize {
        self.drop_expired(db);
        self.dbs[db].keys().filter(|k| meant(k)).count()
    }

    fn get(&mut self, db: usize, key: &Bytes) -> Option<&mut Entry> {
        let map = &mut self.dbs[db];
        if map.get(key)?.expires.is_some_and(|at| at <= Instant::now()) {
            map.remove(key);
            return None;
        }
        map.get_mut(key)
    }

    fn text(&mut self, db: usize, key: &Bytes) -> Result<Option<&mut Vec<u8>>, &'static str> {
        match self.get(db, key) {
            None => Ok(None),
            Some(Entry { value: Value::Text(t), .. }) => Ok(Some(t)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    fn put(&mut self, db: usize, key: &Bytes, value: Value) {
        self.dbs[db].insert(own(key), Entry { value, expires: None });
    }

    fn list(&mut self, db: usize, key: &Bytes) -> Result<Option<&mut VecDeque<Bytes>>, &'static str> {
        match self.get(db, key) {
            None => Ok(None),
            Some(Entry { value: Value::List(l), .. }) => Ok(Some(l)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    fn hash(&mut self, db: usize, key: &Bytes) -> Result<Option<&mut HashMap<Bytes, Bytes>>, &'static str> {
        match self.get(db, key) {
            None => Ok(None),
            Some(Entry { value: Value::Hash(h), .. }) => Ok(Some(h)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    fn set_of(&mut self, db: usize, key: &Bytes) -> Result<Option<&mut HashSet<Bytes>>, &'static str> {
        match self.get(db, key) {
            None => Ok(None),
            Some(Entry { value: Value::Set(s), .. }) => Ok(Some(s)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    /// Takes one element off a list; `Ok(None)` when there is none.
    pub fn pop(&mut self, db: usize, key: &Bytes, front: bool) -> Result<Option<Bytes>, &'static str> {
        let Some(list) = self.list(db, key)? else {
            return Ok(None);
        };
        let item = if front { list.pop_front() } else { list.pop_back() };
        if list.is_empty() {
            self.dbs[db].remove(key);
        }
        self.touch(db, key);
        Ok(item)
    }

    /// Executes one data command whose number of arguments was checked.
    pub fn run(&mut self, db: usize, proto: u8, name: &str, a: &[Bytes], out: &mut Vec<u8>) {
        let mark = out.len();
        if let Err(text) = self.data(db, proto, name, a, out) {
            out.truncate(mark);
            resp::error(out, text);
        }
    }

    fn data(&mut self, db: usize, proto: u8, name: &str, a: &[Bytes], out: &mut Vec<u8>) -> Reply {
        match name {
            "GET" => match self.text(db, &a[1])? {
                Some(t) => resp::bulk(out, t),
                None => resp::null(out, proto),
            },
            "SET" => self.set_command(db, proto, a, out)?,
            "SETNX" => {
                let fresh = self.get(db, &a[1]).is_none();
                if fresh {
                    self.put(db, &a[1], Value::Text(a[2].to_vec()));
                    self.touch(db, &a[1]);
                }
                resp::int(out, i64::from(fresh));
            }
            "DEL" | "UNLINK" => {
                let mut n = 0;
                for key in &a[1..] {
                    if self.get(db, key).is_some() {
                        self.dbs[db].remove(key);
                        self.touch(db, key);
                        n += 1;
                    }
                }
                resp::int(out, n);
            }
            "EXISTS" => {
                let n = a[1..].iter().filter(|k| self.get(db, k).is_some()).count();
                resp::int(out, n as i64);
            }
            "INCR" | "DECR" | "INCRBY" | "DECRBY" => {
                let by = if a.len() > 2 { int(&a[2])? } else { 1 };
                let by = if name.starts_with("DECR") { by.checked_neg().ok_or(NOT_INT)? } else { by };
                let n = match self.text(db, &a[1])? {
                    Some(t) => {
                        let n = int(t)?.checked_add(by).ok_or("ERR increment or decrement would overflow")?;
                        *t = n.to_string().into_bytes();
                        n
                    }
                    None => {
                        self.put(db, &a[1], Value::Text(by.to_string().into_bytes()));
                        by
                    }
                };
                self.touch(db, &a[1]);
                resp::int(out, n);
            }
            "APPEND" => {
                let n = match self.text(db, &a[1])? {
                    Some(t) => {
                        t.extend_from_slice(&a[2]);
                        t.len()
                    }
                    None => {
                        self.put(db, &a[1], Value::Text(a[2].to_vec()));
                        a[2].len()
                    }
                };
                self.touch(db, &a[1]);
                resp::int(out, n as i64);
            }
            "STRLEN" => {
                let n = self.text(db, &a[1])?.map_or(0, |t| t.len());
                resp::int(out, n as i64);
            }
            "MGET" => {
                resp::array(out, a.len() - 1);
                for key in &a[1..] {
                    match self.text(db, key) {
                        Ok(Some(t)) => resp::bulk(out, t),
                        _ => resp::null(out, proto),
                    }
                }
            }
            "MSET" => {
                if a.len().is_multiple_of(2) {
                    return Err("ERR wrong number of arguments for 'mset' command");
                }
                for pair in a[1..].chunks(2) {
                    self.put(db, &pair[0], Value::Text(pair[1].to_vec()));
                    self.touch(db, &pair[0]);
                }
                resp::simple(out, "OK");
            }
            "EXPIRE" | "PEXPIRE" => {
                let n = int(&a[2])?;
                let ms = if name == "EXPIRE" { n.saturating_mul(1000) } else { n };
                let at = Instant::now().checked_add(Duration::from_millis(ms.max(0) as u64));
                let found = self.get(db, &a[1]).map(|e| e.expires = at).is_some();
                self.touch(db, &a[1]);
                resp::int(out, i64::from(found));
            }
            "TTL" | "PTTL" => {
                let n = match self.get(db, &a[1]).map(|e| e.expires) {
                    None => -2,
                    Some(None) => -1,
                    Some(Some(at)) => {
                        let ms = at.saturating_duration_since(Instant::now()).as_millis() as i64;
                        if name == "TTL" { (ms + 500) / 1000 } else { ms }
                    }
                };
                resp::int(out, n);
            }
            "LPUSH" | "RPUSH" => {
                if self.list(db, &a[1])?.is_none() {
                    self.put(db, &a[1], Value::List(VecDeque::new()));
                }
                let list = self.list(db, &a[1])?.ok_or(WRONG_TYPE)?;
                for item in &a[2..] {
                    if name == "LPUSH" { list.push_front(own(item)) } else { list.push_back(own(item)) }
                }
                let n = list.len();
                self.list_grew = true;
                self.touch(db, &a[1]);
                resp::int(out, n as i64);
            }
            "LPOP" | "RPOP" => {
                let front = name == "LPOP";
                if a.len() == 2 {
                    match self.pop(db, &a[1], front)? {
                        Some(item) => resp::bulk(out, &item),
                        None => resp::null(out, proto),
                    }
                } else {
                    let n = usize::try_from(int(&a[2])?)
                        .map_err(|_| "ERR value is out of range, must be positive")?;
                    let mut items = Vec::new();
                    while items.len() < n {
                        match self.pop(db, &a[1], front)? {
                            Some(item) => items.push(item),
                            None => break,
                        }
                    }
                    if items.is_empty() {
                        resp::null_array(out, proto);
                    } else {
                        resp::array(out, items.len());
                        items.iter().for_each(|i| resp::bulk(out, i));
                    }
                }
            }
            "LLEN" => {
                let n = self.list(db, &a[1])?.map_or(0, |l| l.len());
                resp::int(out, n as i64);
            }
            "LRANGE" => {
                let (from, to) = (int(&a[2])?, int(&a[3])?);
                match self.list(db, &a[1])? {
                    None => resp::array(out, 0),
                    Some(l) => {
                        let n = l.len() as i64;
                        let from = if from < 0 { from.saturating_add(n).max(0) } else { from };
                        let to = if to < 0 { to.saturating_add(n) } else { to.min(n - 1) };
                        let count = (to.saturating_sub(from).saturating_add(1)).max(0) as usize;
                        resp::array(out, count);
                        l.iter().skip(from as usize).take(count).for_each(|i| resp::bulk(out, i));
                    }
                }
            }
            "HSET" => {
                if a.len() % 2 == 1 {
                    return Err("ERR wrong number of arguments for 'hset' command");
                }
                if self.hash(db, &a[1])?.is_none() {
                    self.put(db, &a[1], Value::Hash(HashMap::new()));
                }
                let hash = self.hash(db, &a[1])?.ok_or(WRONG_TYPE)?;
                let mut n = 0;
                for pair in a[2..].chunks(2) {
                    n += i64::from(hash.insert(own(&pair[0]), own(&pair[1])).is_none());
                }
                self.touch(db, &a[1]);
                resp::int(out, n);
            }
            "HGET" => match self.hash(db, &a[1])?.and_then(|h| h.get(&a[2])) {
                Some(v) => resp::bulk(out, v),
                None => resp::null(out, proto),
            },
            "HGETALL" => match self.hash(db, &a[1])? {
                None => resp::map(out, proto, 0),
                Some(h) => {
                    resp::map(out, proto, h.len());
                    for (k, v) in h.iter() {
                        resp::bulk(out, k);
                        resp::bulk(out, v);
                    }
                }
            },
            "HDEL" => {
                let (mut n, mut empty) = (0, false);
                if let Some(h) = self.hash(db, &a[1])? {
                    n = a[2..].iter().filter(|k| h.remove(*k).is_some()).count();
                    empty = h.is_empty();
                }
                self.after_removal(db, &a[1], empty);
                resp::int(out, n as i64);
            }
            "SADD" => {
                if self.set_of(db, &a[1])?.is_none() {
                    self.put(db, &a[1], Value::Set(HashSet::new()));
                }
                let set = self.set_of(db, &a[1])?.ok_or(WRONG_TYPE)?;
                let n = a[2..].iter().filter(|m| set.insert(own(m))).count();
                self.touch(db, &a[1]);
                resp::int(out, n as i64);
            }
            "SREM" => {
                let (mut n, mut empty) = (0, false);
                if let Some(s) = self.set_of(db, &a[1])? {
                    n = a[2..].iter().filter(|m| s.remove(*m)).count();
                    empty = s.is_empty();
                }
                self.after_removal(db, &a[1], empty);
                resp::int(out, n as i64);
            }
            "SMEMBERS" => match self.set_of(db, &a[1])? {
                None => resp::set(out, proto, 0),
                Some(s) => {
                    resp::set(out, proto, s.len());
                    s.iter().for_each(|m| resp::bulk(out, m));
                }
            },
            "SISMEMBER" => {
                let found = self.set_of(db, &a[1])?.is_some_and(|s| s.contains(&a[2]));
                resp::int(out, i64::from(found));
            }
            "DBSIZE" => {
                self.drop_expired(db);
                resp::int(out, self.dbs[db].len() as i64);
            }
            "FLUSHALL" | "FLUSHDB" => {
                self.flushes += 1;
                if name == "FLUSHDB" {
                    self.dbs[db].clear();
                } else {
                    self.dbs.iter_mut().for_each(HashMap::clear);
                }
                resp::simple(out, "OK");
            }
            "KEYS" => {
                self.drop_expired(db);
                let keys: Vec<_> = self.dbs[db].keys().filter(|k| glob(&a[1], k)).collect();
                resp::array(out, keys.len());
                keys.iter().for_each(|k| resp::bulk(out, k));
            }
            "TYPE" => {
                let kind = match self.get(db, &a[1]).map(|e| &e.value) {
                    None => "none",
                    Some(Value::Text(_)) => "string",
                    Some(Value::List(_)) => "list",
                    Some(Value::Hash(_)) => "hash",
                    Some(Value::Set(_)) => "set",
                };
                resp::simple(out, kind);
            }
            _ => return Err("ERR unknown command"),
        }
        Ok(())
    }

    fn after_removal(&mut self, db: usize, key: &Bytes, empty: bool) {
        if empty {
            self.dbs[db].remove(key);
        }
        self.touch(db, key);
    }

    fn drop_expired(&mut self, db: usize) {
        let now = Instant::now();
        self.dbs[db].retain(|_, e| e.expires.is_none_or(|at| at > now));
    }

    fn set_command(&mut self, db: usize, proto: u8, a: &[Bytes], out: &mut Vec<u8>) -> Reply {
        let (mut nx, mut xx, mut get, mut keep) = (false, false, false, false);
        let mut life = None;
        let mut i = 3;
        while i < a.len() {
            match a[i].to_ascii_uppercase().as_slice() {
                b"NX" => nx = true,
                b"XX" => xx = true,
                b"GET" => get = true,
                b"KEEPTTL" => keep = true,
                unit @ (b"EX" | b"PX") => {
                    i += 1;
                    let n = int(a.get(i).ok_or(SYNTAX)?)?;
                    if n <= 0 {
                        return Err("ERR invalid expire time in 'set' command");
                    }
                    life = Some(if unit == b"EX" { n.saturating_mul(1000) } else { n } as u64);
                }
                _ => return Err(SYNTAX),
            }
            i += 1;
        }
        if nx && xx {
            return Err(SYNTAX);
        }
        let old = if get { self.text(db, &a[1])?.cloned() } else { None };
        let kept = self.get(db, &a[1]).map(|e| e.expires);
        let done = !(nx && kept.is_some() || xx && kept.is_none());
        if done {
            let expires = match life {
                Some(ms) => Instant::now().checked_add(Duration::from_millis(ms)),
                None if keep => kept.flatten(),
                None => None,
            };
            self.dbs[db].insert(own(&a[1]), Entry { value: Value::Text(a[2].to_vec()), expires });
            self.touch(db, &a[1]);
        }
        match (get, old, done) {
            (true, Some(t), _) => resp::bulk(out, &t),
            (true, None, _) | (false, _, false) => resp::null(out, proto),
            _ => resp::simple(out, "OK"),
        }
        Ok(())
    }
}

/// A copy that does not keep the whole command's input alive.
fn own(b: &Bytes) -> Bytes {
    Bytes::copy_from_slice(b)
}

/// The usual glob: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(b'?') => Some(p + 1),
            Some(b'[') => class(pattern, p, text[t]),
            Some(b'\\') if p + 1 < pattern.len() => (pattern[p + 1] == text[t]).then_some(p + 2),
            Some(c) => (*c == text[t]).then_some(p + 1),
            None => None,
        };
        match (step, star) {
            (Some(next), _) => {
                p = next;
                t += 1;
            }
            (None, Some((back, from))) => {
                p = back;
                t = from + 1;
                star = Some((back, t));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

fn class(pattern: &[u8], open: usize, c: u8) -> Option<usize> {
    let end = open + 1 + pattern[open + 1..].iter().position(|b| *b == b']')?;
    let mut inside = &pattern[open + 1..end];
    let negated = inside.first() == Some(&b'^');
    if negated {
        inside = &inside[1..];
    }
    let mut hit = false;
    while let [a, rest @ ..] = inside {
        if let [b'-', b, after @ ..] = rest {
            hit |= (*a..=*b).contains(&c);
            inside = after;
        } else {
            hit |= *a == c;
            inside = rest;
        }
    }
    (hit != negated).then_some(end + 1)
}
