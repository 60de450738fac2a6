//! The one door of every export: null, re-entrancy, panics, poison; and the checks of what C hands in.

use super::handle::{Entered, Handle};
use super::status::{
    Failure, SCH_ERR_ARGUMENT, SCH_ERR_BUSY, SCH_ERR_NO_MEMORY, SCH_ERR_NULL, SCH_ERR_PANIC,
    SCH_ERR_POISONED, SCH_ERR_STRUCT_SIZE, SCH_OK, sch_status,
};
use crate::mem::{Room, Vacant};
use core::ffi::c_char;
use core::ptr::NonNull;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the work of an export ends with.
pub(super) type Outcome = Result<sch_status, Failure>;

/// An opaque type of the ABI.
pub(super) trait Noun: Sized {
    /// What is behind the handle.
    type Inner;

    fn handle(&self) -> &Handle<Self::Inner>;

    /// Keeps the text of a failure for `_last_error`.
    fn note(inner: &mut Self::Inner, text: &str);

    /// Last thing before a changing call returns, still inside the handle: says what is to be said to the host.
    fn speak(&self) {}

    /// Whether `speak` would do anything.
    fn has_to_speak(&self) -> bool {
        true
    }
}

/// A call that may change what is behind the handle.
///
/// # Safety
///
/// `noun` is null or came from `create` and was not freed.
pub(super) unsafe fn change<N: Noun>(
    noun: *const N,
    work: impl FnOnce(&mut N::Inner) -> Outcome,
) -> sch_status {
    // SAFETY: null or live, as the caller promises.
    let Some(noun) = (unsafe { noun.as_ref() }) else { return SCH_ERR_NULL };
    let handle = noun.handle();
    let Some(_entered) = handle.enter() else { return SCH_ERR_BUSY };
    if handle.is_poisoned() {
        return SCH_ERR_POISONED;
    }
    // SAFETY: this call is the only one inside, and the reference ends before `speak`.
    let inner = unsafe { &mut *handle.inner() };
    let status = attempt(noun, inner, work);
    noun.speak();
    status
}

/// As `change`, for work of which nearly all goes a short way: what `short` answers is the end of it; where it has no answer, nothing
/// has changed, and `long` does the work, which ends with `go_on`. The short way pays for nothing of the long one, as long as `long`
/// is a call of one function.
///
/// # Safety
///
/// `noun` is null or came from `create` and was not freed.
#[inline(always)]
pub(super) unsafe fn steady<'a, N: Noun + 'a>(
    noun: *const N,
    short: impl FnOnce(&mut N::Inner) -> Option<sch_status>,
    long: impl FnOnce(&'a N, Entered<'a>) -> sch_status,
) -> sch_status {
    // SAFETY: null or live, as the caller promises.
    let Some(noun) = (unsafe { noun.as_ref() }) else { return SCH_ERR_NULL };
    let handle = noun.handle();
    let Some(entered) = handle.enter() else { return SCH_ERR_BUSY };
    if handle.is_poisoned() {
        return SCH_ERR_POISONED;
    }
    // SAFETY: this call is the only one inside, and the reference ends with this.
    match catch_unwind(AssertUnwindSafe(|| short(unsafe { &mut *handle.inner() }))) {
        Ok(Some(status)) if !noun.has_to_speak() => status,
        Ok(Some(status)) => ended(noun, entered, Ok(status)),
        Ok(None) => long(noun, entered),
        Err(panic) => ended(noun, entered, Err(panic)),
    }
}

/// The long way of `steady`.
#[inline(always)]
pub(super) fn go_on<'a, N: Noun>(
    noun: &'a N,
    _entered: Entered<'a>,
    work: impl FnOnce(&mut N::Inner) -> Outcome,
) -> sch_status {
    // SAFETY: `steady` has entered, and the reference ends before `speak`.
    let status = attempt(noun, unsafe { &mut *noun.handle().inner() }, work);
    noun.speak();
    status
}

