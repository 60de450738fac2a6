//! The bytes that one transport brings: what passes, what is swallowed, what must be read (E3, N5, N6).
//! Keeps back no more than it takes to know. Knows frames and what is owed, not what a notification means.

use crate::config::Limits;
use crate::conn::effect::Watched;
use crate::conn::inflight::{InFlight, Special};
use crate::error::Result;
use crate::mem::Room;
use crate::notification::{Kind, SNIFF_LIMIT, Sniff, sniff};
use crate::rare::Rare;
use crate::resp::framer::{FrameError, Framer, Stop};
use core::ops::Range;

/// What becomes of the bytes that a step consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// They go to the host's parser.
    Yes,
    /// They do not, or not yet.
    No,
    /// What was kept of earlier calls goes first, then they.
    AfterKept,
}

/// Where a frame that must be read lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    Data(Range<usize>),
    /// In `kept`, from there on.
    Kept(usize),
}

/// What a step found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    None,
    /// The reply to the special command at the front of the queue has ended; its head is in `capture`.
    Special,
    /// A notification of ours, swallowed; `None` if it was over its limit.
    Notification(Kind, Option<Raw>),
    /// A push that confirms a subscription or its end.
    Confirmation(Raw),
    /// A published message, while two transports deliver them. The host decides with `Pass`.
    Message(Raw),
    /// A push that must be read was over its limit and passes.
    TooLong {
        confirmation: bool,
    },
    /// A reply that nothing is owed for.
    Unexpected,
    /// Not RESP from `consumed` on.
    Broken(FrameError),
}

/// Replies that pass and are only counted.
#[derive(Debug)]
pub(crate) struct Run {
    pub(super) consumed: usize,
    /// What is wrong after these.
    pub(super) error: Option<FrameError>,
}

impl Run {
    /// Nothing is left of `data`, nor wrong.
    #[inline]
    pub(crate) fn is_all_of(&self, data: &[u8]) -> bool {
        self.consumed == data.len() && self.error.is_none()
    }
}

/// One step.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) consumed: usize,
    pub(super) pass: Pass,
    pub(super) event: Event,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Flow,
    /// Within a leading attribute.
    Attribute,
    /// After one: the next byte decides.
    AfterAttribute,
    /// A leading attribute was over its limit: it passes, and what it leads too.
    LongAttribute,
    AfterLongAttribute,
    /// The name of a push is not known yet.
    Name,
    /// Within a notification of ours.
    Ours(Kind),
    /// Within a push that is read before it passes.
    Read {
        confirmation: bool,
    },
    /// Within a push that passes.
    Passing,
}

/// Bytes that are copied.
#[derive(Debug, Default)]
struct Aside {
    /// Undecided ones of earlier calls.
    kept: Vec<u8>,
    /// How many of `kept` are the leading attribute.
    attribute: usize,
    /// Head of the reply that is read.
    capture: Vec<u8>,
}

/// A place in the reading, where no event was left to be handled.
#[derive(Debug)]
pub(super) struct Mark {
    framer: Framer,
    stage: Stage,
    overflow: bool,
    partly_passed: bool,
    kept: usize,
    attribute: usize,
    captured: usize,
}

/// The reading side of a transport.
#[derive(Debug)]
pub(super) struct Inbound {
    framer: Framer,
    stage: Stage,
    aside: Rare<Aside>,
    overflow: bool,
    /// Part of a frame has been passed to the host.
    partly_passed: bool,
    /// Messages are read whole, because two transports deliver them.
    pub(super) read_messages: bool,
    /// Replies are not counted (N7): bytes pass, pushes are still seen.
    pub(super) uncounted: bool,
    /// Bytes pass untouched (S2).
    pub(super) raw: bool,
    /// SCH is off: notifications pass like any push.
    pub(super) uninterested: bool,
}

