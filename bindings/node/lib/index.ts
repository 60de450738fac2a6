/** Smart client handoffs for Redis connections. */

export { Connection } from './connection.js';
export type { Dial, Submitted } from './connection.js';
export type { LogLine } from './log.js';
export type { Wait } from './questions.js';
export type { PushValue } from './stated.js';
export type { JoinOptions } from './member.js';
export { Todo, abiVersion, now, version } from './todo.js';
export type { Action, ActionKind, ActionOf, SlotMove, SlotRange } from './action.js';
export { Pool } from './pool.js';
export type { Endpoint, Place, Places } from './pool.js';
export type { PoolEvent } from './pool-events.js';
export type { Waiter } from './waiter.js';
export { Cluster, keySlot } from './cluster.js';
export type { ClusterNode, Redirection } from './cluster.js';
export type { ClusterAction, ClusterMove } from './cluster-action.js';
export { SchSocket, connect } from './socket.js';
export type { ConnectOptions, Credentials } from './options.js';
export type { SchEventName, SchEvents } from './events.js';
export { SchError } from './errors.js';
export type { SchErrorCode } from './errors.js';
export type { Settings } from './settings.js';
export type {
  Blocking, CloseReason, ClusterActionKind, ClusterCounters, ClusterTimes, CommandClass, CounterName, Counters,
  EndpointCounters, EndpointPolicy, EndpointType, Fence, HandoffOutcome, Handshake, Health, Level, LimitName, Limits,
  LogLevel, LostOutcome, Mode, Notification, OffReason, OnLoss, Phase, PoolCounters, PoolEventKind, ReloadReason,
  RestoreReason, Unowned, WaitingFor, WindowReason,
} from './words.js';