/// The short way has been gone, and there is something to say.
#[cold]
#[inline(never)]
fn ended<'a, N: Noun>(
    noun: &'a N,
    _entered: Entered<'a>,
    end: Result<sch_status, Box<dyn Any + Send>>,
) -> sch_status {
    // SAFETY: `steady` has entered, and the reference ends before `speak`.
    let inner = unsafe { &mut *noun.handle().inner() };
    let status = end.unwrap_or_else(|panic| panicked(noun, inner, &*panic));
    noun.speak();
    status
}

/// The work, and what becomes of its failure.
#[inline(always)]
fn attempt<N: Noun>(
    noun: &N,
    inner: &mut N::Inner,
    work: impl FnOnce(&mut N::Inner) -> Outcome,
) -> sch_status {
    let noting = AssertUnwindSafe(|| match work(inner) {
        Ok(status) => status,
        Err(failure) => noted::<N>(inner, failure),
    });
    catch_unwind(noting).unwrap_or_else(|panic| panicked(noun, inner, &*panic))
}

#[cold]
#[inline(never)] // what goes well does not pay for it
fn noted<N: Noun>(inner: &mut N::Inner, failure: Failure) -> sch_status {
    N::note(inner, &failure.text);
    failure.status
}

#[cold]
#[inline(never)]
fn panicked<N: Noun>(noun: &N, inner: &mut N::Inner, panic: &(dyn Any + Send)) -> sch_status {
    noun.handle().poison();
    N::note(inner, text_of(panic));
    SCH_ERR_PANIC
}

/// A call that only looks.
///
/// # Safety
///
/// `noun` is null or came from `create` and was not freed.
pub(super) unsafe fn peek<N: Noun>(noun: *const N, work: impl FnOnce(&N::Inner) -> Outcome) -> sch_status {
    // SAFETY: null or live, as the caller promises.
    let Some(noun) = (unsafe { noun.as_ref() }) else { return SCH_ERR_NULL };
    let Some(_entered) = noun.handle().enter() else { return SCH_ERR_BUSY };
    // SAFETY: this call is the only one inside.
    unsafe { look(noun, work) }
}

/// A call that only looks, beside others that only look.
///
/// # Safety
///
/// `noun` is null or came from `create` and was not freed.
pub(super) unsafe fn peek_beside<N: Noun>(
    noun: *const N,
    work: impl FnOnce(&N::Inner) -> Outcome,
) -> sch_status
where
    N::Inner: Sync,
{
    // SAFETY: null or live, as the caller promises.
    let Some(noun) = (unsafe { noun.as_ref() }) else { return SCH_ERR_NULL };
    let Some(_entered) = noun.handle().enter_beside() else { return SCH_ERR_BUSY };
    // SAFETY: none of the calls inside may change it, and it is `Sync`.
    unsafe { look(noun, work) }
}

/// # Safety
///
/// Nobody changes what is behind `noun` during the call.
unsafe fn look<N: Noun>(noun: &N, work: impl FnOnce(&N::Inner) -> Outcome) -> sch_status {
    let handle = noun.handle();
    if handle.is_poisoned() {
        return SCH_ERR_POISONED;
    }
    // SAFETY: as the caller promises.
    let inner = unsafe { &*handle.inner() };
    match catch_unwind(AssertUnwindSafe(|| work(inner))) {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) => failure.status,
        Err(_) => {
            handle.poison();
            SCH_ERR_PANIC
        }
    }
}

/// A call on a handle that is poisoned, which may do no more than save what can be saved.
///
/// # Safety
///
/// `noun` is null or came from `create` and was not freed.
pub(super) unsafe fn salvage<N: Noun>(
    noun: *const N,
    work: impl FnOnce(&mut N::Inner) -> Outcome,
    healthy: Failure,
) -> sch_status {
    // SAFETY: null or live, as the caller promises.
    let Some(noun) = (unsafe { noun.as_ref() }) else { return SCH_ERR_NULL };
    let handle = noun.handle();
    let Some(_entered) = handle.enter() else { return SCH_ERR_BUSY };
    // SAFETY: this call is the only one inside.
    let inner = unsafe { &mut *handle.inner() };
    if !handle.is_poisoned() {
        N::note(inner, &healthy.text);
        return healthy.status;
    }
    match catch_unwind(AssertUnwindSafe(|| work(inner))) {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) => failure.status,
        Err(_) => SCH_ERR_PANIC,
    }
}

