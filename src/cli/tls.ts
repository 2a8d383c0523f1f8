/** `consul tls`: certificates for a cluster of one's own. */
import { group, notBuilt } from './command.ts'
import { text, texts, whole, yes } from './flag-kinds.ts'

export const commands = {
  tls: group(
    'consul tls <subcommand> <subcommand> [options]',
    `Makes a certificate authority for a cluster, and certificates for its agents.

    $ consul tls ca create
    $ consul tls cert create -server
    $ consul tls cert create -client

Each subcommand has its own help.`,
  ),
  'tls ca': group(
    'consul tls ca <subcommand> [options] filename-prefix',
    `Makes the certificate authority of a cluster.

    $ consul tls ca create`,
  ),
  'tls ca create': notBuilt(
    'consul tls ca create [options]',
    'Makes a certificate authority: a certificate and its key, each in a file of the current directory.',
    [
      texts(
        'additional-name-constraint',
        'A further domain that the authority may certify. With -name-constraint. May be repeated.',
      ),
      whole('days', 'For how many days the certificate is valid.', '1825'),
      text('domain', 'Domain of the cluster. With -name-constraint.', '"consul"'),
      yes(
        'name-constraint',
        'The authority certifies only localhost, -domain and what -additional-name-constraint adds. It cannot be widened later.',
      ),
    ],
  ),
  'tls cert': group(
    'consul tls cert <subcommand> [options] [filename-prefix]',
    `Makes certificates for the agents of a cluster.

    $ consul tls cert create -server
    $ consul tls cert create -client`,
  ),
  'tls cert create': notBuilt(
    'consul tls cert create [options]',
    'Makes a certificate that the authority of the current directory has signed, with its key: for a server, a client or the command line.',
    [
      texts('additional-dnsname', 'A further DNS name of the certificate, beside localhost. May be repeated.'),
      texts('additional-ipaddress', 'A further IP address of the certificate, beside 127.0.0.1. May be repeated.'),
      text('ca', "File with the authority's certificate.", '"#DOMAIN#-agent-ca.pem"'),
      yes('cli', 'For the command line.'),
      yes('client', 'For a client agent.'),
      whole('days', 'For how many days the certificate is valid.', '365'),
      text('dc', 'Datacenter of the server. With -server.', '"dc1"'),
      text('domain', 'Domain of the cluster. With -server.', '"consul"'),
      text('key', "File with the authority's key.", '"#DOMAIN#-agent-ca-key.pem"'),
      text('node', 'Name of the server: <node>.server.<datacenter>.<domain> becomes a DNS name of the certificate.'),
      yes('server', 'For a server.'),
    ],
  ),
}
