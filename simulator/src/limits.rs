//! Every limit of the simulator, by name.

/// Most client connections at one time; further ones are answered with an error and closed.
pub const MAX_CONNECTIONS: usize = 4096;
/// Largest body of one HTTP request.
pub const MAX_REQUEST_BODY: usize = 1 << 20;
/// Events kept in the ring that `GET /v1/events` shows.
pub const MAX_EVENTS: usize = 10_000;
/// Largest single command.
pub const MAX_COMMAND: usize = 64 << 20;
/// Most arguments in one command.
pub const MAX_ARGS: usize = 1 << 20;
/// Longest inline command line.
pub const MAX_INLINE: usize = 64 << 10;
/// Reply bytes kept for one connection; at this mark it is not read until some are written.
pub const MAX_BUFFERED_REPLIES: usize = 64 << 20;
/// Longest `time_s`, in seconds either side of zero.
pub const MAX_TIME_S: f64 = 3600.0;
/// Longest time given in milliseconds.
pub const MAX_MS: u64 = 3_600_000;
/// Endpoints in one process.
pub const MAX_ENDPOINTS: usize = 64;
/// Scenario runs whose state is remembered.
pub const MAX_SCENARIO_RUNS: usize = 1000;
/// Longest time the commands of slots wait while their keys go from one real server to another.
pub const MAX_SLOT_MOVE: std::time::Duration = std::time::Duration::from_secs(30);
/// Actions of the fault injector's interface that are remembered.
pub const MAX_ACTIONS: usize = 1000;
/// Parts of a `sequence_of_actions`.
pub const MAX_SEQUENCE: usize = 100;
/// Databases that `create_database` makes, the first one included.
pub const MAX_DATABASES: usize = 64;
/// Answers of the proxy's interface by name.
pub const MAX_INTERCEPTORS: usize = 64;
/// Answers of the proxy's interface that wait for whatever comes next.
pub const MAX_CANNED_REPLIES: usize = 1000;
/// Deepest nesting in a reply from upstream.
pub const MAX_DEPTH: usize = 64;
