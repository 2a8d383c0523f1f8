"""A scenario for python3-consul: each step is told as one line of JSON, [name, what the package returned or raised].

usage: python_consul.py PORT; what must hold whoever answers is asserted here, all else is compared by who runs it."""
import json
import sys
import threading

import consul

PORT = int(sys.argv[1])
c = consul.Consul(port=PORT)


def plain(value):
    if isinstance(value, bytes):
        return 'bytes ' + value.hex()
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def told(name, ask, of=lambda value: value):
    """Asks, tells what came, and returns it. An index, which comes first in a pair, is each agent's own."""
    try:
        value = ask()
        shown = value
        if isinstance(value, tuple) and len(value) == 2 and str(value[0]).isdigit():
            shown = ['an index' if int(value[0]) > 0 else 0, of(value[1])]
        elif value is not None:
            shown = of(value)
    except (consul.ConsulException, ValueError, LookupError) as error:
        value, shown = None, {'raised': type(error).__name__, 'message': str(error)}
    print(json.dumps([name, plain(shown)]), flush=True)
    return value


def later(seconds, run):
    timer = threading.Timer(seconds, run)
    timer.start()
    return timer


def kv():
    other = consul.Consul(port=PORT)
    assert told('put', lambda: c.kv.put('py/a', 'one', flags=7)) is True
    index, found = told('get', lambda: c.kv.get('py/a'))
    assert found['Value'] == b'one' and found['Flags'] == 7
    told('put bytes', lambda: c.kv.put('py/bytes', bytes([0, 255, 128])))
    told('put nothing', lambda: c.kv.put('py/none', None))
    told('put signs', lambda: c.kv.put('py/a b/\u00e9?#%', 'z\u00fc'.encode()))
    told('get signs', lambda: c.kv.get('py/a b/\u00e9?#%'))
    told('get missing', lambda: c.kv.get('py/missing'))
    told('recurse', lambda: c.kv.get('py/', recurse=True))
    told('keys', lambda: c.kv.get('py/', keys=True))
    told('keys to a separator', lambda: c.kv.get('py/', keys=True, separator='/'))
    told('old index', lambda: c.kv.put('py/a', 'no', cas=1))
    told('right index', lambda: c.kv.put('py/a', 'two', cas=found['ModifyIndex']))
    index, _ = c.kv.get('py/a')
    # A blocking query that is woken, one whose time runs out, and one whose index is past.
    woken = later(0.05, lambda: other.kv.put('py/a', 'three'))
    told('woken', lambda: c.kv.get('py/a', index=index, wait='30s'))
    woken.join()
    index, _ = c.kv.get('py/a')
    again, _ = told('time is up', lambda: c.kv.get('py/a', index=index, wait='10ms'))
    assert again == index
    told('index is past', lambda: c.kv.get('py/a', index=1, wait='30s'))
    index, _ = c.kv.get('py/', recurse=True)
    woken = later(0.05, lambda: other.kv.delete('py/bytes'))
    told('woken by a deletion', lambda: c.kv.get('py/', recurse=True, index=index, wait='30s'))
    woken.join()
    told('stale', lambda: consul.Consul(port=PORT, consistency='stale').kv.get('py/a'))
    told('consistent', lambda: consul.Consul(port=PORT, consistency='consistent').kv.get('py/a'))
    told('other datacenter', lambda: c.kv.get('py/a', dc='nowhere'))
    told('too large', lambda: c.kv.put('py/large', 'x' * 600000))
    told('delete old index', lambda: c.kv.delete('py/a', cas=1))
    told('delete', lambda: c.kv.delete('py/a'))
    told('delete all', lambda: c.kv.delete('py/', recurse=True))
    told('all gone', lambda: c.kv.get('py/', recurse=True))


def sessions():
    first = told('create', lambda: c.session.create(name='py', ttl=3600, lock_delay=0, behavior='delete'))
    second = told('create another', lambda: c.session.create(lock_delay=0))
    told('info', lambda: c.session.info(first))
    told('renew', lambda: c.session.renew(first))
    # They come in the order of their ids, which are random.
    by_name = lambda found: sorted(found, key=lambda each: each['Name'])
    told('list', c.session.list, of=by_name)
    told('of a node', lambda: c.session.node('x'), of=by_name)
    assert told('acquire', lambda: c.kv.put('py/lock', 'me', acquire=first)) is True
    assert told('held', lambda: c.kv.put('py/lock', 'you', acquire=second)) is False
    told('who holds', lambda: c.kv.get('py/lock'))
    told('release', lambda: c.kv.put('py/lock', '', release=first))
    assert told('acquire then', lambda: c.kv.put('py/lock', 'you', acquire=second)) is True
    index, _ = c.kv.get('py/lock')
    freed = later(0.05, lambda: consul.Consul(port=PORT).session.destroy(second))
    _, lock = told('watch for the end of its holder', lambda: c.kv.get('py/lock', index=index, wait='30s'))
    freed.join()
    assert 'Session' not in lock
    c.kv.put('py/lock', 'me', acquire=first)
    told('destroy', lambda: c.session.destroy(first))
    told('deleted with it', lambda: c.kv.get('py/lock'))
    told('info of none', lambda: c.session.info(first))
    told('renew none', lambda: c.session.renew(first))
    told('acquire with none', lambda: c.kv.put('py/lock', 'x', acquire=first))
    told('create on no node', lambda: c.session.create(node='none'))


