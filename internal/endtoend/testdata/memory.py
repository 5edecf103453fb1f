def echo(*args):
    return list(args)


def hold(mib):
    """Takes so much memory, and touches all of it."""
    return len(b"x" * (mib << 20))


def text(kib):
    return "x" * (kib << 10)
