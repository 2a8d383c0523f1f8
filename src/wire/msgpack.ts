/**
 * The msgpack dialect of Go's go-msgpack 0.5.x as Consul 1.8 speaks it, value by value: one family for text and bytes,
 * the shortest integer form, floats never shortened (protocol/msgpack-dialect.md). How values make up a struct is
 * schema.ts's business; finding the end of a value on a stream is msgpack-stream.ts's.
 *
 * A reader never trusts a length or a count: both are held against the bytes that are left before anything is made.
 */
export { MsgpackError, type MsgpackFault } from './msgpack-format.ts'
export { DEPTH_MAX, FIELDS_FREE, Reader, setEntry } from './msgpack-reader.ts'
export { type Dialect, encodeWith, Writer } from './msgpack-writer.ts'
