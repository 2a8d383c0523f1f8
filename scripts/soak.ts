/**
 * Simulated storms for as long as one likes: `npm run soak -- --from 1 --count 10000`. Prints what happened in each
 * thousand, stops at the first broken promise, and tells it with as few faults as will do. `--shrink no` only tells the seed,
 * and goes on.
 */
import { parseArgs } from 'node:util'
import { type Outcome, simulate } from '../src/sim/run.ts'
import { shrink } from '../src/sim/shrink.ts'

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '10000' },
    shrink: { type: 'string', default: 'yes' },
  },
})
const from = Number(values.from)
const end = from + Number(values.count)
const REPORT_EVERY = 1000

const totals: Partial<Record<keyof Outcome['counts'], number>> = {}
let broken = 0
for (let seed = from; seed < end; seed++) {
  const { violation, counts } = await simulate({ seed })
  for (const [name, count] of Object.entries(counts)) {
    const key = name as keyof Outcome['counts']
    totals[key] = (totals[key] ?? 0) + count
  }
  if (counts.undecided > 0) console.log(`seed ${seed}: what clients saw could not be judged within bounds`)
  if (violation !== undefined) {
    broken++
    console.log(`seed ${seed}: ${violation}`)
    if (values.shrink === 'yes') {
      const short = await shrink({ seed })
      console.log(`with ${short.faults.length} faults: ${short.violation}`)
      for (const fault of short.faults) console.log(`  ${JSON.stringify(fault)}`)
      break
    }
  }
  if ((seed - from + 1) % REPORT_EVERY === 0) console.log(`${seed - from + 1} seeds, ${broken} broken: ${told()}`)
}
console.log(`done from ${from} to ${end - 1}, ${broken} broken: ${told()}`)
process.exitCode = broken > 0 ? 1 : 0

function told(): string {
  return Object.entries(totals)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}
