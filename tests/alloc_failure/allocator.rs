//! An allocator that fails when told to. For a story it fails each allocation that is made inside a call of libsch in turn: where one
//! is made the process divides, the child goes on without that memory, and the parent waits for it and goes on with it. So a story
//! runs once, however many allocations it has, and each of them has a process of its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Works,
    /// Counts down; at 0 one fails, and those after it do not. Smaller ones do not count.
    Nth {
        left: u32,
        least: usize,
    },
    /// The process divides at those that are made inside a call: at one of `stride`, with so many to go.
    Divides {
        stride: u32,
        left: u32,
    },
}

thread_local! {
    static MODE: Cell<Mode> = const { Cell::new(Mode::Works) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static FAILED: Cell<usize> = const { Cell::new(0) };
    /// This is a child, without the memory that it was to have.
    static IS_CHILD: Cell<bool> = const { Cell::new(false) };
    static ENDS: RefCell<Vec<End>> = const { RefCell::new(Vec::new()) };
}

/// How a process ended that went on without one allocation.
pub struct End {
    pub bytes: usize,
    /// By itself, not by a signal.
    pub is_alive: bool,
    pub said: String,
    /// Where libsch asked for the memory, if that was wanted.
    pub place: Option<Backtrace>,
}

pub struct Failing;

fn fails(size: usize) -> bool {
    match MODE.try_with(Cell::get).unwrap_or(Mode::Works) {
        Mode::Works => false,
        Mode::Nth { least, .. } if size < least => false,
        Mode::Nth { left: 0, .. } => {
            MODE.set(Mode::Works);
            FAILED.set(size);
            true
        }
        Mode::Nth { left, least } => {
            MODE.set(Mode::Nth { left: left - 1, least });
            false
        }
        Mode::Divides { .. } if !INSIDE.get() => false,
        Mode::Divides { stride, left: 0 } => {
            MODE.set(Mode::Works);
            let is_child = divide(size);
            if !is_child {
                MODE.set(Mode::Divides { stride, left: stride - 1 });
            }
            is_child
        }
        Mode::Divides { stride, left } => {
            MODE.set(Mode::Divides { stride, left: left - 1 });
            false
        }
    }
}

// SAFETY: all is the system's allocator's, or null.
unsafe impl GlobalAlloc for Failing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        if fails(layout.size()) { null_mut() } else { unsafe { System.alloc(layout) } }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        if fails(size) { null_mut() } else { unsafe { System.realloc(at, layout, size) } }
    }
}

#[global_allocator]
static ALLOCATOR: Failing = Failing;

/// True in the child. What the child writes to its standard error, and how it ends, is kept by the parent.
fn divide(bytes: usize) -> bool {
    let place = std::env::var_os("SCH_WHERE").map(|_| Backtrace::force_capture());
    let mut ends = [0; 2];
    // SAFETY: room for two; the descriptors are this function's.
    let (read, write) = unsafe {
        assert_eq!(libc::pipe(ends.as_mut_ptr()), 0);
        (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1]))
    };
    // SAFETY: the child is a thread of its own that calls what it called before; other threads' locks that it might need are those
    // of the system's allocator, which `fork` takes care of.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process");
    if child == 0 {
        let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: plain calls; a child that does not come to its end is ended.
        unsafe {
            libc::dup2(write.as_raw_fd(), 2);
            libc::setrlimit(libc::RLIMIT_CORE, &none);
            libc::alarm(60);
        }
        IS_CHILD.set(true);
        REFUSED.set(0);
        std::panic::set_hook(Box::new(|panic| say(&format!("{panic}\n"))));
        return true;
    }
    drop(write);
    let mut said = String::new();
    std::fs::File::from(read).read_to_string(&mut said).expect("it is text");
    let mut status = 0;
    // SAFETY: the child is this process's, and the place too.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    ENDS.with_borrow_mut(|all| all.push(End { bytes, is_alive: libc::WIFEXITED(status), said, place }));
    false
}

fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

thread_local! {
    /// Calls that answered SCH_ERR_NO_MEMORY, for the story to count.
    pub static REFUSED: Cell<u32> = const { Cell::new(0) };
}

/// Marks a call of libsch.
pub fn inside<R>(call: impl FnOnce() -> R) -> R {
    INSIDE.set(true);
    let answer = call();
    INSIDE.set(false);
    answer
}

/// Runs with the `nth` allocation of at least that size failing; answers the size of the one that failed, 0 for none.
pub fn without<R>(nth: u32, least: usize, work: impl FnOnce() -> R) -> (R, usize) {
    FAILED.set(0);
    MODE.set(Mode::Nth { left: nth, least });
    let result = work();
    MODE.set(Mode::Works);
    (result, FAILED.get())
}

/// Runs the story whole, then once more with each of its allocations, or one of `stride`, failing in a child; there, `judge` says in a
/// line how it went, or panics.
pub fn each<R>(story: impl Fn() -> R, stride: u32, judge: impl Fn(&R, &R) -> String) -> Vec<End> {
    let whole = story();
    MODE.set(Mode::Divides { stride, left: 0 });
    let told = catch_unwind(AssertUnwindSafe(&story));
    MODE.set(Mode::Works);
    if IS_CHILD.get() {
        let said = catch_unwind(AssertUnwindSafe(|| {
            let told = told.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            judge(&whole, &told)
        }));
        say(&said.unwrap_or_else(|_| "a panic".to_owned()));
        // SAFETY: nothing of the parent's is to be ended here.
        unsafe { libc::_exit(0) }
    }
    assert!(told.is_ok(), "the story goes wrong without a failure");
    ENDS.take()
}
