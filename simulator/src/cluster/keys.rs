//! Where a command has its keys. What is not in the tables has one key, its first argument, as most commands do.

use bytes::Bytes;

/// Commands without keys; those of the connection among them.
const KEYLESS: [&str; 63] = [
    "ACL",
    "ASKING",
    "AUTH",
    "BGREWRITEAOF",
    "BGSAVE",
    "CLIENT",
    "CLUSTER",
    "COMMAND",
    "CONFIG",
    "DBSIZE",
    "DEBUG",
    "DISCARD",
    "ECHO",
    "EXEC",
    "FAILOVER",
    "FLUSHALL",
    "FLUSHDB",
    "FUNCTION",
    "HELLO",
    "INFO",
    "KEYS",
    "LASTSAVE",
    "LATENCY",
    "LOLWUT",
    "MEMORY",
    "MODULE",
    "MONITOR",
    "MULTI",
    "PING",
    "PSUBSCRIBE",
    "PSYNC",
    "PUBLISH",
    "PUBSUB",
    "PUNSUBSCRIBE",
    "QUIT",
    "RANDOMKEY",
    "READONLY",
    "READWRITE",
    "REPLCONF",
    "REPLICAOF",
    "RESET",
    "ROLE",
    "SAVE",
    "SCAN",
    "SCRIPT",
    "SELECT",
    "SHUTDOWN",
    "SLAVEOF",
    "SLOWLOG",
    "SUBSCRIBE",
    "SUNSUBSCRIBE",
    "SWAPDB",
    "SYNC",
    "TIME",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WAITAOF",
    "FT.SEARCH",
    "FT.AGGREGATE",
    "FT.CREATE",
    "FT.INFO",
    "FT._LIST",
];

/// The commands whose arguments are all keys, channels of a shard included.
const ALL: [&str; 12] = [
    "DEL",
    "UNLINK",
    "EXISTS",
    "MGET",
    "TOUCH",
    "WATCH",
    "SSUBSCRIBE",
    "SDIFF",
    "SINTER",
    "SUNION",
    "PFCOUNT",
    "PFMERGE",
];

/// The keys of a command; its name is in capital letters.
pub fn of<'a>(name: &str, a: &'a [Bytes]) -> Vec<&'a Bytes> {
    let some = |from: usize, to: usize, step: usize| -> Vec<&'a Bytes> {
        a.get(from..to.min(a.len())).unwrap_or_default().iter().step_by(step).collect()
    };
    let counted = |at: usize| -> Vec<&'a Bytes> {
        let n = a.get(at).and_then(|n| std::str::from_utf8(n).ok()).and_then(|n| n.parse::<usize>().ok());
        some(at + 1, (at + 1).saturating_add(n.unwrap_or(0)), 1)
    };
    match name {
        "OBJECT" | "XINFO" | "XGROUP" => some(2, 3, 1),
        "MEMORY" if a.get(1).is_some_and(|s| s.eq_ignore_ascii_case(b"USAGE")) => some(2, 3, 1),
        _ if KEYLESS.contains(&name) => Vec::new(),
        _ if ALL.contains(&name) => some(1, a.len(), 1),
        "MSET" | "MSETNX" => some(1, a.len(), 2),
        "BLPOP" | "BRPOP" | "BZPOPMIN" | "BZPOPMAX" => some(1, a.len().saturating_sub(1), 1),
        "SDIFFSTORE" | "SINTERSTORE" | "SUNIONSTORE" => some(1, a.len(), 1),
        "RENAME" | "RENAMENX" | "COPY" | "SMOVE" | "LMOVE" | "BLMOVE" | "RPOPLPUSH" | "BRPOPLPUSH"
        | "GEOSEARCHSTORE" | "ZRANGESTORE" | "LCS" => some(1, 3, 1),
        "BITOP" => some(2, a.len(), 1),
        "EVAL" | "EVALSHA" | "EVAL_RO" | "EVALSHA_RO" | "FCALL" | "FCALL_RO" | "BLMPOP" | "BZMPOP" => {
            counted(2)
        }
        "LMPOP" | "ZMPOP" | "SINTERCARD" | "ZINTERCARD" | "ZDIFF" | "ZINTER" | "ZUNION" => counted(1),
        "ZUNIONSTORE" | "ZINTERSTORE" | "ZDIFFSTORE" => {
            let mut keys = some(1, 2, 1);
            keys.extend(counted(2));
            keys
        }
        "XREAD" | "XREADGROUP" => {
            let from = a.iter().position(|x| x.eq_ignore_ascii_case(b"STREAMS")).map_or(a.len(), |n| n + 1);
            some(from, from + (a.len() - from) / 2, 1)
        }
        _ => some(1, 2, 1),
    }
}

/// Whether the reply may wait for another client's write: nothing can be waited for behind it.
pub fn may_block(name: &str, a: &[Bytes]) -> bool {
    match name {
        "BLPOP" | "BRPOP" | "BLMOVE" | "BLMPOP" | "BRPOPLPUSH" | "BZPOPMIN" | "BZPOPMAX" | "BZMPOP" => true,
        "XREAD" | "XREADGROUP" => a.iter().any(|x| x.eq_ignore_ascii_case(b"BLOCK")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_where_the_command_has_them() {
        for (command, keys) in [
            ("GET k", "k"),
            ("PING", ""),
            ("MSET a 1 b 2", "a b"),
            ("DEL a b c", "a b c"),
            ("BLPOP a b 0", "a b"),
            ("EVAL s 2 a b x", "a b"),
            ("EVAL s 0 x", ""),
            ("EVAL s 99999999999999999999 x", ""),
            ("XREAD COUNT 2 STREAMS a b 0 0", "a b"),
            ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d a b"),
            ("BITOP AND d a b", "d a b"),
            ("CLUSTER KEYSLOT k", ""),
            ("OBJECT ENCODING k", "k"),
            ("SPUBLISH c m", "c"),
            ("ZADD z 1 m", "z"),
            ("GET", ""),
        ] {
            let args: Vec<Bytes> = command.split(' ').map(|t| Bytes::copy_from_slice(t.as_bytes())).collect();
            let name = command.split(' ').next().unwrap_or("");
            let got: Vec<_> =
                of(name, &args).iter().map(|k| String::from_utf8_lossy(k).into_owned()).collect();
            assert_eq!(got.join(" "), keys, "{command}");
        }
    }
}
