/** `consul login` and `logout`: a token for somebody whom an auth method knows. */
import { notBuilt } from './command.ts'
import { pairs, text } from './flag-kinds.ts'
import { ALL_HTTP_FLAGS, CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

export const commands = {
  login: notBuilt(
    'consul login [options]',
    'Trades a bearer token, that an auth method accepts, for an ACL token, and writes that to a file.',
    [
      ...ALL_HTTP_FLAGS,
      text('bearer-token-file', 'File with the bearer token.'),
      pairs('meta', 'Metadata of the new token, as key=value. May be repeated.'),
      text('method', 'Name of the auth method.'),
      text('token-sink-file', 'File that the secret of the new token is written to.'),
      text('type', 'Type of the auth method, when the name alone does not tell.'),
    ],
  ),
  logout: notBuilt(
    'consul logout [options]',
    'Ends the token that "consul login" has made, which is the one this command asks with.',
    [...CLIENT_FLAGS, ...SERVER_FLAGS],
  ),
}
