"""The runner: ``python3 <folder>/whipper/__main__.py SCRIPT [ARGS...]``, or ``python3 -m whipper SCRIPT [ARGS...]``.

The guard matters: multiprocessing's spawned children run this file once more, under another name.
"""

import sys

if __name__ == "__main__":
    # Python put this folder (or, with -m, the working folder) first on the path, where wire.py or task.py would hide
    # the user's modules of those names. What the user's script may import is settled by whipper.runner.
    if not sys.flags.safe_path:
        del sys.path[0]
    sys.path.insert(0, __file__.rpartition("/")[0].rpartition("/")[0] or "/")
    from whipper.runner import main

    sys.exit(main(sys.argv[1:]))
