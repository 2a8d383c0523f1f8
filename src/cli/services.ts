/** `consul services`: registers services with the asked agent, and takes them away, by flags or by definition files. */
import type { ServiceDefinition } from '../api/agent.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { command, group, type Io } from './command.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'

const services = group(
  'consul services <subcommand> [options] [args]',
  `Registers services with the asked agent, and takes them away again.

    $ consul services register web.json
    $ consul services deregister web.json

Each subcommand has its own help.`,
)

const register = command({
  usage: 'consul services register [options] [FILE...]',
  about: `Registers one or more services with the asked agent: those of the files, or the one that the flags describe. Files are configuration files in HCL or JSON, with "service" or "services". The service stays until it is deregistered.

    $ consul services register web.json
    $ consul services register -name=web -port=8080 -tag=v1`,
  flags: [
    ...ALL_HTTP_FLAGS,
    { name: 'address', kind: 'string', help: "Address of the service; without one, the agent's." },
    { name: 'id', kind: 'string', help: 'Id of the instance; without one, its name.' },
    { name: 'kind', kind: 'string', help: 'Kind of the service, for proxies and gateways.' },
    {
      name: 'meta',
      kind: 'pairs',
      valueName: 'value',
      help: 'Metadata of the service, as key=value. May be repeated.',
    },
    { name: 'name', kind: 'string', help: 'Name of the service.' },
    { name: 'port', kind: 'int', help: 'Port of the service.' },
    { name: 'tag', kind: 'strings', help: 'A tag of the service. May be repeated.' },
    {
      name: 'tagged-address',
      kind: 'pairs',
      valueName: 'value',
      help: 'A further address of the service under a name, as name=address:port. May be repeated.',
    },
  ],
  async run(io, flags, args) {
    const { name = '' } = flags
    if (args.length === 0 && name === '') {
      return fail(io, 'Service registration requires at least one argument or flags.')
    }
    if (args.length > 0 && name !== '') {
      return fail(io, 'Service registration requires arguments or -id, not both.')
    }
    let definitions: ServiceDefinition[]
    try {
      definitions =
        args.length > 0
          ? await servicesOf(io, args)
          : [
              {
                Name: name,
                ID: flags.id,
                Kind: flags.kind,
                Address: flags.address,
                Port: flags.port,
                Tags: flags.tag,
                Meta: flags.meta,
                TaggedAddresses: flags['tagged-address'] && taggedAddresses(flags['tagged-address']),
              },
            ]
    } catch (error) {
      return fail(io, messageOf(error))
    }
    return withAgent(io, flags, 'Error registering services', async (consul) => {
      for (const service of definitions) {
        try {
          await consul.agent.registerService(service)
        } catch (error) {
          return fail(io, `Error registering service ${JSON.stringify(service.Name)}: ${messageOf(error)}`)
        }
        io.out(`Registered service: ${service.Name}`)
      }
      return 0
    })
  },
})

const deregister = command({
  usage: 'consul services deregister [options] [FILE...]',
  about: `Takes one or more services away from the asked agent, which must be the one where they were registered: those of the files, or the one that -id names.

    $ consul services deregister web.json db.json
    $ consul services deregister -id=web`,
  flags: [...ALL_HTTP_FLAGS, { name: 'id', kind: 'string', help: 'Id of the service. Not together with files.' }],
  async run(io, flags, args) {
    const { id = '' } = flags
    if (args.length === 0 && id === '') {
      return fail(io, 'Service deregistration requires at least one argument or -id.')
    }
    if (args.length > 0 && id !== '') {
      return fail(io, 'Service deregistration requires arguments or -id, not both.')
    }
    let ids: string[]
    try {
      ids = args.length > 0 ? (await servicesOf(io, args)).map((service) => service.ID || service.Name) : [id]
    } catch (error) {
      return fail(io, messageOf(error))
    }
    return withAgent(io, flags, 'Error deregistering services', async (consul) => {
      for (const each of ids) {
        try {
          await consul.agent.deregisterService(each)
        } catch (error) {
          return fail(io, `Error deregistering service ${JSON.stringify(each)}: ${messageOf(error)}`)
        }
        io.out(`Deregistered service: ${each}`)
      }
      return 0
    })
  },
})

class DefinitionError extends Error {
  override name = 'DefinitionError'
}

/** Every service of the files; what is odd about them is told. @throws Error that says so */
async function servicesOf(io: Io, paths: string[]): Promise<ServiceDefinition[]> {
  const { servicesOfFiles } = await import('./services-files.ts')
  try {
    const { services, warnings } = servicesOfFiles(paths)
    for (const warning of warnings) io.err(warning)
    return services
  } catch (error) {
    throw new DefinitionError(`Error: ${messageOf(error)}`, { cause: error })
  }
}

function taggedAddresses(given: Record<string, string>): ServiceDefinition['TaggedAddresses'] {
  return Object.fromEntries(
    Object.entries(given).map(([name, text]) => {
      const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text)
      if (match === null)
        throw new DefinitionError(`Invalid Tagged Address: ${JSON.stringify(text)} is not address:port`)
      return [name, { Address: match[1] ?? match[2] ?? '', Port: Number(match[3] ?? 0) }]
    }),
  )
}

function fail(io: Io, message: string): number {
  io.err(message)
  return 1
}

export const commands = { services, 'services register': register, 'services deregister': deregister }
