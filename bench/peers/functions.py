"""What a Python peer calls. Its answer tells what was asked, so that it can be checked."""


def echo(value: int) -> int:
    """Gives back what it gets."""
    return value
