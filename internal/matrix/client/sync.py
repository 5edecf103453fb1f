import concurrent.futures
import json
import sys
import threading

import common
import whipper


class GivenUp(Exception):
    """Leaves a call."""


def invoke(client, c):
    told = []

    def progress(update):
        told.append(update.value)
        if c.get("cancelOn"):
            raise GivenUp

    args, options = common.arguments(c)
    try:
        return {"result": client.invoke(c["method"], *args, progress=progress, **options), "progress": told}
    except GivenUp:
        return {"error": {"type": "cancelled"}, "progress": told}


def submit(client, c):
    args, options = common.arguments(c)
    job = client.submit(c["method"], *args, **options)
    return {"job": job.id, "duplicate": job.duplicate}


def wait(client, c):
    return common.outcome(client.wait(c["job"]))


def cancel(client, c):
    return {"count": client.cancel(c["job"])}


COMMANDS = {"invoke": invoke, "submit": submit, "wait": wait, "cancel": cancel}
writing = threading.Lock()


def serve(client, command):
    try:
        answer = COMMANDS[command["do"]](client, command)
    except Exception as error:
        answer = {"error": common.describe(error)}
    with writing:
        print(json.dumps({"id": command["id"], **answer}), flush=True)


with whipper.Client() as client, concurrent.futures.ThreadPoolExecutor() as threads:
    for line in sys.stdin:
        threads.submit(serve, client, json.loads(line))
