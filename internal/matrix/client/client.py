import asyncio
import json
import sys

import whipper


async def invoke(client, c):
    told = []
    task = None

    def progress(update):
        told.append(update.value)
        if c.get("cancelOn"):
            task.cancel()

    args, options = arguments(c)
    if "timeoutMs" in c:
        options["timeout"] = c["timeoutMs"] / 1000
    task = asyncio.ensure_future(client.invoke(c["method"], *args, progress=progress, **options))
    try:
        return {"result": await task, "progress": told}
    except asyncio.CancelledError:
        return {"error": {"type": "cancelled"}, "progress": told}


async def submit(client, c):
    args, options = arguments(c)
    names = {"idempotencyKey": "idempotency_key", "priority": "priority", "maxAttempts": "max_attempts"}
    for name, value in c.get("options", {}).items():
        if name == "delayMs":
            options["delay"] = value / 1000
        else:
            options[names[name]] = value
    job = await client.submit(c["method"], *args, **options)
    return {"job": job.id, "duplicate": job.duplicate}


async def wait(client, c):
    job = await client.wait(c["job"])
    answer = {"state": job.state, "attempt": job.attempt}
    try:
        answer["result"] = job.value()
    except Exception as error:
        answer["error"] = describe(error)
    return answer


async def cancel(client, c):
    return {"count": await client.cancel(c["job"])}


def arguments(c):
    if isinstance(c["params"], dict):
        return [], {"kwargs": c["params"]}
    return c["params"], {}


def describe(error):
    remote = isinstance(error, whipper.RemoteError)
    return {
        "type": error.type if remote else type(error).__name__,
        "condition": isinstance(error, whipper.WhipperError) and not remote,
        "message": error.message if remote else str(error),
        "code": getattr(error, "code", None),
        "fields": getattr(error, "fields", None),
    }


async def serve(client, command, out):
    try:
        answer = await {"invoke": invoke, "submit": submit, "wait": wait, "cancel": cancel}[command["do"]](client, command)
    except Exception as error:
        answer = {"error": describe(error)}
    out.write(json.dumps({"id": command["id"], **answer}) + "\n")
    out.flush()


async def main():
    loop = asyncio.get_running_loop()
    async with whipper.AsyncClient() as client, asyncio.TaskGroup() as tasks:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            tasks.create_task(serve(client, json.loads(line), sys.stdout))


asyncio.run(main())
