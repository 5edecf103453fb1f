"""Print the closing lines of the three test runners, then one line that adds them up.

Reads the output of `make test` from the file named on the command line. Exits 1 if a test failed or a runner never
reached its closing line.
"""

import re
import sys
from pathlib import Path

GO_PACKAGE = re.compile(r"^(ok|FAIL)\s+\S+/\S+\s")
GO_CLOSING = re.compile(r"^DONE (\d+) tests(?:, (\d+) skipped)?(?:, (\d+) failures?)?")
# gotestsum counts a package that did not build, or whose TestMain failed, as a failure without a test's name.
GO_PACKAGE_FAILURE = re.compile(r"^=== FAIL: \S+  \(")
NODE_CLOSING = re.compile(r"^(?:#|ℹ) (tests|pass|fail|cancelled|skipped|todo) (\d+)$")
PYTEST_CLOSING = re.compile(r"^=*\s*((?:\d+ \w+(?:, )?)+) in [\d.]+s")


def count(lines: list[str]) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """Return the lines worth repeating and, for each runner that finished, how many tests passed and failed."""
    kept: list[str] = []
    totals: dict[str, tuple[int, int]] = {}
    packages_failed = 0
    node: dict[str, int] = {}
    for line in lines:
        if GO_PACKAGE.match(line):
            kept.append(line)
        elif GO_PACKAGE_FAILURE.match(line):
            packages_failed += 1
        elif found := GO_CLOSING.match(line):
            kept.append(line)
            tests, skipped, failures = (int(n or 0) for n in found.groups())
            totals["go"] = (tests - skipped - (failures - packages_failed), failures)
        elif found := NODE_CLOSING.match(line):
            kept.append(line)
            node[found[1]] = int(found[2])
            totals["node"] = (node.get("pass", 0), node.get("fail", 0) + node.get("cancelled", 0))
        elif found := PYTEST_CLOSING.match(line):
            kept.append(line)
            words = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", found[1])}
            failures = sum(words.get(word, 0) for word in ("failed", "error", "errors"))
            totals["python"] = (words.get("passed", 0), failures)
    return kept, totals


def main() -> int:
    kept, totals = count(Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace").splitlines())
    print(*kept, sep="\n")
    unfinished = [runner for runner in ("go", "node", "python") if runner not in totals]
    if unfinished:
        print("no closing line from:", ", ".join(unfinished))
    passed = sum(p for p, _ in totals.values())
    failed = sum(f for _, f in totals.values())
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or unfinished else 0


if __name__ == "__main__":
    sys.exit(main())
