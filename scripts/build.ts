/**
 * Builds what is published: `dist/` with a bundle for each face of the package and for the command, and the types.
 *
 * A checkout never needs this, since Node.js runs its TypeScript as it stands. The bundle is for users: an agent that is
 * loaded from a few files instead of some two hundred starts in half the processor time and holds less memory.
 */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'

const ROOT = resolve(import.meta.dirname, '..')
const OUT = join(ROOT, 'dist')

/**
 * An `import` of one of Node's own modules evaluates all that it exports, and some exports load half of Node: `node:http`
 * its fetch, `node:fs` its promises and streams. The bundle asks for the module itself and takes only the names it uses:
 * esbuild drops those that nobody imports.
 */
const builtins: Plugin = {
  name: 'builtins',
  setup(context) {
    context.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin', sideEffects: false }))
    context.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => /^[\w$]+$/.test(name))
      const picks = names
        .filter((name) => name !== 'default')
        .map((name, i) => `const pick${i} = /* @__PURE__ */ pick('${name}'); export { pick${i} as ${name} }`)
      return {
        contents: [
          `const pick = (name) => process.getBuiltinModule('${path}')[name]`,
          ...picks,
          `export default /* @__PURE__ */ process.getBuiltinModule('${path}')`,
        ].join('\n'),
      }
    })
  },
}

rmSync(OUT, { recursive: true, force: true })
execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', join(ROOT, 'tsconfig.build.json')], { stdio: 'inherit' })
await build({
  entryPoints: ['index', 'testing', 'api/index', 'cli/main'].map((name) => join(ROOT, 'src', `${name}.ts`)),
  outdir: OUT,
  outbase: join(ROOT, 'src'),
  bundle: true,
  // What is imported when it is needed (a command, the data directory's engine) stays in files of its own.
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node22',
  packages: 'external',
  plugins: [builtins],
  logLevel: 'warning',
})
