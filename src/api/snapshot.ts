/** The whole state of a datacenter as one archive. Neither way is it held in memory whole. */
import type { Index } from '../base/units.ts'
import { ApiError, bodyText, type Caller, type RequestOptions } from './client.ts'

export interface Snapshots {
  /**
   * @param options.stale any server may take it, of what it knows
   * @returns the archive's bytes as they come, and the index that it goes up to
   */
  save(options?: RequestOptions & { stale?: boolean }): Promise<{ index: Index; archive: AsyncIterable<Uint8Array> }>
  /** Replaces the whole state. */
  restore(archive: AsyncIterable<Uint8Array>, options?: RequestOptions): Promise<void>
}

export function makeSnapshots(caller: Caller): Snapshots {
  return {
    async save(options) {
      const response = await caller.send('GET', '/v1/snapshot', options, {}, undefined, true)
      if (response.status !== 200) throw new ApiError(response.status, bodyText(response))
      return { index: Number(response.header('X-Consul-Index') ?? 0), archive: response.chunks! }
    },
    async restore(archive, options) {
      const response = await caller.send('PUT', '/v1/snapshot', options, {}, archive)
      if (response.status !== 200) throw new ApiError(response.status, bodyText(response))
    },
  }
}
