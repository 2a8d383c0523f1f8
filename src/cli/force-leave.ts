/** `consul force-leave`: gives a failed member up. */
import { notBuilt } from './command.ts'
import { yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  'force-leave': notBuilt(
    'consul force-leave [options] name',
    'Counts a failed member as one that has left, so that nobody tries to reach it any more. A member that still runs will be back.',
    [...CLIENT_FLAGS, yes('prune', 'Take the member off the list altogether.')],
  ),
}
