/** What every engine behind the port `Rows` must do; each engine's test runs it over itself. */
import { suite, test } from 'node:test'
import type { Rows } from './rows.ts'
import type { WithRows } from './rows-cases.suite.ts'
import { keptCases } from './rows-kept.suite.ts'
import { writtenCases } from './rows-written.suite.ts'

/** @param make opens an empty engine; the suite closes it */
export function rowsSuite(name: string, make: () => Promise<Rows>): void {
  const withRows: WithRows = (title, run) =>
    void test(title, async () => {
      const rows = await make()
      try {
        await run(rows)
      } finally {
        await rows.close()
      }
    })

  suite(`rows: ${name}`, () => {
    keptCases(withRows)
    writtenCases(withRows)
  })
}
