//! The hot path of the command reader allocates nothing: counted by the allocator, in a test of its own.

#![allow(unsafe_code, reason = "an allocator that counts")]

use sch::commands::{self, Facts};
use sch::resp::command::{CommandLimits, CommandReader, Step};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn plain_commands_allocate_nothing_whole_or_in_parts() {
    let input = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n*1\r\n$4\r\nping\r\n*2\r\n$5\r\nBLPOP\r\n$1\r\na\r\n";
    let mut reader = CommandReader::new(CommandLimits::default());
    let before = ALLOCATIONS.get();
    let mut commands = 0;
    for size in [1, 5, 17, input.len()] {
        for mut data in input.chunks(size) {
            while !data.is_empty() {
                let mut facts = Facts::UNKNOWN;
                let read = reader.read(data, |head| {
                    facts = commands::lookup(head.name, head.second.unwrap_or_default());
                    facts.keep()
                });
                commands += u32::from(read.step == Step::Command);
                data = &data[read.consumed..];
            }
        }
    }
    assert_eq!((commands, ALLOCATIONS.get() - before), (12, 0));
}

#[test]
fn the_reader_is_small() {
    assert!(size_of::<CommandReader>() <= 256, "{}", size_of::<CommandReader>());
}
