"""The server of the examples in the JSON-RPC 2.0 specification."""


def subtract(minuend, subtrahend):
    return minuend - subtrahend


def sum(*numbers):
    total = 0
    for n in numbers:
        total += n
    return total


def update(*numbers):
    return numbers


notify_hello = notify_sum = update


def get_data():
    return ["hello", 5]


def echo(*values):
    return values


def fail(message):
    raise ValueError(message)
