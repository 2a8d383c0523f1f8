/** `consul keygen`: a fresh key for the encryption of gossip. */
import { randomBytes } from 'node:crypto'
import { command } from './command.ts'

const KEY_BYTES = 32

const keygen = command({
  usage: 'consul keygen',
  about: `Prints a new random key of ${KEY_BYTES} bytes in base 64: the form in which agents take it to encrypt their gossip.`,
  flags: [],
  async run(io) {
    io.out(randomBytes(KEY_BYTES).toString('base64'))
    return 0
  },
})

export const commands = { keygen }
