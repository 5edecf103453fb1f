"""What is measured."""


def echo(value: object) -> object:
    """Gives back what it gets."""
    return value
