#!/usr/bin/env bash
# Shows whipper at work on real files: a pool of Python workers, then one of Node workers, each measuring a few hundred
# files as durable jobs. One worker is killed in the middle. Run by `make demo`; ends by itself and leaves nothing behind.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly FILES=300
readonly whipper=$PWD/bin/whipper
state=$(mktemp -d)
supervisor=

cleanup() {
  if [[ -n $supervisor ]]; then
    kill -KILL "$supervisor" 2>/dev/null || true
    wait "$supervisor" 2>/dev/null || true
  fi
  rm -rf "$state"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[[ -t 1 ]] || say() { printf '\n%s\n' "$*"; }

run() {
  printf '$ whipper %s\n' "$*"
  "$whipper" "$@"
}

# batch writes one job a line, for the largest source files or documents of this machine, or of this repository.
batch() {
  python3 - "$FILES" "$(go env GOROOT)/src" /usr/share/common-licenses /usr/share/doc "$PWD" <<'PYTHON'
import json
import os
import sys

wanted, folders = int(sys.argv[1]), sys.argv[2:]
for folder in folders:
    paths = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    sizes = {path: os.path.getsize(path) for path in paths if os.path.isfile(path) and os.access(path, os.R_OK)}
    chosen = sorted((path for path in sizes if 0 < sizes[path] < 1 << 20), key=sizes.get, reverse=True)[:wanted]
    if len(chosen) == wanted or folder == folders[-1]:
        break
for path in chosen:
    print(json.dumps({"method": "measure", "params": [path]}))
PYTHON
}

# start EXEC-ARGUMENTS… starts a supervisor and waits until its first worker is ready.
start() {
  printf '$ whipper exec %s &\n' "$*"
  mkfifo "$state/ready"
  "$whipper" exec --ready-fd 3 "$@" 3>"$state/ready" &
  supervisor=$!
  read -r _ <"$state/ready"
  rm "$state/ready"
}

stop() {
  say 'SIGTERM drains the supervisor.'
  kill -TERM "$supervisor"
  wait "$supervisor"
  printf 'exit code %d\n' $?
  supervisor=
}

# worker gives the process id of a worker that is running a job now.
worker() {
  "$whipper" pool status --json | python3 -c '
import json, sys
busy = [w["pid"] for w in json.load(sys.stdin)["workers"] if w.get("calls") and w.get("pid")]
print(busy[0] if busy else "")
'
}

# answers prints what the jobs of a run returned, in the order in which they were submitted.
answers() { "$whipper" wait $(cat "$state/ids"); }

batch >"$state/batch.ndjson"
count=$(wc -l <"$state/batch.ndjson")

say "Python: $count files, one durable job each."
export WHIPPER_DIR=$state/python
start --min-workers 2 --max-workers 2 examples/measure.py
printf '$ whipper submit --batch batch.ndjson --wait &\n'
"$whipper" submit --batch "$state/batch.ndjson" --wait >"$state/ids" &
submitter=$!

until pid=$(worker) && [[ -n $pid ]]; do :; done
say "SIGKILL for worker process $pid, which is running a job."
kill -KILL "$pid"

wait "$submitter"
say 'Nothing is lost: the job ran again, on a new process.'
hit=$("$whipper" ledger --json --limit "$count" | python3 -c '
import json, sys
jobs = [json.loads(line) for line in sys.stdin]
assert all(job["state"] == "succeeded" for job in jobs), "a job did not succeed"
print(next((job["id"] for job in jobs if job["attempt"] > 1), jobs[0]["id"]))
')
run ledger --limit 5
run ledger show "$hit"
run stats
answers >"$state/python.answers"
stop

say "Node: the same $count jobs."
export WHIPPER_DIR=$state/node
start --min-workers 2 --max-workers 2 examples/measure.mjs
printf '$ whipper submit --batch batch.ndjson --wait\n'
"$whipper" submit --batch "$state/batch.ndjson" --wait >"$state/ids"
run ledger --limit 3
run stats
answers >"$state/node.answers"
stop

say 'Both languages measured the same.'
python3 - "$state/python.answers" "$state/node.answers" <<'PYTHON'
import json
import sys

python, node = ([json.loads(line) for line in open(path)] for path in sys.argv[1:])
exact = ("path", "bytes", "lines", "words", "sha256")
assert len(python) == len(node) > 0, "the runs have different numbers of answers"
for a, b in zip(python, node):
    assert all(a[key] == b[key] for key in exact), f"{a} is not {b}"
print(
    f"{len(python)} files, {sum(a['bytes'] for a in python):,} bytes, {sum(a['lines'] for a in python):,} lines, "
    f"{sum(a['words'] for a in python):,} words, digests equal"
)
PYTHON
