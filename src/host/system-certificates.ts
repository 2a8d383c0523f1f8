/**
 * The certificates that this machine trusts, found where Go's programs look for them: Node carries a list of its own, and
 * what an administrator has added to the machine's must count. Source: Go's crypto/x509/root_unix.go and root_linux.go.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates } from 'node:tls'

/** The first that is there counts: Debian's, Red Hat's (6 and 7), SUSE's, OpenELEC's and Alpine's. */
const FILES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]
/** All that are there count. */
const FOLDERS = ['/etc/ssl/certs', '/etc/pki/tls/certs', '/system/etc/security/cacerts']

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const LINK = /^[0-9a-f]{8}\.\d+$/

/**
 * Reads without holding up the thread, and each time anew: whoever asks often remembers.
 * @returns PEM, each certificate once, though files and folders repeat each other three times over; none when none is found
 */
export async function systemCertificates(env: NodeJS.ProcessEnv = process.env): Promise<string[]> {
  if (process.platform === 'darwin' || process.platform === 'win32') return [...new Set(getCACertificates('system'))]
  const files = env.SSL_CERT_FILE ? [env.SSL_CERT_FILE] : FILES
  const folders = env.SSL_CERT_DIR ? env.SSL_CERT_DIR.split(':') : FOLDERS
  const found = new Set<string>()
  for (const file of files) if (await gather(file, found)) break
  for (const folder of folders) {
    for (const name of await namesIn(folder)) await gather(join(folder, name), found)
  }
  return [...found]
}

/** @returns false when the file cannot be read */
async function gather(file: string, found: Set<string>): Promise<boolean> {
  try {
    for (const [pem] of (await readFile(file, 'utf8')).matchAll(CERTIFICATE)) found.add(pem.replaceAll('\r', ''))
    return true
  } catch {
    return false
  }
}

/** Without OpenSSL's links by hash ("3513523f.0"), which stand beside what they name. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.filter((entry) => !(entry.isSymbolicLink() && LINK.test(entry.name))).map(({ name }) => name)
  } catch {
    return []
  }
}