impl Inbound {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            framer: Framer::new(limits.framer),
            stage: Stage::Flow,
            aside: Rare::default(),
            overflow: false,
            partly_passed: false,
            read_messages: false,
            uncounted: false,
            raw: false,
            uninterested: false,
        }
    }

    /// What is owed is known: commands wait for room when too much of it is.
    pub(super) fn counts(&self) -> bool {
        !self.uncounted && !self.raw
    }

    /// Nothing of a frame is open: the next byte begins one.
    pub(super) fn at_boundary(&self) -> bool {
        self.stage == Stage::Flow && self.framer.at_boundary()
    }

    /// Part of a reply has come.
    pub(super) fn is_in_reply(&self) -> bool {
        self.stage == Stage::Flow && !self.framer.at_boundary()
    }

    /// The host's parser has part of a frame whose rest it has not.
    pub(super) fn is_partly_passed(&self) -> bool {
        self.partly_passed && !self.at_boundary()
    }

    /// Bytes kept back; valid until the next step.
    pub(super) fn kept(&self) -> &[u8] {
        self.aside.get().map_or(&[], |aside| &aside.kept)
    }

    fn attribute(&self) -> usize {
        self.aside.get().map_or(0, |aside| aside.attribute)
    }

    /// Keeps bytes for later calls.
    fn keep(&mut self, data: &[u8]) -> Result<()> {
        self.aside.room()?;
        let kept = &mut self.aside.make().kept;
        kept.room(data.len())?;
        kept.extend_from_slice(data);
        Ok(())
    }

    /// Where the reading is, to come back to: `None` where that would take memory, inside of many levels.
    pub(super) fn mark(&self) -> Option<Mark> {
        Some(Mark {
            framer: self.framer.copy()?,
            stage: self.stage,
            overflow: self.overflow,
            partly_passed: self.partly_passed,
            kept: self.kept().len(),
            attribute: self.attribute(),
            captured: self.aside.get().map_or(0, |aside| aside.capture.len()),
        })
    }

    /// As if what came since then had not come. What was kept or captured then must still be there.
    pub(super) fn go_back(&mut self, to: Mark) {
        self.framer = to.framer;
        self.stage = to.stage;
        self.overflow = to.overflow;
        self.partly_passed = to.partly_passed;
        if let Some(aside) = self.aside.get_mut() {
            aside.kept.truncate(to.kept);
            aside.attribute = to.attribute;
            aside.capture.truncate(to.captured);
        }
    }

    /// Drops what was kept, once the caller has used it.
    pub(super) fn clear_kept(&mut self) {
        if let Some(aside) = self.aside.get_mut() {
            aside.kept.clear();
            aside.attribute = 0;
        }
    }

    /// All of it, to be looked at; it comes back with `put_kept_back`.
    pub(super) fn take_kept(&mut self) -> Vec<u8> {
        self.aside.get_mut().map(|aside| core::mem::take(&mut aside.kept)).unwrap_or_default()
    }

    pub(super) fn put_kept_back(&mut self, kept: Vec<u8>) {
        if let Some(aside) = self.aside.get_mut() {
            aside.kept = kept;
        }
    }

    /// The head of the reply that has been read. Its memory comes back with `put_back`.
    pub(super) fn take_capture(&mut self) -> Vec<u8> {
        self.aside.get_mut().map(|aside| core::mem::take(&mut aside.capture)).unwrap_or_default()
    }

    pub(super) fn put_back(&mut self, capture: Vec<u8>) {
        if let Some(aside) = self.aside.get_mut() {
            aside.capture = capture;
        }
    }

    /// Gives memory back between two frames.
    pub(super) fn rest(&mut self) {
        let at_boundary = self.at_boundary();
        self.aside.give_back_if(|aside| at_boundary && aside.kept.is_empty());
    }

    /// A whole reply would pass as it is.
    #[inline(always)] // in the steady path
    pub(super) fn takes_whole(&self) -> bool {
        !(self.raw | self.partly_passed) && self.at_boundary()
    }

    /// Looks at the next bytes. `data` is not empty. An error where there is no memory to keep what has to be kept: then `go_back`.
    pub(super) fn next(&mut self, data: &[u8], owed: &mut InFlight, limits: &Limits) -> Result<Next> {
        if self.raw {
            return Ok(Next { consumed: data.len(), pass: Pass::Yes, event: Event::None });
        }
        if self.stage == Stage::Flow
            && let Some(next) = self.flow(data, owed, limits)?
        {
            return Ok(next);
        }
        self.undecided(data, limits)
    }

    /// Replies that pass and are only counted. `None`: the next bytes are something else.
    #[inline]
    pub(super) fn plain(&mut self, data: &[u8], owed: &mut InFlight) -> Option<Run> {
        let leads = matches!(data[0], b'>' | b'|') && self.framer.at_boundary();
        if self.stage != Stage::Flow || self.raw || leads {
            return None;
        }
        let run = if self.uncounted { u64::MAX } else { owed.plain_run() };
        if run == 0 {
            return None;
        }
        let scan = self.framer.scan(data, run);
        if self.uncounted {
            owed.pop_about(scan.frames);
        } else if scan.frames > 0 {
            owed.pop_plain(scan.frames);
        }
        self.partly_passed = !self.framer.at_boundary();
        let error = if let Stop::Error(error) = scan.stop { Some(error) } else { None };
        Some(Run { consumed: scan.consumed, error })
    }

    /// Ordinary replies. `None`: a push or an attribute begins.
    fn flow(&mut self, data: &[u8], owed: &mut InFlight, limits: &Limits) -> Result<Option<Next>> {
        let boundary = self.framer.at_boundary();
        if boundary && matches!(data[0], b'>' | b'|') {
            self.stage = if data[0] == b'>' { Stage::Name } else { Stage::Attribute };
            self.overflow = false;
            return Ok(None);
        }
        if let Some(Run { consumed, error }) = self.plain(data, owed) {
            let event = error.map_or(Event::None, Event::Broken);
            return Ok(Some(Next { consumed, pass: Pass::Yes, event }));
        }
        if matches!(owed.front_special(), Some(Special::Watched(Watched::Exec { uncountable: true, .. }))) {
            self.uncounted = true;
            return self.flow(data, owed, limits);
        }
        let own = owed.is_front_own();
        let pass = match owed.front_special() {
            None => return Ok(Some(Next { consumed: 0, pass: Pass::No, event: Event::Unexpected })),
            Some(Special::Own(_) | Special::FailedExec) => Pass::No,
            Some(Special::Pushes { .. }) if own => Pass::No,
            Some(_) => Pass::Yes,
        };
        self.aside.room()?;
        let capture = &mut self.aside.make().capture;
        if boundary {
            capture.clear();
        }
        let scan = self.framer.scan_one(data);
        let room = limits.max_reply_bytes.saturating_sub(capture.len());
        capture.room(scan.consumed.min(room))?;
        capture.extend_from_slice(&data[..scan.consumed.min(room)]);
        self.partly_passed = pass == Pass::Yes && !self.framer.at_boundary();
        let event = match scan.stop {
            Stop::Error(error) => Event::Broken(error),
            _ if scan.frames > 0 => Event::Special,
            _ => Event::None,
        };
        Ok(Some(Next { consumed: scan.consumed, pass, event }))
    }

    /// From a leading attribute or `>` on, until it is known what becomes of it.
    fn undecided(&mut self, data: &[u8], limits: &Limits) -> Result<Next> {
        let mut at = 0;
        // Where the push begins in `data`, if it does.
        let mut push = 0;
        while at < data.len() {
            match self.stage {
                Stage::Attribute => {
                    let scan = self.framer.scan_one(&data[at..]);
                    at += scan.consumed;
                    if let Stop::Error(error) = scan.stop {
                        return Ok(self.broken(at, error));
                    }
                    if self.kept().len() + at > limits.max_attribute_bytes {
                        self.stage =
                            if scan.frames > 0 { Stage::AfterLongAttribute } else { Stage::LongAttribute };
                        self.partly_passed = true;
                        return Ok(self.pass(at, Event::None));
                    }
                    if scan.frames > 0 {
                        self.stage = Stage::AfterAttribute;
                        self.aside.room()?;
                        self.aside.make().attribute = self.kept().len() + at;
                    }
                }
                Stage::AfterAttribute if data[at] == b'>' => {
                    self.stage = Stage::Name;
                    push = at;
                }
                Stage::AfterAttribute if data[at] == b'|' => {
                    self.stage = Stage::Attribute;
                }
                Stage::AfterAttribute => {
                    self.stage = Stage::Flow;
                    self.partly_passed = true;
                    return Ok(self.pass(at, Event::None));
                }
                Stage::LongAttribute => {
                    let scan = self.framer.scan_one(&data[at..]);
                    at += scan.consumed;
                    if let Stop::Error(error) = scan.stop {
                        return Ok(self.broken(at, error));
                    }
                    if scan.frames > 0 {
                        self.stage = Stage::AfterLongAttribute;
                    }
                    return Ok(self.pass(at, Event::None));
                }
                Stage::AfterLongAttribute => {
                    self.stage = match data[at] {
                        b'>' => Stage::Passing,
                        b'|' => Stage::LongAttribute,
                        _ => {
                            self.stage = Stage::Flow;
                            return Ok(self.pass(at, Event::None));
                        }
                    };
                }
                Stage::Name => match self.name(&data[push..]) {
                    Name::NeedMore => at = data.len(),
                    Name::Known(stage) => {
                        // The framer has not seen what was kept of the push: at most a few dozen bytes.
                        let kept = self.aside.get().map_or(&[][..], |aside| {
                            let seen = aside.attribute.min(aside.kept.len());
                            &aside.kept[seen..]
                        });
                        if let Stop::Error(error) = self.framer.scan_one(kept).stop {
                            return Ok(self.broken(at, error));
                        }
                        self.stage = stage;
                        at = push;
                    }
                },
                Stage::Passing => {
                    let scan = self.framer.scan_one(&data[at..]);
                    at += scan.consumed;
                    if let Stop::Error(error) = scan.stop {
                        return Ok(self.broken(at, error));
                    }
                    self.partly_passed = scan.frames == 0;
                    if scan.frames > 0 {
                        self.stage = Stage::Flow;
                    }
                    return Ok(self.pass(at, Event::None));
                }
                Stage::Ours(_) | Stage::Read { .. } => {
                    if let Some(next) = self.whole(data, &mut at, push, limits)? {
                        return Ok(next);
                    }
                }
                Stage::Flow => return Ok(self.pass(at, Event::None)),
            }
        }
        if !self.overflow {
            self.keep(data)?;
        }
        Ok(Next { consumed: data.len(), pass: Pass::No, event: Event::None })
    }

    /// Within a push that must be read whole.
    fn whole(&mut self, data: &[u8], at: &mut usize, push: usize, limits: &Limits) -> Result<Option<Next>> {
        let scan = self.framer.scan_one(&data[*at..]);
        *at += scan.consumed;
        if let Stop::Error(error) = scan.stop {
            return Ok(Some(self.broken(*at, error)));
        }
        let too_long = self.kept().len() + *at > limits.max_push_bytes;
        if let Stage::Read { confirmation } = self.stage
            && too_long
        {
            self.stage = if scan.frames > 0 { Stage::Flow } else { Stage::Passing };
            self.partly_passed = scan.frames == 0;
            return Ok(Some(self.pass(*at, Event::TooLong { confirmation })));
        }
        if too_long {
            self.overflow = true;
            if let Some(aside) = self.aside.get_mut() {
                aside.kept.clear();
            }
        }
        if scan.frames == 0 {
            return Ok(None);
        }
        let raw = if self.kept().is_empty() {
            Raw::Data(push..*at)
        } else {
            self.keep(&data[..*at])?;
            Raw::Kept(self.attribute())
        };
        let (event, pass) = match self.stage {
            Stage::Ours(kind) => (Event::Notification(kind, (!self.overflow).then_some(raw)), Pass::No),
            Stage::Read { confirmation: true } => (Event::Confirmation(raw), Pass::Yes),
            _ => (Event::Message(raw), Pass::Yes),
        };
        self.stage = Stage::Flow;
        if self.kept().is_empty() {
            self.clear_kept();
        }
        Ok(Some(Next { consumed: *at, pass, event }))
    }

    fn pass(&mut self, consumed: usize, event: Event) -> Next {
        let pass = if self.kept().is_empty() { Pass::Yes } else { Pass::AfterKept };
        Next { consumed, pass, event }
    }

    fn broken(&mut self, consumed: usize, error: FrameError) -> Next {
        self.stage = Stage::Flow;
        self.pass(consumed, Event::Broken(error))
    }

    fn name(&self, data: &[u8]) -> Name {
        let early = &self.kept()[self.attribute().min(self.kept().len())..];
        let mut joined = [0; SNIFF_LIMIT];
        let prefix = if early.is_empty() {
            &data[..data.len().min(SNIFF_LIMIT)]
        } else {
            let early = &early[..early.len().min(SNIFF_LIMIT)];
            let more = data.len().min(SNIFF_LIMIT - early.len());
            joined[..early.len()].copy_from_slice(early);
            joined[early.len()..early.len() + more].copy_from_slice(&data[..more]);
            &joined[..early.len() + more]
        };
        match sniff(prefix) {
            Sniff::Ours(kind) if !self.uninterested => Name::Known(Stage::Ours(kind)),
            Sniff::NeedMore if prefix.len() < SNIFF_LIMIT => Name::NeedMore,
            _ => match push_name(prefix) {
                PushName::NeedMore if prefix.len() < SNIFF_LIMIT => Name::NeedMore,
                PushName::Confirmation => Name::Known(Stage::Read { confirmation: true }),
                PushName::Message if self.read_messages => Name::Known(Stage::Read { confirmation: false }),
                _ => Name::Known(Stage::Passing),
            },
        }
    }
}

