//! What servers of a cluster say, drawn: slot maps in both forms and both protocols, SMIGRATED, redirections. Sometimes with a byte
//! of it changed, sometimes any bytes at all.

use crate::draw::Draw;

pub const HOSTS: &[&str] = &["a", "b", "c", "d", "e", "f", "10.0.0.9", "::1"];
const ODD_HOSTS: &[&str] = &["", "?", "a b", "A", "[::1]", "-"];
const RANGES: &[(u16, u16)] = &[
    (0, 99),
    (100, 199),
    (50, 149),
    (5, 5),
    (12182, 12182),
    (16380, 16383),
    (9, 1),
    (16000, 16384),
    (0, 65535),
];
/// They cost more.
const LARGE_RANGES: &[(u16, u16)] = &[(0, 16383), (0, 8191), (8192, 16383)];
const SLOTS: &[&str] = &["0-99", "5", "100-199,12182", "16380-16383", "1-4,3-9", "0-1000", "16384", "7-", ""];

/// A host and a port.
pub fn place(draw: &mut Draw<'_>) -> (&'static str, u16) {
    let host = match draw.byte() {
        n @ 0xf0..=0xff => ODD_HOSTS[usize::from(n) % ODD_HOSTS.len()],
        n => HOSTS[usize::from(n) % HOSTS.len()],
    };
    (host, draw.of(&[1, 1, 1, 1, 2, 6379, 0]))
}

fn range(draw: &mut Draw<'_>) -> (u16, u16) {
    match draw.byte() {
        n @ 0xf0..=0xff => LARGE_RANGES[usize::from(n) % LARGE_RANGES.len()],
        n => RANGES[usize::from(n) % RANGES.len()],
    }
}

fn joined((host, port): (&str, u16)) -> String {
    if host.contains("::") { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// A bulk, a null where there is no host.
fn host(draw: &mut Draw<'_>, host: &str) -> String {
    if host.is_empty() && draw.below(2) == 0 { "_\r\n".to_owned() } else { bulk(host) }
}

pub fn slots_reply(draw: &mut Draw<'_>) -> Vec<u8> {
    let entries = 1 + draw.below(5);
    let mut text = format!("*{entries}\r\n");
    for _ in 0..entries {
        let ((first, last), nodes) = (range(draw), 1 + draw.below(3));
        text += &format!("*{}\r\n:{first}\r\n:{last}\r\n", 2 + nodes);
        for _ in 0..nodes {
            let (name, port) = place(draw);
            let name = host(draw, name);
            text += &match draw.below(4) {
                0 => format!("*3\r\n{name}:{port}\r\n+id\r\n"),
                1 => format!("*4\r\n{name}:{port}\r\n+id\r\n*2\r\n+ip\r\n+10.0.0.8\r\n"),
                2 => format!("*4\r\n{name}:{port}\r\n+id\r\n%1\r\n+hostname\r\n+g\r\n"),
                _ => format!("*2\r\n{name}:{port}\r\n"),
            };
        }
    }
    spoilt(draw, text)
}

pub fn shards_reply(draw: &mut Draw<'_>) -> Vec<u8> {
    let (shards, resp3) = (1 + draw.below(4), draw.below(2) == 1);
    let head = |pairs: usize| if resp3 { format!("%{pairs}\r\n") } else { format!("*{}\r\n", 2 * pairs) };
    let mut text = format!("*{shards}\r\n");
    for _ in 0..shards {
        let ((first, last), nodes) = (range(draw), 1 + draw.below(3));
        text += &format!("{}+slots\r\n*2\r\n:{first}\r\n:{last}\r\n+nodes\r\n*{nodes}\r\n", head(2));
        for nth in 0..nodes {
            let (name, port) = place(draw);
            let name = host(draw, name);
            let which = draw.of(&["port", "port", "tls-port"]);
            let role = if nth == 0 { "master" } else { draw.of(&["replica", "slave", "master", "x"]) };
            let health = draw.of(&["online", "online", "loading", "fail"]);
            text += &format!("{}+{which}\r\n:{port}\r\n+endpoint\r\n{name}", head(4));
            text += &format!("+role\r\n+{role}\r\n+health\r\n+{health}\r\n");
        }
    }
    spoilt(draw, text)
}

/// SMIGRATED, or SMIGRATING, which is none of a cluster.
pub fn push(draw: &mut Draw<'_>) -> Vec<u8> {
    let seq = draw.below(12);
    if draw.below(8) == 7 {
        return format!(">3\r\n+SMIGRATING\r\n:{seq}\r\n+0-99\r\n").into_bytes();
    }
    let moves = 1 + draw.below(3);
    let mut text = format!(">3\r\n+SMIGRATED\r\n:{seq}\r\n*{moves}\r\n");
    for _ in 0..moves {
        let (source, destination) = (joined(place(draw)), joined(place(draw)));
        text += &format!("*3\r\n{}{}{}", bulk(&source), bulk(&destination), bulk(draw.of(SLOTS)));
    }
    spoilt(draw, text)
}

pub fn redirection(draw: &mut Draw<'_>) -> Vec<u8> {
    let word = draw.of(&["MOVED", "-MOVED", "ASK", "CLUSTERDOWN"]);
    let slot = draw.of(&[5_u16, 0, 150, 12182, 16383, 16384]);
    let text = format!("{word} {slot} {}\r\n", joined(place(draw)));
    spoilt(draw, text)
}

/// Mostly as it is.
fn spoilt(draw: &mut Draw<'_>, text: String) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    match draw.byte() {
        0xf0..=0xf7 => {
            let at = draw.number() as usize % bytes.len();
            bytes[at] = draw.byte();
        }
        0xf8..=0xfb => bytes.truncate(draw.number() as usize % bytes.len()),
        0xfc..=0xfd => bytes.extend_from_slice(draw.bytes(8)),
        0xfe..=0xff => bytes = draw.bytes(255).to_vec(),
        _ => {}
    }
    bytes
}
