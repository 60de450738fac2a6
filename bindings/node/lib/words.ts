/** The numbers of the C header as words. A list begins with the word for 1; `undefined` is a number that is none. */

export type Level = 'notified' | 'tapped' | 'managed';
export type Mode = 'disabled' | 'auto' | 'enabled';
export type EndpointType = 'auto' | 'internal-ip' | 'internal-fqdn' | 'external-ip' | 'external-fqdn' | 'none';
export type OnLoss = 'report' | 'reply' | 'close';
export type Blocking = 'wait-for-close' | 'swap';
export type Handshake = 'seen' | 'libsch';
export type EndpointPolicy = 'any' | 'configured-domain' | 'list';
export type LogLevel = 'none' | 'error' | 'warn' | 'info' | 'debug';
export type Fence = 'transaction' | 'blocking' | 'other' | 'no-handoff';
export type Phase =
  | 'detached' | 'handshaking' | 'serving' | 'waiting' | 'opening' | 'rebuilding'
  | 'ready' | 'draining' | 'swapping' | 'failed' | 'closed';
export type WindowReason = 'migration' | 'failover' | 'slot-migration' | 'moving' | 'post-handoff';
export type RestoreReason = 'terminated' | 'expired' | 'ended';
export type CloseReason =
  | 'swapped' | 'attempt-failed' | 'superseded' | 'handoff-ended' | 'host-closed' | 'loss'
  | 'optin-refused' | 'handshake-failed';
/** `unknown`: it may have run. `not-executed`, `never-written`: it did not. */
export type LostOutcome = 'unknown' | 'not-executed' | 'never-written';
export type CommandClass = 'read-only' | 'write';
export type HandoffOutcome = 'swapped' | 'failed' | 'refused' | 'superseded' | 'closed';
export type OffReason =
  | 'disabled' | 'resp2' | 'refused' | 'no-permission' | 'broken' | 'opted-out' | 'uncounted' | 'stream'
  | 'reply-off' | 'tracking-redirect' | 'broken-commands' | 'optin-failed' | 'session-too-large';
export type WaitingFor =
  | 'candidate' | 'replies' | 'transaction' | 'blocking' | 'host-fence' | 'half-written' | 'answer' | 'handshake';

export const LEVELS: readonly Level[] = ['notified', 'tapped', 'managed'];
export const MODES: readonly Mode[] = ['disabled', 'auto', 'enabled']; // from 0
export const ENDPOINT_TYPES: readonly EndpointType[] =
  ['auto', 'internal-ip', 'internal-fqdn', 'external-ip', 'external-fqdn', 'none']; // from 0
export const ON_LOSS: readonly OnLoss[] = ['report', 'reply', 'close'];
export const BLOCKING: readonly Blocking[] = ['wait-for-close', 'swap'];
export const HANDSHAKES: readonly Handshake[] = ['seen', 'libsch'];
export const POLICIES: readonly EndpointPolicy[] = ['any', 'configured-domain', 'list'];
export const LOG_LEVELS: readonly LogLevel[] = ['none', 'error', 'warn', 'info', 'debug']; // from 0
export const FENCES: readonly Fence[] = ['transaction', 'blocking', 'other', 'no-handoff'];
export const PHASES: readonly Phase[] =
  ['detached', 'handshaking', 'serving', 'waiting', 'opening', 'rebuilding', 'ready', 'draining', 'swapping', 'failed', 'closed'];
export const WINDOWS: readonly WindowReason[] = ['migration', 'failover', 'slot-migration', 'moving', 'post-handoff'];
export const RESTORES: readonly RestoreReason[] = ['terminated', 'expired', 'ended'];
export const CLOSES: readonly CloseReason[] =
  ['swapped', 'attempt-failed', 'superseded', 'handoff-ended', 'host-closed', 'loss', 'optin-refused', 'handshake-failed'];
export const LOST: readonly LostOutcome[] = ['unknown', 'not-executed', 'never-written'];
export const CLASSES: readonly CommandClass[] = ['read-only', 'write'];
export const OUTCOMES: readonly HandoffOutcome[] = ['swapped', 'failed', 'refused', 'superseded', 'closed'];
export const OFFS: readonly OffReason[] =
  ['disabled', 'resp2', 'refused', 'no-permission', 'broken', 'opted-out', 'uncounted', 'stream', 'reply-off',
    'tracking-redirect', 'broken-commands', 'optin-failed', 'session-too-large'];
export const WAITING: readonly WaitingFor[] =
  ['candidate', 'replies', 'transaction', 'blocking', 'host-fence', 'half-written', 'answer', 'handshake']; // by bit

/** Names of limits; see SCH_LIMIT_* for unit, default and reason. */
export const LIMITS = [
  'maxReplyDepth', 'maxReplyBulk', 'maxReplyLine', 'maxReplyElements', 'maxCommandArgs', 'maxCommandBulk',
  'maxCommandInline', 'maxCommandKept', 'maxPushBytes', 'maxAttributeBytes', 'maxReplyBytes', 'maxHeldBytes',
  'maxHeldCommands', 'maxInFlight', 'maxWindows', 'maxMarks', 'maxSessionBytes', 'maxAttempts', 'maxOverlapMessages',
  'maxOverlapBytes', 'maxLines',
] as const;
export type LimitName = (typeof LIMITS)[number];
export type Limits = Partial<Record<LimitName, number>>;

/** Names of counters in the order of `sch_counters`. */
export const COUNTERS = [
  'notificationsMoving', 'notificationsMigrating', 'notificationsMigrated', 'notificationsFailingOver',
  'notificationsFailedOver', 'notificationsSmigrating', 'notificationsSmigrated', 'notificationsDuplicate',
  'notificationsStale', 'notificationsMalformed', 'relaxed', 'restored', 'windowsExpired', 'windowsEvicted',
  'handoffsStarted', 'handoffsSwapped', 'handoffsFailed', 'handoffsRefused', 'handoffsSuperseded', 'handoffsClosed',
  'attempts', 'attemptsFailed', 'endpointsRefused', 'commands', 'commandsHeld', 'commandsLost', 'commandsHandedBack',
  'commandsCancelled', 'overlapDuplicates', 'overlapDoubtful', 'rebuildErrorsIgnored', 'clockStepsBack',
  'logLinesDropped', 'notificationsTold',
] as const;
export type CounterName = (typeof COUNTERS)[number];
export type Counters = Record<CounterName, number>;
