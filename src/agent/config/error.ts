/** Why an agent does not start: the one error of this folder. Its texts are those that Consul gives, where it has one. */

/** `help`: -h was given. `flags`: the command line cannot be read (usage follows). `refused`: what it says is not allowed. */
export type ConfigErrorCode = 'help' | 'flags' | 'refused'

export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly code: ConfigErrorCode
  constructor(message: string, code: ConfigErrorCode = 'refused') {
    super(message)
    this.code = code
  }
}

/** Several problems in one text, as go-multierror prints them. */
export function listProblems(problems: readonly string[]): string {
  const head = problems.length === 1 ? '1 error occurred:' : `${problems.length} errors occurred:`
  return `${head}\n${problems.map((problem) => `\t* ${problem}`).join('\n')}\n\n`
}
