/** Smart client handoffs for Redis connections. */

export { Connection, Todo, abiVersion, now, version } from './connection.js';
export type { Dial, LogLine, PushValue, Submitted, Wait } from './connection.js';
export type { Action, ActionKind, ActionOf, SlotMove, SlotRange } from './action.js';
export { SchSocket, connect } from './socket.js';
export type { ConnectOptions, Credentials } from './socket.js';
export type { SchEventName, SchEvents } from './events.js';
export { SchError } from './errors.js';
export type { SchErrorCode } from './errors.js';
export type { Settings } from './settings.js';
export type {
  Blocking, CloseReason, CommandClass, CounterName, Counters, EndpointPolicy, EndpointType, Fence, HandoffOutcome,
  Handshake, Level, LimitName, Limits, LogLevel, LostOutcome, Mode, OffReason, OnLoss, Phase, RestoreReason,
  WaitingFor, WindowReason,
} from './words.js';
