import asyncio
import json
import sys

import common
import whipper


async def invoke(client, c):
    told = []
    task = None

    def progress(update):
        told.append(update.value)
        if c.get("cancelOn"):
            task.cancel()

    args, options = common.arguments(c)
    task = asyncio.ensure_future(client.invoke(c["method"], *args, progress=progress, **options))
    try:
        return {"result": await task, "progress": told}
    except asyncio.CancelledError:
        return {"error": {"type": "cancelled"}, "progress": told}


async def submit(client, c):
    args, options = common.arguments(c)
    job = await client.submit(c["method"], *args, **options)
    return {"job": job.id, "duplicate": job.duplicate}


async def wait(client, c):
    return common.outcome(await client.wait(c["job"]))


async def cancel(client, c):
    return {"count": await client.cancel(c["job"])}


async def serve(client, command, out):
    try:
        answer = await {"invoke": invoke, "submit": submit, "wait": wait, "cancel": cancel}[command["do"]](client, command)
    except Exception as error:
        answer = {"error": common.describe(error)}
    out.write(json.dumps({"id": command["id"], **answer}) + "\n")
    out.flush()


async def main():
    loop = asyncio.get_running_loop()
    async with whipper.AsyncClient() as client, asyncio.TaskGroup() as tasks:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            tasks.create_task(serve(client, json.loads(line), sys.stdout))


asyncio.run(main())
