"""A worker without an SDK that does what no worker should. It takes two calls at once."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time

out = sys.stdout.buffer
lock = threading.Lock()
reading = threading.Event()
reading.set()


def write(data):
    with lock:
        out.write(data)
        out.flush()


def answer(id, result):
    write(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}).encode() + b"\n")


def grandchild(script, **options):
    """Starts a shell and gives what it prints, its child's process id."""
    shell = subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    text = shell.stdout.readline() if shell.stdout else b""
    shell.wait()
    return text.decode().strip()


def call(id, method, params):
    if method == "echo":
        answer(id, params)
    elif method == "raw":  # answers with JSON that came as text, as it is
        write(b'{"jsonrpc":"2.0","id":%d,"result":%b}\n' % (id, params[0].encode()))
    elif method == "raw-error":
        write(b'{"jsonrpc":"2.0","id":%d,"error":{"code":7,"message":"no","data":%b}}\n' % (id, params[0].encode()))
    elif method == "frame":  # writes bytes that came in Base64, with its id for ID
        write(base64.b64decode(params[0]).replace(b"ID", b"%d" % id) + b"\n")
    elif method == "sized":  # answers with a frame of so many bytes
        head = b'{"jsonrpc":"2.0","id":%d,"result":"' % id
        write(head + b"y" * (params[0] - len(head) - 2) + b'"}\n')
    elif method == "half":  # of an answer, and the end
        write(b'{"jsonrpc":"2.0","id":%d,"result":1' % id)
        os._exit(0)
    elif method == "exit":
        print("out of", "paper", file=sys.stderr)
        sys.stderr.flush()
        os._exit(params[0])
    elif method == "kill":
        os.kill(os.getpid(), params[0])
    elif method == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif method == "deaf":  # reads no more, and does not end
        reading.clear()
    elif method == "stubborn":  # ends by nothing but SIGKILL
        time.sleep(1000)
    elif method == "hold-stdout":  # a child in a session of its own holds stdout, and the worker ends
        grandchild("sleep 60 &", start_new_session=True)
        os._exit(4)
    elif method == "daemon":  # a child in the group; answers with its process id
        answer(id, int(grandchild("sleep 1000 >/dev/null & echo $!", stdout=subprocess.PIPE)))
    elif method == "endless":  # so many MiB without a line end, then an answer
        with lock:
            for _ in range(params[0]):
                out.write(b"x" * (1 << 20))
            out.write(b"\n")
            out.flush()
        answer(id, "after all")
    elif method == "bytes":  # answers in single bytes
        with lock:
            for byte in json.dumps({"jsonrpc": "2.0", "id": id, "result": "y" * params[0]}).encode() + b"\n":
                os.write(1, bytes([byte]))
    elif method == "chatter":  # so many stray lines, a thousand every tenth of a second
        due = time.monotonic()
        for n in range(params[0] // 1000):
            write(b"".join(b"line %d of a program that prints what it does\n" % (1000 * n + i) for i in range(1000)))
            due += 0.1
            time.sleep(max(0.0, due - time.monotonic()))
        answer(id, params[0])
    else:
        write(json.dumps({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": method}}).encode() + b"\n")


signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin.buffer:
    message = json.loads(line)
    if message.get("method") == "bytes-of-params":
        begin, end = line.index(b'"params":') + 9, line.rindex(b',"meta":')
        answer(message["id"], line[begin:end].decode())
    elif message["method"] == "$/initialize":
        answer(message["id"], {"protocolVersion": 1, "concurrency": 2})
    elif "id" in message:
        args = (message["id"], message["method"], message.get("params"))
        threading.Thread(target=call, args=args, daemon=True).start()
    time.sleep(0.001)  # a call may have to say that nothing more is read
    reading.wait()
