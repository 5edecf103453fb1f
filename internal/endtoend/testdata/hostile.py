"""A worker that puts what a terminal would obey wherever text can be, and has no SDK to keep it from that."""

import json
import sys

EVIL = "\x1b]0;pwned\x07\x9b31m\u202e\x7f\r\x00"


def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False), flush=True)


for line in sys.stdin:
    message = json.loads(line)
    method, id = message["method"], message.get("id")
    if method == "$/initialize":
        send(id=id, result={"protocolVersion": 1, "name": EVIL, "version": EVIL, "concurrency": 1, "methods": [{"name": EVIL}]})
    elif method == "$/shutdown":
        break
    elif id is not None:
        sys.stderr.buffer.write(EVIL.encode() + b" \x9b \x85\n")
        sys.stderr.flush()
        print("stray " + EVIL, flush=True)
        send(method="$/progress", params={"id": id, "value": {"progress": 1, "total": 2, "message": EVIL}})
        send(method="$/log", params={"id": id, "level": EVIL, "message": EVIL, "attributes": {EVIL: EVIL}})
        if method.startswith("crash"):
            sys.exit(1)
        if method.startswith("bad"):
            data = {"type": EVIL, "stack": EVIL, "fields": {EVIL: EVIL}, "retryable": False}
            send(id=id, error={"code": 7, "message": EVIL, "data": data})
        else:
            send(id=id, result={EVIL: [EVIL]})