/// A call without a handle.
///
/// # Safety
///
/// As `work` needs.
pub(super) unsafe fn bare(work: impl FnOnce() -> Outcome) -> sch_status {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) => failure.status,
        Err(_) => SCH_ERR_PANIC,
    }
}

/// Makes a handle.
///
/// # Safety
///
/// `out` is null or can be written.
pub(super) unsafe fn create<N>(out: *mut *mut N, make: impl FnOnce() -> Result<N, Failure>) -> sch_status {
    // SAFETY: as the caller promises.
    let Ok(out) = (unsafe { Out::new(out) }) else { return SCH_ERR_NULL };
    let Ok(place) = Vacant::new() else { return SCH_ERR_NO_MEMORY };
    match catch_unwind(AssertUnwindSafe(make)) {
        Ok(Ok(noun)) => {
            out.put(place.fill(noun).into_raw());
            SCH_OK
        }
        Ok(Err(failure)) => failure.status,
        Err(_) => SCH_ERR_PANIC,
    }
}

/// Ends a handle; refuses while a call is inside.
///
/// # Safety
///
/// `noun` is null or came from `create` and was not freed; nobody uses it afterwards if the answer is `SCH_OK`.
pub(super) unsafe fn free<N: Noun>(noun: *mut N) -> sch_status {
    // SAFETY: null or live, as the caller promises.
    let Some(shared) = (unsafe { noun.as_ref() }) else { return SCH_OK };
    if !shared.handle().lock() {
        return SCH_ERR_BUSY;
    }
    // SAFETY: from `Place::into_raw` in `create`, which is a box; no call is inside and none can come in.
    match catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(noun) }))) {
        Ok(()) => SCH_OK,
        Err(_) => SCH_ERR_PANIC,
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic without a text")
}

const NULL: Failure = Failure::new(SCH_ERR_NULL, "a pointer is NULL that must not be");

/// Bytes that come in: `(NULL, 0)` is empty.
///
/// # Safety
///
/// `data` is null, or `len` bytes can be read there for as long as the result is used.
pub(super) unsafe fn bytes<'a>(data: *const u8, len: usize) -> Result<&'a [u8], Failure> {
    if len > isize::MAX as usize {
        return Err(Failure::new(SCH_ERR_ARGUMENT, "a length is above PTRDIFF_MAX"));
    }
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(NULL);
    }
    // SAFETY: not null and of a possible length; readable, as the caller promises.
    Ok(unsafe { core::slice::from_raw_parts(data, len) })
}

/// Text that comes in. A NUL in it would end it early where it goes out again, as a name to check in TLS above all.
///
/// # Safety
///
/// As `bytes`.
pub(super) unsafe fn text<'a>(data: *const c_char, len: usize) -> Result<&'a str, Failure> {
    // SAFETY: as the caller promises.
    let bytes = unsafe { bytes(data.cast(), len) }?;
    match core::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0) => Ok(text),
        Ok(_) => Err(Failure::argument("text has a NUL in it")),
        Err(_) => Err(Failure::argument("text is not UTF-8")),
    }
}

/// Text that may be left out: empty is `None`.
///
/// # Safety
///
/// As `bytes`.
pub(super) unsafe fn optional_text(data: *const c_char, len: usize) -> Result<Option<String>, Failure> {
    // SAFETY: as the caller promises.
    let text = unsafe { text(data, len) }?;
    if text.is_empty() { Ok(None) } else { own(text).map(Some) }
}

/// A copy of text.
pub(super) fn own(text: &str) -> Result<String, Failure> {
    let mut copy = String::new();
    copy.room(text.len())?;
    copy.push_str(text);
    Ok(copy)
}

