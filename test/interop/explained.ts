/** Where an answer differs from the real one's for a reason. Each entry says which, and what still holds. */
import type { RawAnswer } from './raw-http.ts'
import type { Request } from './requests.ts'

export interface Explained {
  /** Of `METHOD url`, before names are filled in. */
  request: RegExp
  reason: string
  /** What must be so for the reason to count. */
  holds?(ours: RawAnswer, theirs: RawAnswer, request: Request): boolean
  /** Headers that may differ, or be missing; all else must be equal. Without this, `holds` alone decides. */
  but?: RegExp
}

export const EXPLAINED: readonly Explained[] = [
  {
    request: /./,
    reason: 'the endpoint comes with a later issue, and says so',
    holds: (ours) => ours.status === 501 && ours.body.includes('is not built yet in Proconsul'),
  },
  {
    request: /./,
    reason: 'the real one stumbles over a null and hangs up; ours answers',
    holds: (ours, theirs, { body }) => theirs.status === 0 && ours.status > 0 && String(body).includes('null'),
  },
  {
    request: /^GET \/v1\/(health\/(ingress|connect)|catalog\/connect)\/.*cached/,
    reason: "the real one's cache takes what is asked of the mesh for the instances of a service",
    holds: (ours, theirs) =>
      theirs.body.includes('response type not correct') ||
      (ours.status === 200 && ours.body.length < 4 && theirs.headers.includes('X-Cache: HIT')),
  },
  {
    request: /^GET \/v1\/(health|catalog)\/.*(cached.*near|near.*cached)/,
    reason: 'in the cache of the real one, an answer sorted from one place serves those who asked from another',
    but: /^(X-Cache|Age): /,
  },
  {
    request: /^PUT \/v1\/coordinate\/update/,
    reason: 'the real one stumbles over a coordinate that is not there, and hangs up; ours refuses it',
    holds: (ours, theirs, { body }) => theirs.status === 0 && ours.status === 500 && !String(body).includes('Coord'),
  },
  {
    request: /^PUT /,
    reason: 'what is left of a body too long is read and thrown away, so that the connection need not be given up',
    holds: (_ours, _theirs, { body }) => (body?.length ?? 0) > 512 * 1024,
    but: /^Connection: close$/,
  },
  {
    request: /^(PUT|POST) \/v1\//,
    reason:
      'of a wrong type, ours names the type that was wanted, the real one spells out a nameless type of its decoder',
    holds: (ours, theirs) => {
      const upTo = (answer: RawAnswer) => answer.body.toString().split(' of type ')[0]
      return ours.status === theirs.status && theirs.body.includes('; *structs.Alias }') && upTo(ours) === upTo(theirs)
    },
  },
  {
    request: /^GET \/v1\/catalog\/datacenters/,
    reason: 'having refused a header or parameter, the real one goes on and sends the datacenters too',
    holds: (ours, theirs) => ours.status === 400 && theirs.body.toString().startsWith(ours.body.toString()),
  },
  {
    request: /^\w+ \/v1\/catalog\/node(-services)?\/sidecars$/,
    reason: 'the definition of a sidecar inside a service comes with the mesh',
    holds: (_, theirs) => theirs.body.includes('"SidecarService"'),
  },
  {
    request: /^\w+ \/(\?x|ui\/?)?$/,
    reason: 'the web UI, which dev mode shows, comes with a later issue',
    holds: (_, theirs) =>
      theirs.headers.includes('Location: /ui/') || theirs.body.includes('<title>') || theirs.status === 200,
  },
  {
    request: /^\w+ \/debug\/pprof\/(block|mutex|threadcreate|trace)/,
    reason: 'profiles of what Go has and Node has not',
    holds: (ours, theirs) => ours.status === 501 && theirs.status === 200,
  },
  {
    request: /^\w+ \/debug\/pprof\//,
    reason: 'two processes, of two languages: only that there is a profile, and of which type, is alike',
    holds: (ours, theirs) => {
      const head = ({ status, headers }: RawAnswer) => [
        status,
        ...headers.filter((line) => /^(content-(type|disposition|encoding)|vary|x-)/i.test(line)),
      ]
      return ours.status === 200 && head(ours).join() === head(theirs).join()
    },
  },
  {
    request: /^GET \/(v1|%76%31)\/agent\/(host|metrics)/,
    reason: 'the machine and the metrics change from moment to moment; shapes are compared in a test of their own',
    holds: (ours, theirs) => ours.status === 200 && theirs.status === 200,
  },
  {
    request: /^GET \/(v1|%76%31)\/agent\/self/,
    reason:
      'of DebugConfig and Stats, ours tells what it has: their names and shapes are compared in a test of their own',
    holds: (ours, theirs) => ours.status === 200 && theirs.status === 200,
  },
]