enum Name {
    NeedMore,
    Known(Stage),
}

#[derive(Debug, PartialEq, Eq)]
enum PushName {
    NeedMore,
    Confirmation,
    Message,
    Other,
}

const CONFIRMATIONS: [&[u8]; 6] =
    [b"subscribe", b"psubscribe", b"ssubscribe", b"unsubscribe", b"punsubscribe", b"sunsubscribe"];
const MESSAGES: [&[u8]; 3] = [b"message", b"pmessage", b"smessage"];

/// The kind of a push that is not ours, by its first element (a bulk or simple string, as servers send it).
fn push_name(prefix: &[u8]) -> PushName {
    let Some(line) = memchr::memchr(b'\n', prefix) else { return PushName::NeedMore };
    let rest = &prefix[line + 1..];
    let name = match rest.first() {
        None => return PushName::NeedMore,
        Some(b'+') => &rest[1..],
        Some(b'$') => match memchr::memchr(b'\n', rest) {
            None => return PushName::NeedMore,
            Some(end) => &rest[end + 1..],
        },
        Some(_) => return PushName::Other,
    };
    let Some(end) = memchr::memchr(b'\r', name) else { return PushName::NeedMore };
    let name = &name[..end];
    if CONFIRMATIONS.iter().any(|c| c.eq_ignore_ascii_case(name)) {
        PushName::Confirmation
    } else if MESSAGES.iter().any(|m| m.eq_ignore_ascii_case(name)) {
        PushName::Message
    } else {
        PushName::Other
    }
}
