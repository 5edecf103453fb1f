"""What the Python peers call. Each answer tells what was asked, so that it can be checked."""


def echo(value: int) -> int:
    """Gives back what it gets."""
    return value


def spin(seed: int) -> int:
    """About 2 ms of arithmetic: a xorshift generator's state after so many rounds from this seed."""
    state = seed | 1
    for _ in range(7_500):
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
    return state
