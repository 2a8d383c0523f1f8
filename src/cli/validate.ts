/**
 * `consul validate`, and its name of old, `configtest`: reads configuration files as an agent would, and starts nothing.
 * What is right and wrong is the agent's own reading of them (agent/config).
 */
import { messageOf } from '../base/message-of.ts'
import { command, type Io } from './command.ts'
import { text, texts, yes } from './flag-kinds.ts'

const VALID = 'Configuration is valid!'

export const commands = {
  validate: command({
    usage: 'consul validate [options] FILE_OR_DIRECTORY...',
    about: `Reads configuration files, and those of directories, as an agent would, and tells what is wrong with them.

Give all the files that the agent is started with: what one of them leaves open, another may say. The exit code is 0 when an agent would start with them, else 1.`,
    flags: [
      text('config-format', "Read every file in this format, 'json' or 'hcl', whatever it ends in."),
      yes('quiet', 'Print nothing when all is well.'),
    ],
    async run(io, flags, paths) {
      const format = flags['config-format'] ?? ''
      if (paths.length === 0) return refuse(io, 'Must specify at least one config file or directory')
      if (!['', 'json', 'hcl'].includes(format)) return refuse(io, "-config-format must be either 'hcl' or 'json'")
      const args = [
        ...paths.map((path) => `-config-file=${path}`),
        ...(format === '' ? [] : [`-config-format=${format}`]),
      ]
      return validate(io, args, flags.quiet ?? false)
    },
  }),
  configtest: command({
    usage: 'consul configtest [options]',
    about:
      'Reads configuration files as an agent would, and tells what is wrong with them. "consul validate" has taken its place.',
    flags: [
      texts('config-dir', 'Directory of configuration files. May be repeated.'),
      texts('config-file', 'Configuration file. May be repeated.'),
    ],
    async run(io, flags) {
      const paths = [...(flags['config-file'] ?? []), ...(flags['config-dir'] ?? [])]
      if (paths.length === 0) return refuse(io, 'Must specify config using -config-file or -config-dir')
      return validate(
        io,
        paths.map((path) => `-config-file=${path}`),
        true,
      )
    },
  }),
}

function refuse(io: Io, why: string): number {
  io.err(why)
  return 1
}

async function validate(io: Io, args: string[], quiet: boolean): Promise<number> {
  const [{ loadConfig }, { nodeHost }, { makeLog }] = await Promise.all([
    import('../agent/config/build.ts'),
    import('../host/node.ts'),
    import('../base/log.ts'),
  ])
  const host = nodeHost(
    makeLog(
      'validate',
      () => {},
      () => 'error',
    ),
  )
  try {
    const { warnings } = loadConfig({ args, hostname: host.hostname(), interfaces: host.interfaces() })
    if (quiet) return 0
    for (const warning of warnings) io.err(warning)
    io.out(VALID)
    return 0
  } catch (error) {
    return refuse(io, `Config validation failed: ${messageOf(error)}`)
  }
}
