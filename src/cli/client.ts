/**
 * The API client as the command line uses it: configured by flags and environment, over `node:http` (which starts sooner
 * than `fetch`, and speaks to Unix sockets and with client certificates). Every command that asks an agent goes through
 * `withAgent`. Source of the rules: Consul's api/api.go (defaultConfig, NewClient).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Consul, connect } from '../api/index.ts'
import { parseGoBool, quoteGo } from '../base/go-flags.ts'
import { messageOf } from '../base/message-of.ts'
import type { Io } from './command.ts'
import type { HttpFlagValues } from './http-flags.ts'
import { openError } from './input.ts'
import { nodeTransport, type TlsOptions } from './transport.ts'

type Environment = Io['env']

/** Flags or environment ask for something that cannot be. */
export class ClientConfigError extends Error {
  override name = 'ClientConfigError'
}

/**
 * Asks an agent, and says on standard error what went wrong: exit code 1.
 * @param failed what stands before the reason when the agent did not answer as hoped
 * @param unconnected what stands before the reason when it cannot even be asked
 */
export async function withAgent(
  io: Io,
  flags: HttpFlagValues,
  failed: string,
  ask: (consul: Consul) => Promise<number>,
  unconnected = 'Error connecting to Consul agent',
): Promise<number> {
  let consul: Consul
  try {
    consul = agentClient(flags, io.env, io.err)
  } catch (error) {
    io.err(`${unconnected}: ${messageOf(error)}`)
    return 1
  }
  try {
    return await ask(consul)
  } catch (error) {
    io.err(`${failed}: ${messageOf(error)}`)
    return 1
  }
}

/** @throws ClientConfigError */
function agentClient(flags: HttpFlagValues, env: Environment, warn: (line: string) => void): Consul {
  const address = splitAddress(flags['http-addr'] || env.CONSUL_HTTP_ADDR || '127.0.0.1:8500')
  const https = address.scheme === 'https' || readBool(env, 'CONSUL_HTTP_SSL', warn) === true
  const tls = https ? tlsOptions(flags, env, warn) : undefined
  if (!https) checkTlsFiles(flags, env)
  return connect({
    // The host of a Unix socket's URL is its path, escaped: only error messages show it.
    address: `${https ? 'https' : 'http'}://${address.socket === undefined ? address.rest : encodeURIComponent(address.socket)}`,
    token: readToken(flags, env),
    datacenter: flags.datacenter,
    namespace: flags.namespace ?? env.CONSUL_NAMESPACE,
    auth: readAuth(env),
    transport: nodeTransport({ socket: address.socket, tls }),
  })
}

function splitAddress(text: string): { scheme: string; rest: string; socket?: string } {
  const split = text.indexOf('://')
  if (split < 0) return { scheme: 'http', rest: text }
  const scheme = text.slice(0, split)
  const rest = text.slice(split + 3)
  if (scheme === 'http' || scheme === 'https') return { scheme, rest }
  if (scheme === 'unix') return { scheme, rest, socket: rest }
  throw new ClientConfigError(`Unknown protocol scheme: ${scheme}`)
}

function readToken(flags: HttpFlagValues, env: Environment): string | undefined {
  const token = flags.token ?? env.CONSUL_HTTP_TOKEN
  const file = flags['token-file'] ?? env.CONSUL_HTTP_TOKEN_FILE
  if (file === undefined || file === '') return token
  return readText(file, 'Error loading token file').trim() || token
}

function readAuth(env: Environment): { user: string; password: string } | undefined {
  const text = env.CONSUL_HTTP_AUTH
  if (text === undefined || text === '') return undefined
  const colon = text.indexOf(':')
  return colon < 0 ? { user: text, password: '' } : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function tlsOptions(flags: HttpFlagValues, env: Environment, warn: (line: string) => void): TlsOptions {
  const { caFile, caPath, certFile, keyFile } = checkTlsFiles(flags, env)
  const ca =
    caFile !== '' ? [readText(caFile, 'Error loading CA File')] : caPath !== '' ? readFolder(caPath) : undefined
  const name = flags['tls-server-name'] ?? env.CONSUL_TLS_SERVER_NAME ?? ''
  return {
    ca,
    cert: certFile === '' ? undefined : readText(certFile, ''),
    key: keyFile === '' ? undefined : readText(keyFile, ''),
    serverName: name.replace(/:\d*$/, '') || undefined,
    verify: readBool(env, 'CONSUL_HTTP_SSL_VERIFY', warn) !== false,
  }
}

/** Wrong TLS files are told even when plain HTTP is spoken. */
function checkTlsFiles(flags: HttpFlagValues, env: Environment) {
  const files = {
    caFile: flags['ca-file'] ?? env.CONSUL_CACERT ?? '',
    caPath: flags['ca-path'] ?? env.CONSUL_CAPATH ?? '',
    certFile: flags['client-cert'] ?? env.CONSUL_CLIENT_CERT ?? '',
    keyFile: flags['client-key'] ?? env.CONSUL_CLIENT_KEY ?? '',
  }
  if ((files.certFile === '') !== (files.keyFile === '')) {
    throw new ClientConfigError('both client cert and client key must be provided')
  }
  if (files.caFile !== '') readText(files.caFile, 'Error loading CA File')
  return files
}

function readFolder(path: string): string[] {
  try {
    return readdirSync(path).map((name) => readFileSync(join(path, name), 'utf8'))
  } catch (error) {
    throw new ClientConfigError(`Error loading CA Path: ${openError(error, path)}`)
  }
}

function readText(path: string, failed: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ClientConfigError(`${failed === '' ? '' : `${failed}: `}${openError(error, path)}`)
  }
}

function readBool(env: Environment, name: string, warn: (line: string) => void): boolean | undefined {
  const text = env[name]
  if (text === undefined || text === '') return undefined
  const value = parseGoBool(text)
  if (value === undefined) {
    const why = `strconv.ParseBool: parsing ${quoteGo(text)}: invalid syntax`
    warn(`${new Date().toISOString()} [WARN]  consul-api: could not parse ${name}: error="${why}"`)
    return name === 'CONSUL_HTTP_SSL_VERIFY' ? false : undefined
  }
  return value
}