/// A place for an output, known not to be null. Written once all has gone well.
pub(super) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `place` is null or can be written during the call.
    pub(super) unsafe fn new(place: *mut T) -> Result<Self, Failure> {
        NonNull::new(place).map(Self).ok_or(NULL)
    }

    pub(super) fn put(self, value: T) {
        // SAFETY: not null; writable, as promised to `new`.
        unsafe { self.0.as_ptr().write_unaligned(value) }
    }
}

/// Room for text that is copied out. `(NULL, 0)` is no room.
pub(super) struct TextOut {
    place: *mut u8,
    cap: usize,
}

impl TextOut {
    /// # Safety
    ///
    /// `place` is null, or `cap` bytes can be written there during the call.
    pub(super) unsafe fn new(place: *mut c_char, cap: usize) -> Result<Self, Failure> {
        if place.is_null() && cap > 0 {
            return Err(NULL);
        }
        Ok(Self { place: place.cast(), cap })
    }

    /// Writes as much of `text` as fits, cut between characters, and a NUL.
    pub(super) fn put(self, text: &str) {
        let Some(room) = self.cap.checked_sub(1) else { return };
        let len = text.floor_char_boundary(room);
        // SAFETY: `len` is at most `cap - 1`, and `cap` bytes can be written, as promised to `new`.
        unsafe {
            core::ptr::copy_nonoverlapping(text.as_ptr(), self.place, len);
            self.place.add(len).write(0);
        }
    }
}

/// A struct of the ABI that grows: `#[repr(C)]`, its first field is `struct_size: u32`, and all its fields are numbers and
/// pointers.
///
/// # Safety
///
/// All of it is so.
pub(super) unsafe trait Grows: Sized {
    /// Its size in version 0.1.
    const SMALLEST: usize;
}

/// A place for a struct that grows.
pub(super) struct SizedOut<T> {
    place: NonNull<u8>,
    size: usize,
    kind: core::marker::PhantomData<T>,
}

impl<T: Grows> SizedOut<T> {
    /// # Safety
    ///
    /// `place` is null, or its `struct_size` can be read and as many bytes written during the call.
    pub(super) unsafe fn new(place: *mut T) -> Result<Self, Failure> {
        let place = NonNull::new(place.cast::<u8>()).ok_or(NULL)?;
        // SAFETY: the first field can be read, as the caller promises.
        let size = unsafe { place.as_ptr().cast::<u32>().read_unaligned() } as usize;
        if size < T::SMALLEST {
            return Err(Failure::new(
                SCH_ERR_STRUCT_SIZE,
                "struct_size is too small: set it to the sizeof of the struct before the call",
            ));
        }
        Ok(Self { place, size, kind: core::marker::PhantomData })
    }

    /// `value` with what the caller's struct has, as far as it reaches.
    pub(super) fn over(&self, mut value: T) -> T
    where
        T: Copy,
    {
        let from = self.place.as_ptr();
        if self.size >= size_of::<T>() {
            // SAFETY: as many bytes can be read by what `struct_size` says, and any bytes are numbers and pointers.
            return unsafe { from.cast::<T>().read_unaligned() };
        }
        // SAFETY: as before, as far as the caller's struct reaches.
        unsafe { core::ptr::copy_nonoverlapping(from, core::ptr::from_mut(&mut value).cast(), self.size) };
        value
    }