def agent():
    told('register', lambda: c.agent.service.register('py-web', service_id='py-1', address='10.0.0.1', port=80,
                                                      tags=['t'], check=consul.Check.ttl('1h')))
    told('pass', lambda: c.agent.check.ttl_pass('service:py-1', 'fine'))
    told('services', c.agent.services)
    told('checks', c.agent.checks)
    told('warn', lambda: c.agent.check.ttl_warn('service:py-1', 'so-so'))
    told('fail', lambda: c.agent.check.ttl_fail('service:py-1', 'broken'))
    told('check', lambda: c.agent.check.register('py-check', consul.Check.tcp('127.0.0.1', 1, '1h'), check_id='py-c',
                                                 notes='n', service_id='py-1'))
    told('http check', lambda: c.agent.check.register('py-http', consul.Check.http('http://127.0.0.1:1/', '1h', '1s', '2h')))
    told('checks again', c.agent.checks, of=lambda found: {
        name: [each['Name'], each['Status'], each['Notes'], each['ServiceName'], each.get('Type')]
        for name, each in found.items()})
    told('script check', lambda: c.agent.check.register('py-script', consul.Check.script('true', '1h')))
    told('pass none', lambda: c.agent.check.ttl_pass('none'))
    told('deregister check', lambda: c.agent.check.deregister('py-c'))
    told('deregister http', lambda: c.agent.check.deregister('py-http'))
    told('deregister none', lambda: c.agent.check.deregister('none'))
    told('service maintenance', lambda: c.agent.service.maintenance('py-1', 'true', 'why'))
    told('service maintenance over', lambda: c.agent.service.maintenance('py-1', 'false'))
    told('maintenance', lambda: c.agent.maintenance('true', 'all of it'))
    told('node check', c.agent.checks, of=lambda found: found['_node_maintenance'])
    told('maintenance over', lambda: c.agent.maintenance('false'))
    told('deregister', lambda: c.agent.service.deregister('py-1'))
    told('deregister none', lambda: c.agent.service.deregister('none'))
    told('self', c.agent.self, of=lambda found: [found['Config']['NodeName'], found['Member']['Status']])
    told('members', c.agent.members, of=lambda found: [each['Name'] for each in found])
    told('members of the WAN', lambda: c.agent.members(wan=True), of=lambda found: [each['Name'] for each in found])
    told('force leave', lambda: c.agent.force_leave('none'))
    told('leader', c.status.leader)
    told('peers', c.status.peers)
    told('raft', c.operator.raft_config, of=lambda found: [each['Leader'] for each in found['Servers']])


def catalog():
    service = {'Service': 'py-db', 'ID': 'py-db-1', 'Tags': ['master', 'v1'], 'Port': 5432}
    told('register', lambda: c.catalog.register('py-node', '10.1.1.1', service=service))
    told('register check', lambda: c.catalog.register('py-node', '10.1.1.1', check={
        'CheckID': 'c', 'Name': 'C', 'Status': 'warning', 'ServiceID': 'py-db-1'}))
    told('datacenters', c.catalog.datacenters)
    told('nodes', c.catalog.nodes, of=lambda found: [each['Node'] for each in found])
    # The agent's own coordinate comes by and by, and the order with it.
    told('near', lambda: c.catalog.nodes(near='x'), of=lambda found: sorted(each['Node'] for each in found))
    # Tags come in any order; the agent's own services come and go when it has told them.
    told('services', c.catalog.services, of=lambda found: sorted(found['py-db']))
    told('node', lambda: c.catalog.node('py-node'))
    told('node none', lambda: c.catalog.node('none'))
    told('service', lambda: c.catalog.service('py-db'))
    told('service tag', lambda: c.catalog.service('py-db', tag='none'))
    told('health', lambda: c.health.service('py-db'))
    told('passing', lambda: c.health.service('py-db', passing=True))
    told('tag', lambda: c.health.service('py-db', tag='v1'))
    told('checks', lambda: c.health.checks('py-db'))
    told('state', lambda: c.health.state('warning'), of=lambda found: [each for each in found if each['Node'] != 'x'])
    told('state none', lambda: c.health.state('unknown'))
    told('health of a node', lambda: c.health.node('py-node'))
    index, _ = c.health.service('py-db')
    other = consul.Consul(port=PORT)
    woken = later(0.05, lambda: other.catalog.register('py-node', '10.1.1.2'))
    told('woken', lambda: c.health.service('py-db', index=index, wait='30s'), of=lambda found: found[0]['Node']['Address'])
    woken.join()
    told('deregister service', lambda: c.catalog.deregister('py-node', service_id='py-db-1'))
    told('deregister', lambda: c.catalog.deregister('py-node'))
    told('gone', lambda: c.health.service('py-db'))


def more():
    made = told('query', lambda: c.query.create('consul', name='py-q', nearestn=2, ttl='5s', onlypassing=True))
    told('get', lambda: c.query.get(made['ID']))
    told('list', c.query.list)
    told('update', lambda: c.query.update(made['ID'], service='consul', name='py-', regexp='^py-(.*)$'))
    told('execute', lambda: c.query.execute('py-q', near='_agent', limit=1))
    told('explain', lambda: c.query.explain('py-q'))
    told('delete', lambda: c.query.delete(made['ID']))
    told('execute none', lambda: c.query.execute('nothing-like-it'))
    fired = told('fire', lambda: c.event.fire('py-event', 'body'))
    assert fired['Name'] == 'py-event'
    told('fire for some', lambda: c.event.fire('py-event', 'body', node='x', service='consul', tag='t'))
    told('coordinates', c.coordinate.nodes, of=lambda found: [each for each in found if each['Node'] != 'x'])
    told('of datacenters', c.coordinate.datacenters)


for part in (kv, sessions, agent, catalog, more):
    part()
