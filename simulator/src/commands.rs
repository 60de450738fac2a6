//! The commands of the embedded data set as `COMMAND` describes them: cluster clients look there for the keys.

use crate::resp;
use bytes::Bytes;

struct About {
    name: &'static str,
    /// Number of arguments, the name counted; negative: at least so many.
    arity: i64,
    flag: &'static str,
    /// First key, last key (negative: from the end), step; zeros: no keys.
    keys: (i64, i64, i64),
}

const fn about(name: &'static str, arity: i64, flag: &'static str, keys: (i64, i64, i64)) -> About {
    About { name, arity, flag, keys }
}

const NONE: (i64, i64, i64) = (0, 0, 0);
const ONE: (i64, i64, i64) = (1, 1, 1);
const ALL: (i64, i64, i64) = (1, -1, 1);

const TABLE: [About; 68] = [
    about("PING", -1, "fast", NONE),
    about("ECHO", 2, "fast", NONE),
    about("HELLO", -1, "noscript", NONE),
    about("AUTH", -2, "noscript", NONE),
    about("SELECT", 2, "fast", NONE),
    about("QUIT", -1, "noscript", NONE),
    about("RESET", 1, "noscript", NONE),
    about("TIME", 1, "fast", NONE),
    about("INFO", -1, "loading", NONE),
    about("COMMAND", -1, "loading", NONE),
    about("CONFIG", -2, "admin", NONE),
    about("CLIENT", -2, "noscript", NONE),
    about("CLUSTER", -2, "loading", NONE),
    about("MULTI", 1, "noscript", NONE),
    about("EXEC", 1, "noscript", NONE),
    about("DISCARD", 1, "noscript", NONE),
    about("WATCH", -2, "noscript", ALL),
    about("UNWATCH", 1, "noscript", NONE),
    about("READONLY", 1, "fast", NONE),
    about("READWRITE", 1, "fast", NONE),
    about("ASKING", 1, "fast", NONE),
    about("SUBSCRIBE", -2, "pubsub", NONE),
    about("UNSUBSCRIBE", -1, "pubsub", NONE),
    about("PSUBSCRIBE", -2, "pubsub", NONE),
    about("PUNSUBSCRIBE", -1, "pubsub", NONE),
    about("SSUBSCRIBE", -2, "pubsub", ALL),
    about("SUNSUBSCRIBE", -1, "pubsub", ALL),
    about("PUBLISH", 3, "pubsub", NONE),
    about("SPUBLISH", 3, "pubsub", ONE),
    about("BLPOP", -3, "write", (1, -2, 1)),
    about("BRPOP", -3, "write", (1, -2, 1)),
    about("GET", 2, "readonly", ONE),
    about("SET", -3, "write", ONE),
    about("SETNX", 3, "write", ONE),
    about("DEL", -2, "write", ALL),
    about("UNLINK", -2, "write", ALL),
    about("EXISTS", -2, "readonly", ALL),
    about("INCR", 2, "write", ONE),
    about("INCRBY", 3, "write", ONE),
    about("DECR", 2, "write", ONE),
    about("DECRBY", 3, "write", ONE),
    about("APPEND", 3, "write", ONE),
    about("STRLEN", 2, "readonly", ONE),
    about("MGET", -2, "readonly", ALL),
    about("MSET", -3, "write", (1, -1, 2)),
    about("EXPIRE", 3, "write", ONE),
    about("PEXPIRE", 3, "write", ONE),
    about("TTL", 2, "readonly", ONE),
    about("PTTL", 2, "readonly", ONE),
    about("LPUSH", -3, "write", ONE),
    about("RPUSH", -3, "write", ONE),
    about("LPOP", -2, "write", ONE),
    about("RPOP", -2, "write", ONE),
    about("LLEN", 2, "readonly", ONE),
    about("LRANGE", 4, "readonly", ONE),
    about("HSET", -4, "write", ONE),
    about("HGET", 3, "readonly", ONE),
    about("HGETALL", 2, "readonly", ONE),
    about("HDEL", -3, "write", ONE),
    about("SADD", -3, "write", ONE),
    about("SREM", -3, "write", ONE),
    about("SMEMBERS", 2, "readonly", ONE),
    about("SISMEMBER", 3, "readonly", ONE),
    about("TYPE", 2, "readonly", ONE),
    about("DBSIZE", 1, "readonly", NONE),
    about("FLUSHALL", -1, "write", NONE),
    about("FLUSHDB", -1, "write", NONE),
    about("KEYS", 2, "readonly", NONE),
];

/// Whether the embedded data set has the command; its name is in capital letters.
pub fn known(name: &str) -> bool {
    TABLE.iter().any(|a| a.name == name)
}

/// `COMMAND`, `COMMAND COUNT`, `COMMAND INFO [name ...]`, `COMMAND DOCS`.
pub fn command(proto: u8, a: &[Bytes], out: &mut Vec<u8>) {
    match a.get(1).map(|s| s.to_ascii_uppercase()).as_deref() {
        Some(b"COUNT") => resp::int(out, TABLE.len() as i64),
        Some(b"DOCS") => resp::map(out, proto, 0),
        Some(b"INFO") if a.len() > 2 => {
            resp::array(out, a.len() - 2);
            for name in &a[2..] {
                match TABLE.iter().find(|about| name.eq_ignore_ascii_case(about.name.as_bytes())) {
                    Some(about) => describe(about, out),
                    None => resp::null_array(out, proto),
                }
            }
        }
        _ => {
            resp::array(out, TABLE.len());
            TABLE.iter().for_each(|about| describe(about, out));
        }
    }
}

fn describe(about: &About, out: &mut Vec<u8>) {
    resp::array(out, 10);
    resp::bulk(out, about.name.to_lowercase().as_bytes());
    resp::int(out, about.arity);
    resp::array(out, 1);
    resp::simple(out, about.flag);
    let (first, last, step) = about.keys;
    [first, last, step].iter().for_each(|n| resp::int(out, *n));
    // Categories, hints, where the keys are in other words, subcommands: nothing to say.
    (0..4).for_each(|_| resp::array(out, 0));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::keys;
    use crate::store::arity;

    #[test]
    fn what_is_described_is_what_is_done() {
        for about in &TABLE {
            if let Some((min, max)) = arity(about.name) {
                let wanted = if min == max { min as i64 } else { -(min as i64) };
                assert_eq!(about.arity, wanted, "{}", about.name);
            }
            // Five arguments: the keys by the table here, and by the one that decides about slots.
            let args: Vec<Bytes> = (0..5).map(|n| Bytes::from(n.to_string())).collect();
            let (first, last, step) = about.keys;
            let last = if last < 0 { 5 + last } else { last };
            let described: Vec<&Bytes> = (first..=last)
                .step_by(step.max(1) as usize)
                .filter(|_| first > 0)
                .map(|i| &args[i as usize])
                .collect();
            // Nobody is sent elsewhere to unsubscribe.
            if about.name != "SUNSUBSCRIBE" {
                assert_eq!(described, keys::of(about.name, &args), "{}", about.name);
            }
        }
    }
}
