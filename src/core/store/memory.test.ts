import { memoryRows } from './memory.ts'
import { rowsSuite } from './rows.suite.ts'

rowsSuite('memory', async () => memoryRows())
