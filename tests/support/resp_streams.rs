//! Streams of frames of one kind: measured by the bench, and counted by the tests of examined bytes.

use super::resp_random::Random;

pub struct Stream {
    pub name: &'static str,
    /// Nanoseconds a frame to reach (DESIGN section 6); none for the streams that show what guesses cost.
    pub goal: Option<f64>,
    pub frame: fn(&mut Random) -> String,
}

impl Stream {
    /// Frames of at least `bytes` bytes in all, and how many they are.
    pub fn bytes(&self, bytes: usize) -> (Vec<u8>, u64) {
        let (mut random, mut data, mut frames) = (Random(0x9e37_79b9_7f4a_7c15), Vec::new(), 0);
        while data.len() < bytes {
            data.extend_from_slice((self.frame)(&mut random).as_bytes());
            frames += 1;
        }
        (data, frames)
    }
}

fn bulk(len: u64) -> String {
    format!("${len}\r\n{}\r\n", "x".repeat(len as usize))
}

pub const STREAMS: &[Stream] = &[
    Stream { name: "+OK", goal: Some(3.5), frame: |_| "+OK\r\n".into() },
    Stream { name: "integers, 9 digits", goal: Some(5.0), frame: |_| ":123456789\r\n".into() },
    Stream { name: "100-byte bulks", goal: Some(6.0), frame: |_| bulk(100) },
    Stream { name: "16 KB bulks", goal: Some(10.0), frame: |_| bulk(16384) },
    Stream {
        name: "arrays of 10 x 20 bytes",
        goal: Some(45.0),
        frame: |_| format!("*10\r\n{}", bulk(20).repeat(10)),
    },
    Stream {
        name: "maps of 5 fields",
        goal: Some(35.0),
        frame: |_| format!("%5\r\n{}", "$5\r\nfield\r\n:12\r\n".repeat(5)),
    },
    Stream {
        name: "integers of any length",
        goal: None,
        frame: |random| {
            let digits = random.below(10) as u32;
            format!(":{}\r\n", random.below(10_u64.pow(digits)))
        },
    },
    Stream { name: "bulks of any length", goal: None, frame: |random| bulk(random.below(300)) },
    Stream {
        name: "arrays of 10 x 0..40",
        goal: None,
        frame: |random| {
            let bulks: String = (0..10).map(|_| bulk(random.below(40))).collect();
            format!("*10\r\n{bulks}")
        },
    },
    Stream {
        name: "replies of any kind",
        goal: None,
        frame: |random| match random.below(6) {
            0 => "+OK\r\n".into(),
            1 => format!(":{}\r\n", random.below(1000)),
            2 => "$-1\r\n".into(),
            3 => "_\r\n".into(),
            4 => format!("*2\r\n{}{}", bulk(random.below(20)), bulk(random.below(200))),
            _ => bulk(random.below(200)),
        },
    },
    Stream { name: "errors of 60 bytes", goal: None, frame: |_| format!("-ERR {}\r\n", "x".repeat(55)) },
];
