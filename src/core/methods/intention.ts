/** The methods of intentions. Source: Consul's agent/consul/intention_endpoint.go. */

import { blake2b256 } from '../../base/blake2b.ts'
import { quoteGo } from '../../base/go-quote.ts'
import { byteKey, bytesFromText } from '../../base/text.ts'
import type { WallMs } from '../../base/units.ts'
import { uuidFault } from '../../base/uuid.ts'
import { WILDCARD } from '../../model/config-entry.ts'
import { ConsulError } from '../../model/errors.ts'
import { type Intention, type IntentionQueryCheck, type IntentionRequest, NO_INTENTION } from '../../model/intention.ts'
import { intentionFault } from '../../model/intention-rules.ts'
import type { GoTime } from '../../model/time.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { INTENTION_FIELDS, makeFilter } from '../filter/filter.ts'
import { intentionById, intentions, matchingIntentions, precedenceOf } from '../store/intention.ts'
import type { ReadTxn } from '../store/rows.ts'
import { demand, refused } from './refuse.ts'
import type { Env, MethodTable } from './table.ts'

const DEFAULT_NAMESPACE = 'default'
const CONSUL_SOURCE = 'consul'

export const intentionMethods = {
  'Intention.Apply': {
    kind: 'write',
    propose(txn, args, can, env) {
      const body: IntentionRequest = { ...args, Datacenter: args.Datacenter || env.datacenter }
      return { command: { type: 'Intention', body: { ...body, Intention: prepared(txn, args, can, env) } } }
    },
    reply: (_result, command) => (command.type === 'Intention' ? (command.body.Intention?.ID ?? '') : ''),
  },

  'Intention.Get': {
    kind: 'read',
    run(txn, args, can) {
      const id = args.IntentionID ?? ''
      const fault = idFault(id)
      if (fault !== undefined) throw refused(fault)
      const { Index, Intention: found } = intentionById(txn, id)
      if (found === undefined) throw refused('Intention not found')
      if (!mayRead(can, found)) throw new ConsulError('permission-denied')
      return { Index, Intentions: [found] }
    },
  },

  'Intention.List': {
    kind: 'read',
    run(txn, args, can) {
      const wanted = makeFilter(args.Filter, INTENTION_FIELDS)
      const { Index, Intentions: all } = intentions(txn)
      const seen = can.all ? all : all.filter((row) => mayRead(can, row))
      return { Index, Intentions: wanted === undefined ? seen : seen.filter(wanted) }
    },
  },

  'Intention.Match': {
    kind: 'read',
    run(txn, { Match }, can) {
      if (Match === null || Match === undefined) throw refused('Match must be specified on args')
      for (const { Name } of Match.Entries ?? []) if (Name !== '') demand(can, 'intention', 'read', Name)
      return matchingIntentions(txn, Match)
    },
  },

  'Intention.Check': {
    kind: 'read',
    run(txn, { Check }, can) {
      if (Check === null || Check === undefined) throw refused('Check must be specified on args')
      if (Check.SourceType !== CONSUL_SOURCE) throw refused(`unsupported SourceType: ${quoteGo(Check.SourceType)}`)
      if (Check.DestinationName !== '') demand(can, 'service', 'read', Check.DestinationName)
      return { Allowed: allowed(txn, Check) }
    },
  },
} satisfies Partial<MethodTable>

/** The first that fits the source decides; where none does, what is not forbidden is allowed. */
function allowed(txn: ReadTxn, check: IntentionQueryCheck): boolean {
  const Entries = [{ Namespace: check.DestinationNS, Name: check.DestinationName }]
  const { Matches } = matchingIntentions(txn, { Type: 'destination', Entries })
  for (const row of Matches[0] ?? []) {
    if (row.SourceNS !== WILDCARD && row.SourceNS !== check.SourceNS) continue
    if (row.SourceName !== WILDCARD && row.SourceName !== check.SourceName) continue
    return row.Action === 'allow'
  }
  return true
}

/** The index of intentions takes whole ids alone, and says so before it looks. */
function idFault(id: string): string | undefined {
  const fault = uuidFault(id)
  if (fault === undefined) return undefined
  const why = fault === 'uuid string is wrong length' ? 'UUID must be 36 characters' : `Invalid UUID: ${fault}`
  return `failed intention lookup: index error: ${why}`
}

/** The intention as the log will hold it. */
function prepared(txn: ReadTxn, args: IntentionRequest, can: Authorizer, env: Env): Intention {
  const asked = args.Intention ?? NO_INTENTION
  switch (args.Op) {
    case 'create': {
      demandWrite(can, asked)
      if (asked.ID !== '') throw refused('ID must be empty when creating a new intention')
      const now = timeOf(env.now)
      return finished({ ...asked, ID: env.uuid(), CreatedAt: now, UpdatedAt: now })
    }
    case 'update':
      demandWrite(can, asked)
      demandWrite(can, existing(txn, asked.ID, 'modify'))
      return finished({ ...asked, UpdatedAt: timeOf(env.now) })
    case 'delete':
      demandWrite(can, existing(txn, asked.ID, 'delete'))
      return asked
    default:
      throw refused(`Invalid Intention operation: ${String(args.Op)}`)
  }
}

function existing(txn: ReadTxn, id: string, verb: string): Intention {
  const fault = idFault(id)
  if (fault !== undefined) throw refused(`Intention lookup failed: ${fault}`)
  const { Intention: found } = intentionById(txn, id)
  if (found === undefined) throw refused(`Cannot ${verb} non-existent intention: '${id}'`)
  return found
}

function finished(asked: Intention): Intention {
  const row: Intention = {
    ...asked,
    SourceType: asked.SourceType || CONSUL_SOURCE,
    SourceNS: asked.SourceNS || DEFAULT_NAMESPACE,
    DestinationNS: asked.DestinationNS || DEFAULT_NAMESPACE,
  }
  row.Precedence = precedenceOf(row)
  const fault = intentionFault(row)
  if (fault !== undefined) throw refused(fault)
  return { ...row, Hash: hashOf(row) }
}

/** Over what users set, but neither port nor precedence: Consul's own hash leaves them out by mistake. */
function hashOf(row: Intention): Uint8Array {
  const parts = [row.ID, row.Description, row.SourceNS, row.SourceName, row.DestinationNS, row.DestinationName]
  parts.push(row.SourceType, row.Action, row.DefaultAddr)
  const pairs = Object.entries(row.Meta ?? {}).sort(([a], [b]) => (byteKey(a) < byteKey(b) ? -1 : 1))
  for (const [key, value] of pairs) parts.push(key, value)
  return blake2b256(parts.map(bytesFromText))
}

function timeOf(ms: WallMs): GoTime {
  const seconds = Math.floor(ms / 1000)
  return { seconds, nanos: Math.floor((ms - seconds * 1000) * 1e6), offsetMin: null, offsetSec: 0 }
}

function mayRead(can: Authorizer, { SourceName, DestinationName }: Intention): boolean {
  if (can.all) return true
  return [SourceName, DestinationName].some((name) => name !== '' && can.allowed('intention', 'read', name))
}

function demandWrite(can: Authorizer, { DestinationName }: Intention): void {
  if (can.all) return
  if (DestinationName === '') throw new ConsulError('permission-denied')
  demand(can, 'intention', 'write', DestinationName)
}
