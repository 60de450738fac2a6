/** The numbers of the C header as words. A list begins with the word for 1; `undefined` is a number that is none. */

/** What is told by a pool, and what becomes of a member that nobody owns. */
export type PoolEventKind =
  | 'maintenance' | 'retire' | 'handoff' | 'breaker-opened' | 'breaker-closed' | 'endpoint-refused' | 'late' | 'dropped';
export type Notification =
  | 'moving' | 'migrating' | 'migrated' | 'failing-over' | 'failed-over' | 'smigrating' | 'smigrated';
export type Unowned = 'retire' | 'handoff';
export type ClusterActionKind = 'slots-moved' | 'dial-node' | 'move-subscriptions' | 'drain-node' | 'reload-slots';
export type ReloadReason = 'unfit' | 'malformed' | 'redirected' | 'host' | 'failed';
export type Health = 'online' | 'loading' | 'failed';
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
export const EVENTS: readonly PoolEventKind[] =
  ['maintenance', 'retire', 'handoff', 'breaker-opened', 'breaker-closed', 'endpoint-refused', 'late', 'dropped'];
export const NOTIFICATIONS: readonly Notification[] =
  ['moving', 'migrating', 'migrated', 'failing-over', 'failed-over', 'smigrating', 'smigrated'];
export const UNOWNED: readonly Unowned[] = ['retire', 'handoff'];
export const CLUSTER_ACTIONS: readonly ClusterActionKind[] =
  ['slots-moved', 'dial-node', 'move-subscriptions', 'drain-node', 'reload-slots'];
export const RELOADS: readonly ReloadReason[] = ['unfit', 'malformed', 'redirected', 'host', 'failed']; // by bit
export const HEALTHS: readonly Health[] = ['online', 'loading', 'failed'];

/** Names of limits; see SCH_LIMIT_* for unit, default and reason. */
export const LIMITS = [
  'maxReplyDepth', 'maxReplyBulk', 'maxReplyLine', 'maxReplyElements', 'maxCommandArgs', 'maxCommandBulk',
  'maxCommandInline', 'maxCommandKept', 'maxPushBytes', 'maxAttributeBytes', 'maxReplyBytes', 'maxHeldBytes',
  'maxHeldCommands', 'maxInFlight', 'maxWindows', 'maxMarks', 'maxSessionBytes', 'maxAttempts', 'maxOverlapMessages',
  'maxOverlapBytes', 'maxLines',
] as const;
/** Those of pools. */
export const POOL_LIMITS = [
  'maxPoolMembers', 'maxPoolEvents', 'maxPoolFacts', 'maxPoolMarks', 'maxPoolWaves', 'maxPoolEndpoints', 'maxPoolRefusals',
  'maxPoolMoves', 'maxPoolWaiters',
] as const;
/** The number of the first of them. */
export const POOL_LIMITS_FROM = 41;
export type PoolLimitName = (typeof POOL_LIMITS)[number];
/** Those of clusters. */
export const CLUSTER_LIMITS = [
  'maxClusterNodes', 'maxClusterReplicas', 'maxClusterReplyBytes', 'maxClusterReplyElements', 'maxClusterReplyDepth',
  'maxClusterMarks', 'maxClusterEvents', 'maxClusterReplay', 'maxClusterAddresses',
] as const;
/** The number of the first of them. */
export const CLUSTER_LIMITS_FROM = 61;
export type ClusterLimitName = (typeof CLUSTER_LIMITS)[number];
export type LimitName = (typeof LIMITS)[number] | PoolLimitName | ClusterLimitName;
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

/** Names of times of a cluster; see SCH_CLUSTER_TIME_* for default and reason. */
export const CLUSTER_TIMES = ['reloadJitter', 'reloadInterval', 'reloadTimeout', 'backoffMin', 'backoffMax'] as const;
export type ClusterTimes = Partial<Record<(typeof CLUSTER_TIMES)[number], number>>;

/** As `COUNTERS`, of `sch_pool_counts`, `sch_endpoint_counters` and `sch_cluster_counts`. */
export const POOL_COUNTERS = [
  'members', 'membersJoined', 'membersRefused', 'membersEjected', 'nodes', 'notifications', 'notificationsDuplicate',
  'notificationsStale', 'notificationsTold', 'factsDropped', 'eventsDropped', 'waves', 'wavesEvicted', 'handoffsAsked',
  'handoffsSwapped', 'handoffsFailed', 'handoffsRefused', 'handoffsSuperseded', 'handoffsClosed', 'handoffsLate', 'retired',
  'grants', 'grantsLapsed', 'endpointsRefused', 'optinsRefused', 'dials', 'dialsBlocked', 'breakersOpened',
  'breakersClosed', 'clockStepsBack',
] as const;
export type PoolCounters = Record<(typeof POOL_COUNTERS)[number], number>;
export const ENDPOINT_COUNTERS = [
  'attempts', 'attemptsFailed', 'dials', 'dialsFailed', 'probes', 'breakerOpened', 'breakerOpen',
] as const;
export type EndpointCounters = Record<(typeof ENDPOINT_COUNTERS)[number], number>;
export const CLUSTER_COUNTERS = [
  'smigrated', 'duplicate', 'old', 'malformed', 'slotsPatched', 'slotsSettled', 'slotsSuperseded', 'slotsUnfit', 'moved',
  'asked', 'reloads', 'reloadsCoalesced', 'reloadsFailed', 'loads', 'loadsRefused', 'overlaps', 'unreadable',
  'replicasLeftOut', 'nodesLeftOut', 'nodesDialled', 'nodesDrained', 'subscriptionsMoved', 'eventsDropped',
  'clockStepsBack',
] as const;
export type ClusterCounters = Record<(typeof CLUSTER_COUNTERS)[number], number>;
