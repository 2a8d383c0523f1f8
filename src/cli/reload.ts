/** `consul reload`: an agent reads its configuration again. */
import { notBuilt } from './command.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

export const commands = {
  reload: notBuilt(
    'consul reload',
    'Makes the asked agent read its configuration files again. Services, checks, tokens, certificates and a few more settings change so; the others need a restart.',
    CLIENT_FLAGS,
  ),
}
