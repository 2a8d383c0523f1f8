/** Command lines about locks, watches, maintenance and reload, for the table of cli-commands.ts: each is compared word for word. */
import type { CliCommand } from './cli-commands.ts'

const LINES = `
lock
lock -n=0 a b
lock a
lock -timeout=-1s a b
lock -monitor-retry=-1 a b
lock -http-addr=127.0.0.1:1 a b
lock x/y echo hi
lock /x/y echo hi
lock -verbose x/y true
lock -verbose x//./y/../z true
lock -verbose -n=2 x/z false
lock -child-exit-code x/y exit 7
lock -child-exit-code -n=3 x/z exit 1
lock -n=3 x/z echo hi
lock -shell=false x/y nonexist
lock -shell=false x/y echo a b
lock x/y echo $CONSUL_LOCK_HELD
kv put -flags=7 taken/.lock x
lock taken true
lock -n=2 taken true
kv get -keys x
watch -type=foo
watch -type=key
watch -type=keyprefix
watch -type=service
watch -type=connect_roots
watch -type=agent_service
watch -type=checks -service=a -state=b
watch -type=service -service=web -passingonly=foo
watch -type=nodes -http-addr=127.0.0.1:1
watch -type=key -key=none
watch -type=keyprefix -prefix=none/
watch -type=services
watch -type=service -service=none -tag=a -tag=b -passingonly=true
watch -type=checks -state=critical
watch -type=checks -service=none
watch -type=services -stale
watch -type=key -key=none cat; echo $CONSUL_INDEX | grep -c .; exit 1
watch -type=key -key=none exit 3
watch -type=key -key=none kill -9 $$
watch -type=key -key=none -shell=false false
watch -type=key -key=none -shell=false nonexist
maint
maint -enable -disable
maint -reason=x
maint -service=x
maint -enable -service=none
maint -disable -service=none
maint -enable -reason=why
maint -enable
maint
maint -disable
maint -disable
maint
services register -name=tended -port=80
maint -enable -service=tended
maint
maint -disable -service=tended
services deregister -id=tended
maint -http-addr=127.0.0.1:1
reload
reload -http-addr=127.0.0.1:1
join 1
join 127.1
join 256.1.1.1 1:8301
join 127.0.0.1:x
join 127.0.0.1:
join :8301
join 127.0.0.1/24
join 127.0.0.1:1 [::1]:1
join /127.0.0.1:1
join -wan 127.0.0.1:1
force-leave nobody
force-leave -prune nobody
kv put twice//cut v
kv get twice//cut
kv delete twice//cut
kv put ../above v
kv get a/../b
event -name=x -node=(
event -name=x -service=(
event -name=x -tag=t
monitor -log-level=x
rtt a
rtt a b
`

export const LIFE_COMMANDS: readonly CliCommand[] = LINES.trim()
  .split('\n')
  .map((line) => ({ args: line.split(' '), compare: 'all' }))
