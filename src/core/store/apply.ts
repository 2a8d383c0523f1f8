/** What each command of the log does: the switch that hands it to its noun. */
import { unreachable } from '../../base/assert.ts'
import type { Index } from '../../base/units.ts'
import type { Command, Result } from '../../model/command.ts'
import {
  applyAuthMethodDelete,
  applyAuthMethodSet,
  applyBindingRuleDelete,
  applyBindingRuleSet,
  applyBootstrap,
  applyLegacyAcl,
  applyPolicyDelete,
  applyPolicySet,
  applyRoleDelete,
  applyRoleSet,
  applyTokenDelete,
  applyTokenSet,
} from './acl.ts'
import { applyAutopilot } from './autopilot.ts'
import { applyDeregister, applyRegister } from './catalog.ts'
import { applyConfigEntry } from './config-entry.ts'
import { applyConnectCA, applyConnectCALeaf } from './connect-ca.ts'
import { applyCoordinates } from './coordinate.ts'
import { applyFederationState } from './federation-state.ts'
import { applyIntention } from './intention.ts'
import { applyKVS, reapTombstones } from './kv.ts'
import { applyPreparedQuery } from './prepared-query.ts'
import type { WriteTxn } from './rows.ts'
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
    case 'ACL':
      return applyLegacyAcl(txn, index, command.body)
    case 'ACLBootstrap':
      return applyBootstrap(txn, index, command.body)
    case 'ACLTokenSet':
      return applyTokenSet(txn, index, command.body)
    case 'ACLTokenDelete':
      return applyTokenDelete(txn, index, command.body.TokenIDs)
    case 'ACLPolicySet':
      return applyPolicySet(txn, index, command.body)
    case 'ACLPolicyDelete':
      return applyPolicyDelete(txn, index, command.body.PolicyIDs)
    case 'ACLRoleSet':
      return applyRoleSet(txn, index, command.body)
    case 'ACLRoleDelete':
      return applyRoleDelete(txn, index, command.body.RoleIDs)
    case 'ACLBindingRuleSet':
      return applyBindingRuleSet(txn, index, command.body.BindingRules)
    case 'ACLBindingRuleDelete':
      return applyBindingRuleDelete(txn, index, command.body.BindingRuleIDs)
    case 'ACLAuthMethodSet':
      return applyAuthMethodSet(txn, index, command.body.AuthMethods)
    case 'ACLAuthMethodDelete':
      return applyAuthMethodDelete(txn, index, command.body.AuthMethodNames)
    case 'Intention':
      return applyIntention(txn, index, command.body)
    case 'ConnectCA':
      return applyConnectCA(txn, index, command.body)
    case 'ConnectCALeaf':
      return applyConnectCALeaf(index, command.body)
    case 'ConfigEntry':
      return applyConfigEntry(txn, index, command.body)
    case 'FederationState':
      return applyFederationState(txn, index, command.body)
    default:
      return unreachable(command)
  }
}
