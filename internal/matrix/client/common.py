"""What the programs of Client and AsyncClient have in common."""

import datetime

import whipper


def arguments(c):
    """The arguments of a command, and the options that the package has for its own."""
    options = {}
    if "timeoutMs" in c:
        options["timeout"] = c["timeoutMs"] / 1000
    for name, value in c.get("options", {}).items():
        match name:
            case "delayMs":
                options["delay"] = value / 1000
            case "expiresInMs":
                options["expires_at"] = datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=value)
            case "backoffMs":
                options["backoff"] = whipper.Backoff(base=value / 1000)
            case _:
                options[NAMES[name]] = value
    if isinstance(c["params"], dict):
        return [], {"kwargs": c["params"], **options}
    return c["params"], options


NAMES = {
    "idempotencyKey": "idempotency_key",
    "concurrencyKey": "concurrency_key",
    "priority": "priority",
    "maxAttempts": "max_attempts",
    "labels": "labels",
}


def outcome(job):
    answer = {"state": job.state, "attempt": job.attempt}
    try:
        answer["result"] = job.value()
    except Exception as error:
        answer["error"] = describe(error)
    return answer


def describe(error):
    remote = isinstance(error, whipper.RemoteError)
    return {
        "type": error.type if remote else type(error).__name__,
        "condition": isinstance(error, whipper.WhipperError) and not remote,
        "message": error.message if remote else str(error),
        "code": getattr(error, "code", None),
        "fields": getattr(error, "fields", None),
    }
