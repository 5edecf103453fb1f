import whipper


def relay(*numbers):
    """Hands a follow-up job to the other pool."""
    with whipper.Client(pool="second") as client:
        return client.submit("add", *numbers).id


def flaky(path):
    """Fails as long as the file is not there."""
    try:
        open(path).close()
    except FileNotFoundError:
        open(path, "w").close()
        raise
    return "at last"
