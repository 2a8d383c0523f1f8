import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeLog } from '../base/log.ts'
import { type Life, live, type RunningAgent, type Signal } from './agent-life.ts'

/** A life whose agent, signals and timers the test plays. */
function play(
  options: { leaveOn?: Life['leaveOn']; agent?: Partial<RunningAgent>; fail?: string; starting?: Promise<void> } = {},
) {
  const seen: string[] = []
  const log = makeLog(
    'agent',
    ({ message, fields }) => seen.push([message, ...Object.values(fields)].join(' ')),
    () => 'info',
  )
  let signal: (signal: Signal) => void = () => {}
  let timeout: (() => void) | null = null
  let ran = () => {}
  const whenRunning = new Promise<void>((resolve) => {
    ran = resolve
  })
  const agent: RunningAgent = {
    async leave() {
      seen.push('(leave)')
    },
    async stop() {
      seen.push('(stop)')
    },
    async reload() {
      seen.push('(reload)')
    },
    ended: new Promise(() => {}),
    ...options.agent,
  }
  const code = live({
    log,
    leaveOn: options.leaveOn ?? { SIGINT: true, SIGTERM: false },
    async start() {
      await options.starting
      if (options.fail !== undefined) throw new Error(options.fail)
      return agent
    },
    running() {
      seen.push('(running)')
      ran()
    },
    onSignal(run) {
      signal = run
    },
    after(_ms, run) {
      timeout = run
      return () => {
        timeout = null
      }
    },
  })
  return {
    seen,
    code,
    whenRunning,
    signal: (name: Signal) => signal(name),
    timeUp: () => timeout?.(),
    armed: () => timeout !== null,
  }
}

/** Until all that can happen without a new event has happened. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

suite('a signal', () => {
  test('lets the agent leave, when it is told to, and the exit code is 0', async () => {
    const life = play()
    await life.whenRunning
    life.signal('SIGINT')
    assert.equal(await life.code, 0)
    assert.deepEqual(life.seen, [
      '(running)',
      'Caught interrupt',
      'Gracefully shutting down agent...',
      '(leave)',
      'Graceful exit completed',
      '(stop)',
      'Exit code 0',
    ])
    assert.equal(life.armed(), false)
  })
  test('without leaving it is exit code 1, and the agent is stopped all the same', async () => {
    const life = play()
    await life.whenRunning
    life.signal('SIGTERM')
    assert.equal(await life.code, 1)
    assert.deepEqual(life.seen, [
      '(running)',
      'Caught terminated',
      'Graceful shutdown disabled. Exiting',
      '(stop)',
      'Exit code 1',
    ])
  })
  test('a second one does not wait for the leave', async () => {
    const life = play({ agent: { leave: () => new Promise(() => {}) } })
    await life.whenRunning
    life.signal('SIGINT')
    await settle()
    life.signal('SIGTERM')
    assert.equal(await life.code, 1)
    assert.deepEqual(life.seen.slice(-3), ['Caught second signal, Exiting terminated', '(stop)', 'Exit code 1'])
  })
  test('a leave that takes too long is given up', async () => {
    const life = play({ agent: { leave: () => new Promise(() => {}) } })
    await life.whenRunning
    life.signal('SIGINT')
    await settle()
    life.timeUp()
    assert.equal(await life.code, 1)
    assert.deepEqual(life.seen.slice(-3), ['Timeout on graceful leave. Exiting', '(stop)', 'Exit code 1'])
  })
  test('a leave that fails is told, and waits for the time or another signal', async () => {
    const life = play({ agent: { leave: () => Promise.reject(new Error('no leader')) } })
    await life.whenRunning
    life.signal('SIGINT')
    await settle()
    assert.equal(life.seen.at(-1), 'Error on leave no leader')
    life.signal('SIGINT')
    assert.equal(await life.code, 1)
  })
  test('a further one does not wait for the stop', async () => {
    const life = play({ agent: { stop: () => new Promise(() => {}) } })
    await life.whenRunning
    life.signal('SIGTERM')
    await settle()
    life.signal('SIGTERM')
    assert.equal(await life.code, 1)
  })
  test('a hangup makes it read its configuration again', async () => {
    const life = play()
    await life.whenRunning
    life.signal('SIGHUP')
    await settle()
    assert.deepEqual(life.seen.slice(1), ['Caught hangup', 'Reloading configuration...', '(reload)'])
    life.signal('SIGTERM')
    assert.equal(await life.code, 1)
  })
  test('a configuration that cannot be read is told, and does not end it', async () => {
    const life = play({ agent: { reload: () => Promise.reject(new Error('data_dir cannot be empty')) } })
    await life.whenRunning
    life.signal('SIGHUP')
    await settle()
    assert.equal(life.seen.at(-1), 'Reload config failed data_dir cannot be empty')
    life.signal('SIGTERM')
    assert.equal(await life.code, 1)
  })
  test('two in one moment: none is lost', async () => {
    const life = play({ agent: { leave: () => new Promise(() => {}) } })
    await life.whenRunning
    life.signal('SIGINT')
    life.signal('SIGINT')
    assert.equal(await life.code, 1)
    assert.ok(life.seen.includes('Caught second signal, Exiting interrupt'))
  })
})

suite('without a signal', () => {
  test('a start that fails is exit code 1', async () => {
    const life = play({ fail: 'listen tcp 127.0.0.1:8500: bind: address already in use' })
    assert.equal(await life.code, 1)
    assert.deepEqual(life.seen, [
      'Error starting agent listen tcp 127.0.0.1:8500: bind: address already in use',
      'Exit code 1',
    ])
  })
  test('a signal during the start stops what was started', async () => {
    let started = () => {}
    const starting = new Promise<void>((resolve) => {
      started = resolve
    })
    const life = play({ starting })
    life.signal('SIGHUP')
    life.signal('SIGINT')
    await settle()
    started()
    assert.equal(await life.code, 1)
    assert.deepEqual(life.seen, [
      'Caught hangup',
      'Reload config failed cannot reload before agent started',
      'Caught interrupt',
      '(stop)',
      'Exit code 1',
    ])
  })
  test('a signal in the moment of the start is not lost', async () => {
    const life = play({ leaveOn: { SIGINT: false, SIGTERM: false } })
    life.signal('SIGINT')
    assert.equal(await life.code, 1)
    assert.ok(life.seen.includes('(stop)'))
  })
  test('an agent that has ended by itself is exit code 0', async () => {
    const life = play({ agent: { ended: Promise.resolve() } })
    assert.equal(await life.code, 0)
    assert.deepEqual(life.seen, ['(running)', '(stop)', 'Exit code 0'])
  })
})
