"""
Runs an OpenStack Swift of one disk, with its S3 API, in one process: what Debian's python3-swift has.

Usage: swift.py <folder> <access key id> <secret access key>
"""

import os
import sys

# This file is called as the package is.
sys.path.pop(0)

from swift.common import utils

utils.eventlet_monkey_patch()

import eventlet
from eventlet import wsgi
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

FOLDER, KEY_ID, SECRET = sys.argv[1:]
ACCOUNT, USER = KEY_ID.split(':')

SERVER = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""

PROXY = """
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper cache s3api tempauth copy proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:cache]
use = egg:swift#memcache
# Where nobody listens: each process of a cluster would need it, and this is one.
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
[filter:copy]
use = egg:swift#copy
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


def write(file_name, text, **values):
    path = os.path.join(FOLDER, file_name)
    with open(path, "w") as file:
        file.write(text.format(folder=FOLDER, **values))
    return path


def listen():
    return eventlet.listen(("127.0.0.1", 0))


def serve(socket, config):
    eventlet.spawn(wsgi.server, socket, loadapp(config), log_output=False)


def serve_storage(name):
    socket = listen()
    ring = RingBuilder(1, 1, 0)
    port = socket.getsockname()[1]
    ring.add_dev(dict(region=1, zone=1, ip="127.0.0.1", port=port, device="one", weight=1))
    ring.rebalance()
    ring.get_ring().save(os.path.join(FOLDER, name + ".ring.gz"))
    serve(socket, write(name + ".conf", SERVER, name=name))


os.makedirs(os.path.join(FOLDER, "devices", "one"), exist_ok=True)
write("swift.conf", "[swift-hash]\nswift_hash_path_suffix = tests\n")
utils.set_swift_dir(FOLDER)
for name in ("account", "container", "object"):
    serve_storage(name)
proxy = listen()
serve(proxy, write("proxy.conf", PROXY, account=ACCOUNT, user=USER, secret=SECRET))
print("Swift serves on port", proxy.getsockname()[1], flush=True)
while True:
    eventlet.sleep(3600)
