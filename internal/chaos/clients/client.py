"""A client of the chaos: does what comes on stdin, side by side, and answers on stdout; see program.go."""

import concurrent.futures
import json
import sys
import threading

import whipper

SECONDS = {"timeoutMs": "timeout", "delayMs": "delay"}
NAMES = {
    "idempotencyKey": "idempotency_key",
    "concurrencyKey": "concurrency_key",
    "maxAttempts": "max_attempts",
}


def options(given):
    """The members of a call or job, as the package has them."""
    found = {}
    for name, value in given.items():
        match name:
            case "method" | "params":
                pass
            case "backoff":
                found["backoff"] = whipper.Backoff(
                    base=value["baseMs"] / 1000,
                    factor=value["factor"],
                    cap=value["capMs"] / 1000,
                    jitter=value["jitter"],
                )
            case _ if name in SECONDS:
                found[SECONDS[name]] = value / 1000
            case _:
                found[NAMES.get(name, name)] = value
    return found


def submit(client, ask):
    job = client.submit(ask["job"]["method"], *ask["job"]["params"], **options(ask["job"]))
    return {"ids": [job.id], "duplicate": job.duplicate}


def batch(client, ask):
    return {"ids": client.request("job.submitBatch", {"jobs": ask["jobs"]})["ids"]}


def invoke(client, ask):
    call = client.future(ask["call"]["method"], *ask["call"]["params"], **options(ask["call"]))
    if "cancelAfterMs" in ask:
        timer = threading.Timer(ask["cancelAfterMs"] / 1000, call.cancel)
        timer.start()
    return {"result": call.result()}


def wait(client, ask):
    jobs = client.wait(ask["ids"], timeout=ask["timeoutMs"] / 1000)
    return {"jobs": [{"id": job.id, "state": job.state} for job in jobs]}


def request(client, ask):
    return {"result": client.request(ask["method"], ask["params"])}


def cancel(client, ask):
    return {"count": client.cancel(*ask["ids"])}


def retry(client, ask):
    return client.request("job.retry", {"ids": ask["ids"]})


COMMANDS = {f.__name__: f for f in (submit, batch, invoke, wait, request, cancel, retry)}
writing = threading.Lock()


def serve(client, ask):
    try:
        answer = COMMANDS[ask["do"]](client, ask)
    except (Exception, concurrent.futures.CancelledError) as error:
        answer = {
            "error": {
                "type": type(error).__name__,
                "code": getattr(error, "code", None) or 0,
                "message": str(error),
                "own": isinstance(error, whipper.WhipperError) and not isinstance(error, whipper.RemoteError),
            }
        }
    with writing:
        print(json.dumps({"id": ask["id"], **answer}), flush=True)


with whipper.Client() as client, concurrent.futures.ThreadPoolExecutor(16) as threads:
    print('{"id":0}', flush=True)  # it is connected
    for line in sys.stdin:
        threads.submit(serve, client, json.loads(line))