    /// Writes all but `struct_size`, as far as the caller's struct reaches.
    pub(super) fn put(self, value: &T) {
        const AFTER: usize = size_of::<u32>();
        // SAFETY: what follows `struct_size` in `value`, and in the caller's struct by what `struct_size` says.
        unsafe {
            let from = core::ptr::from_ref(value).cast::<u8>().add(AFTER);
            let to = self.place.as_ptr().add(AFTER);
            // Of a length that is known, it is a few moves; `struct_size` is at least `SMALLEST`.
            if self.size >= size_of::<T>() {
                core::ptr::copy_nonoverlapping(from, to, size_of::<T>() - AFTER);
            } else {
                core::ptr::copy_nonoverlapping(from, to, self.size - AFTER);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::config::{sch_config, sch_config_new};
    use crate::ffi::conn::*;
    use crate::ffi::status::{SCH_EMPTY, SCH_ERR_UNEXPECTED};
    use crate::ffi::version::SCH_ABI_VERSION;
    use core::ffi::c_void;
    use core::ptr::{null, null_mut};

    /// What the callback heard.
    unsafe extern "C" fn hear(level: i32, text: *const c_char, len: usize, heard: *mut c_void) {
        // SAFETY: a text of `len` bytes, and the vector that `set_log` was given.
        unsafe {
            let text = core::slice::from_raw_parts(text.cast::<u8>(), len);
            (*heard.cast::<Vec<String>>()).push(format!("{level} {}", String::from_utf8_lossy(text)));
        }
    }

    #[test]
    fn a_panic_poisons_the_handle_and_what_is_held_can_be_salvaged() {
        let mut conn = null_mut();
        let mut heard: Vec<String> = Vec::new();
        // SAFETY: the handle is live until `free`, places are of this test.
        unsafe {
            assert_eq!(sch_conn_new(SCH_ABI_VERSION, null::<sch_config>(), &mut conn), SCH_OK);
            assert_eq!(sch_conn_set_log(conn, 4, Some(hear), (&raw mut heard).cast()), SCH_OK);
            let (mut data, mut len) = (null(), 7);
            assert_eq!(sch_conn_salvage(conn, &mut data, &mut len), SCH_ERR_UNEXPECTED);
            assert_eq!(change(conn, |_| panic!("a defect")), SCH_ERR_PANIC);
            assert_eq!(heard, ["1 a defect"]);
            let mut number = 7;
            assert_eq!(sch_conn_tick(conn, 0), SCH_ERR_POISONED);
            assert_eq!(sch_conn_current(conn, &mut number), SCH_ERR_POISONED);
            assert_eq!(number, 7);
            assert_eq!(sch_conn_salvage(conn, null_mut(), &mut len), SCH_ERR_NULL);
            assert_eq!(sch_conn_salvage(conn, &mut data, &mut len), SCH_OK);
            assert_eq!(len, 0);
            assert_eq!(sch_conn_tick(conn, 0), SCH_ERR_POISONED);
            assert_eq!(sch_conn_free(conn), SCH_OK);
        }
    }

    #[test]
    fn a_panic_in_a_call_that_only_looks_poisons_too() {
        let mut conn = null_mut();
        // SAFETY: the handle is live until `free`, places are of this test.
        unsafe {
            assert_eq!(sch_conn_new(SCH_ABI_VERSION, null::<sch_config>(), &mut conn), SCH_OK);
            assert_eq!(peek(conn, |_| panic!("{}", 1)), SCH_ERR_PANIC);
            assert_eq!(sch_conn_tick(conn, 0), SCH_ERR_POISONED);
            assert_eq!(sch_conn_free(conn), SCH_OK);
            let mut out: *mut sch_conn = null_mut();
            assert_eq!(create(&mut out, || panic!("no handle")), SCH_ERR_PANIC);
            assert!(out.is_null());
        }
    }

    #[test]
    fn a_panic_on_either_way_of_a_steady_call_poisons_and_is_told() {
        for (on_short, said) in [(true, "1 short"), (false, "1 long")] {
            let mut conn = null_mut();
            let mut heard: Vec<String> = Vec::new();
            let short = |_: &mut Inner| if on_short { panic!("short") } else { None };
            let long = |conn, entered| go_on(conn, entered, |_: &mut Inner| panic!("long"));
            // SAFETY: the handle is live until `free`, places are of this test.
            unsafe {
                assert_eq!(sch_conn_new(SCH_ABI_VERSION, null::<sch_config>(), &mut conn), SCH_OK);
                assert_eq!(sch_conn_set_log(conn, 4, Some(hear), (&raw mut heard).cast()), SCH_OK);
                let nothing = |_: &mut Inner| Some(SCH_EMPTY);
                assert_eq!(steady(conn, nothing, long), SCH_EMPTY);
                assert_eq!(steady(conn, |_| None, |conn, entered| go_on(conn, entered, |_| Ok(7))), 7);
                assert!(heard.is_empty());
                assert_eq!(steady(conn, short, long), SCH_ERR_PANIC);
                assert_eq!(heard, [said]);
                assert_eq!(steady(conn, nothing, long), SCH_ERR_POISONED);
                assert_eq!(steady(null::<sch_conn>(), nothing, long), SCH_ERR_NULL);
                assert_eq!(sch_conn_free(conn), SCH_OK);
            }
        }
    }

    /// A connection whose opt-in waits to be written, and a command behind it.
    ///
    /// # Safety
    ///
    /// The handle that it makes is freed by the caller.
    unsafe fn with_a_command_behind_its_optin() -> *mut sch_conn {
        const HELLO: &[u8] = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n";
        const PROTO: &[u8] = b"%1\r\n+proto\r\n:3\r\n";
        let mut conn = null_mut();
        let (mut spans, mut consumed, mut count) = ([sch_span { data: null(), len: 0 }; 4], 0, 0);
        // SAFETY: places are of this function; all zeros are a dial and a submitted.
        unsafe {
            let (mut dial, mut out): (sch_dial, sch_submitted) = (core::mem::zeroed(), core::mem::zeroed());
            dial.struct_size = size_of::<sch_dial>() as u32;
            out.struct_size = size_of::<sch_submitted>() as u32;
            assert_eq!(sch_conn_new(SCH_ABI_VERSION, null::<sch_config>(), &mut conn), SCH_OK);
            assert_eq!(sch_conn_dial(conn, 1, 0, &mut dial), SCH_OK);
            assert_eq!(sch_conn_connected(conn, 1, dial.transport, null(), 0), SCH_OK);
            assert_eq!(sch_conn_submit(conn, 1, HELLO.as_ptr(), HELLO.len(), &mut out), SCH_OK);
            assert_eq!(out.write_now, HELLO.len());
            let (data, len, spans) = (PROTO.as_ptr(), PROTO.len(), spans.as_mut_ptr());
            let (consumed, count) = (&mut consumed, &mut count);
            assert_eq!(sch_conn_receive(conn, 1, 1, data, len, spans, 4, consumed, count), SCH_OK);
            assert_eq!(sch_conn_submit(conn, 1, GET.as_ptr(), GET.len(), &mut out), SCH_OK);
            assert_eq!(out.held, GET.len());
        }
        conn
    }

    const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";

    #[test]
    fn s4_what_was_accepted_is_salvaged_after_a_panic_and_others_go_on() {
        // SAFETY: handles are live until `free`, places are of this test.
        unsafe {
            let (bad, good) = (with_a_command_behind_its_optin(), with_a_command_behind_its_optin());
            assert_eq!(change(bad, |_| panic!("a defect")), SCH_ERR_PANIC);
            let (mut data, mut len) = (null(), 0);
            assert_eq!(sch_conn_salvage(bad, &mut data, &mut len), SCH_OK);
            assert_eq!(core::slice::from_raw_parts(data, len), GET, "the host's bytes, and none of ours");
            assert_eq!(sch_conn_salvage(bad, &mut data, &mut len), SCH_OK);
            assert_eq!(core::slice::from_raw_parts(data, len), GET, "asked again");
            assert_eq!(sch_conn_region(bad, 1, &mut data, &mut len), SCH_ERR_POISONED);
            assert_eq!(sch_conn_region(good, 1, &mut data, &mut len), SCH_OK);
            let region = core::slice::from_raw_parts(data, len);
            assert!(region.starts_with(b"*5\r\n$6\r\nCLIENT\r\n") && region.ends_with(GET));
            assert_eq!(sch_conn_wrote(good, 2, 1, len), SCH_OK);
            assert_eq!((sch_conn_free(bad), sch_conn_tick(good, 3)), (SCH_OK, SCH_OK));
            assert_eq!(sch_conn_free(good), SCH_OK);
        }
    }

    #[test]
    fn s4_what_was_written_in_part_is_not_salvaged() {
        // Inside the opt-in, at its end, inside GET, behind it.
        for (short_of_end, left) in
            [(GET.len() + 1, GET), (GET.len(), GET), (GET.len() - 1, &[][..]), (0, &[])]
        {
            // SAFETY: the handle is live until `free`, places are of this test.
            unsafe {
                let conn = with_a_command_behind_its_optin();
                let (mut data, mut len) = (null(), 0);
                assert_eq!(sch_conn_region(conn, 1, &mut data, &mut len), SCH_OK);
                assert_eq!(sch_conn_wrote(conn, 2, 1, len - short_of_end), SCH_OK);
                assert_eq!(change(conn, |_| panic!("a defect")), SCH_ERR_PANIC);
                assert_eq!(sch_conn_salvage(conn, &mut data, &mut len), SCH_OK);
                let salvaged = if len == 0 { &[][..] } else { core::slice::from_raw_parts(data, len) };
                assert_eq!(salvaged, left, "{short_of_end}");
                assert_eq!(sch_conn_free(conn), SCH_OK);
            }
        }
    }

    #[test]
    fn a_call_while_another_is_inside_is_refused_and_so_is_free() {
        let mut conn = null_mut();
        // SAFETY: the handle is live until `free`, places are of this test.
        unsafe {
            assert_eq!(sch_conn_new(SCH_ABI_VERSION, null::<sch_config>(), &mut conn), SCH_OK);
            let inside = (*conn).handle().enter();
            for _ in 0..2 {
                assert_eq!(sch_conn_tick(conn, 0), SCH_ERR_BUSY);
                assert_eq!(sch_conn_free(conn), SCH_ERR_BUSY);
            }
            drop(inside);
            assert_eq!(sch_conn_tick(conn, 0), SCH_OK);
            assert_eq!(sch_conn_free(conn), SCH_OK);
        }
    }

    #[test]
    fn who_only_looks_is_beside_others_and_keeps_out_who_changes() {
        let mut config = null_mut();
        // SAFETY: the handle is live until `free`, places are of this test.
        unsafe {
            assert_eq!(sch_config_new(&mut config), SCH_OK);
            let first = peek_beside(config, |_| {
                assert_eq!(peek_beside(config, |_| Ok(SCH_OK)), SCH_OK);
                assert_eq!(change(config, |_| Ok(SCH_OK)), SCH_ERR_BUSY);
                assert_eq!(peek(config, |_| Ok(SCH_OK)), SCH_ERR_BUSY);
                Ok(free(config))
            });
            assert_eq!(first, SCH_ERR_BUSY);
            assert_eq!(change(config, |_| Ok(peek_beside(config, |_| Ok(SCH_OK)))), SCH_ERR_BUSY);
            assert_eq!(change(config, |_| Ok(SCH_OK)), SCH_OK);
            assert_eq!(free(config), SCH_OK);
        }
    }

    #[test]
    fn every_export_goes_through_the_door() {
        let sources = [
            include_str!("config.rs"),
            include_str!("conn.rs"),
            include_str!("receive.rs"),
            include_str!("push.rs"),
            include_str!("pool.rs"),
            include_str!("join.rs"),
            include_str!("cluster.rs"),
        ];
        let mut exports = 0;
        for source in sources {
            for export in source.split("#[unsafe(no_mangle)]").skip(1) {
                exports += 1;
                let body = export.split("\n}\n").next().unwrap_or("");
                let last = body.lines().last().unwrap_or("").trim();
                let doors = [
                    "change(",
                    "peek(",
                    "create(",
                    "free(",
                    "salvage(",
                    "shared(",
                    "free_shared(",
                    "bare(",
                    "steady(",
                ];
                assert!(
                    doors.iter().any(|door| last.starts_with(&format!("unsafe {{ {door}"))),
                    "no door: {body}"
                );
            }
        }
        assert!(exports > 80);
    }
}
