/** What each command of the log does: the switch that hands it to its noun. */
import { unreachable } from '../../base/assert.ts'
import type { Index } from '../../base/units.ts'
import type { Command, Result } from '../../model/command.ts'
import { applyAutopilot } from './autopilot.ts'
import { applyDeregister, applyRegister } from './catalog.ts'
import { applyCoordinates } from './coordinate.ts'
import { applyFederationState } from './federation-state.ts'
import { applyKVS, reapTombstones } from './kv.ts'
import type { WriteTxn } from './rows.ts'
import { applyPreparedQuery } from './prepared-query.ts'
import { applySession } from './session.ts'
import { applyTxn } from './txn.ts'

/** A failed result means that whatever was written on the way must be undone; the store does that. */
export function applyCommand(txn: WriteTxn, index: Index, command: Command): Result {
  switch (command.type) {
    case 'KVS':
      return applyKVS(txn, index, command.body)
    case 'Register':
      return applyRegister(txn, index, command.body)
    case 'Deregister':
      return applyDeregister(txn, index, command.body)
    case 'Session':
      return applySession(txn, index, command.body)
    case 'Tombstone':
      if (command.body.Op !== 'reap') {
        return { kind: 'failed', message: `Invalid Tombstone operation '${String(command.body.Op)}'` }
      }
      reapTombstones(txn, command.body.ReapIndex)
      return { kind: 'done' }
    case 'CoordinateBatchUpdate':
      return applyCoordinates(txn, index, command.body)
    case 'PreparedQuery':
      return applyPreparedQuery(txn, index, command.body)
    case 'Txn':
      return applyTxn(txn, index, command.body)
    case 'Autopilot':
      return applyAutopilot(txn, index, command.body)
    case 'FederationState':
      return applyFederationState(txn, index, command.body)
    default:
      return unreachable(command)
  }
}
