"""A worker that serves HTTP too, on a socket that all workers share.

    whipper exec --listen tcp://127.0.0.1:8080 examples/web.py

GET /slow takes a while, to show that a request under way is finished when its worker is replaced.
"""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import whipper


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(0.5)
        body = f"process {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for the requests under way


server = Server(("", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = whipper.listeners()[0]
threading.Thread(target=server.serve_forever, daemon=True).start()


@whipper.on_shutdown
def stop():
    server.shutdown()  # accepts no more; the other workers do
    server.server_close()


def ping():
    return "pong"
