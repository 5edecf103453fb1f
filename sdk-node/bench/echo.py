"""What the Python worker of the bench serves."""


def echo(value):
    return value
