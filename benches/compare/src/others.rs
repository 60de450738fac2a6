//! The readers that libsch is measured beside. Each reads the whole buffer as its own client would.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;

use redis_protocol::resp3::decode::complete::decode_range;

/// As much as hiredis gives to its reader at a time (`redisBufferRead`).
const HIREDIS_READ: usize = 16 << 10;

unsafe extern "C" {
    fn redisReaderCreateWithFunctions(functions: *mut c_void) -> *mut c_void;
    fn redisReaderFree(reader: *mut c_void);
    fn redisReaderFeed(reader: *mut c_void, data: *const c_char, len: usize) -> c_int;
    fn redisReaderGetReply(reader: *mut c_void, reply: *mut *mut c_void) -> c_int;
}

/// Without functions that make objects: only the boundaries are found.
pub fn hiredis(data: &[u8]) -> u64 {
    let mut frames = 0;
    // SAFETY: the reader is made, used and freed here; it copies what it is fed.
    unsafe {
        let reader = redisReaderCreateWithFunctions(null_mut());
        for part in data.chunks(HIREDIS_READ) {
            assert_eq!(redisReaderFeed(reader, part.as_ptr().cast(), part.len()), 0);
            loop {
                let mut reply = null_mut();
                assert_eq!(redisReaderGetReply(reader, &mut reply), 0);
                if reply.is_null() {
                    break;
                }
                frames += 1;
            }
        }
        redisReaderFree(reader);
    }
    frames
}

/// One parser for all, as its connections have.
pub fn redis_rs(data: &[u8]) -> u64 {
    let (mut parser, mut rest, mut frames) = (redis::Parser::new(), data, 0);
    // What the parser has read ahead it keeps: the number of frames, not what is left, says when all are read.
    while parser.parse_value(&mut rest).is_ok() {
        frames += 1;
    }
    frames
}

/// Its decoder that copies nothing.
pub fn redis_protocol(data: &[u8]) -> u64 {
    let (mut at, mut frames) = (0, 0);
    while at < data.len() {
        let (frame, size) = decode_range(&data[at..]).expect("RESP").expect("a whole frame");
        std::hint::black_box(frame);
        at += size;
        frames += 1;
    }
    frames
}
