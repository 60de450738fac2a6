//! What Redis commands mean to a connection: whether one is safe to send again, what its reply looks like, and what
//! it does to the session. Knows no state: whether a MULTI is open or replies are off is the connection's to know, and it has to
//! read what follows in that light:
//!
//! * **Within MULTI** every command but EXEC, DISCARD, RESET and QUIT is answered by one frame, `+QUEUED` or an error (MULTI and WATCH:
//!   always an error), and its effect waits for EXEC; blocking commands do not block. SUBSCRIBE and its like, CLIENT
//!   REPLY and HELLO 2 are queued as well, and then EXEC's reply has not the frames that its array announces:
//!   such a connection cannot be counted (N7).
//! * **Under CLIENT REPLY OFF** no command is answered but CLIENT REPLY ON and RESET, which end it; SKIP is without effect.
//!   **After SKIP** the next command is not answered. In both, pushes come as ever, so that [`Replies::Pushes`] and
//!   [`Replies::PushesUnknown`] hold; only their error does not come.
//! * **In RESP2** the confirmations of the SUBSCRIBE family are ordinary arrays; their number is the same.
//! * **While MONITOR runs** replies stand among its simple strings.
//!
//! What a real server does in each of these is in `docs/PROBES.md`, with the test that proves it.
//!
//! Hot path: [`lookup`] once, and if [`Facts::is_plain`] nothing more. Only for the others [`meaning`] reads arguments.
//!
//! ```
//! use sch::commands::{self, Facts, Replies};
//! use sch::resp::command::{CommandLimits, CommandReader, Step};
//!
//! let mut reader = CommandReader::new(CommandLimits::default());
//! let mut facts = Facts::UNKNOWN;
//! let read = reader.read(b"*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n", |head| {
//!     facts = commands::lookup(head.name, head.second.unwrap_or_default());
//!     facts.keep()
//! });
//! assert_eq!(read.step, Step::Command);
//! assert!(!facts.is_plain());
//! assert_eq!(commands::meaning(facts, reader.args()).replies, Replies::Pushes(2));
//! ```

mod lookup;
mod shape;
mod table;

pub(crate) use lookup::plain;
pub use lookup::{Class, Facts, lookup};
pub use shape::{Effect, Hello, Meaning, Replies, Secret, Topic, meaning};
pub use table::SERVER_VERSION;
