/** What comes of a question that no server could be asked, or a command that no log would take, since it is so long. */
import { ConsulError } from '../model/errors.ts'
import { MsgpackError } from '../wire/msgpack.ts'

/** @returns what to tell the asker; other errors as they are */
export function tooLarge(error: unknown): Error {
  if (!(error instanceof MsgpackError) || error.fault !== 'too-large') return error as Error
  return new ConsulError('too-large', 'Request body too large', { cause: error })
}
