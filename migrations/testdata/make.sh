#!/usr/bin/env bash
# Writes ledger.vN.sql: what the whipper of a commit leaves in a ledger of its schema, N, when it gets SIGKILL. It needs git, go and
# python3. A schema that is not the newest any more has such a file:
#
#	migrations/testdata/make.sh 6a010de   # schema 1
#	migrations/testdata/make.sh 0360c57   # schema 2
#	migrations/testdata/make.sh 23a3a6e   # schema 3
#	migrations/testdata/make.sh 04c5c22   # schema 4
set -euo pipefail

commit=${1:?a commit is wanted, as make.sh v0.1.0}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
supervisor=
trap 'if test "$supervisor"; then kill -9 "$supervisor"; fi 2>/dev/null || true; git -C "$here" worktree remove --force "$scratch/source"; rm -rf "$scratch"' EXIT

git -C "$here" worktree add --quiet --detach "$scratch/source" "$commit"
(cd "$scratch/source" && go build -o "$scratch/whipper" ./cmd/whipper)
cp "$here/tasks.py" "$scratch"
cd "$scratch"
mkdir runs
export WHIPPER_DIR=state RUNS=runs
w=./whipper
has() { "$w" "$1" "${@:3}" --help 2>&1 | grep -e "$2" >/dev/null; } # a command and its flag, or its subcommand

"$w" exec --min-workers 3 --max-workers 3 --max-concurrent-calls 1 tasks.py 2>exec.log &
supervisor=$!
until grep -q 'is ready' exec.log; do kill -0 "$supervisor"; sleep 0.05; done

exec 2>"$scratch/said" # by submit --wait
"$w" call echo '"called"' >/dev/null
"$w" submit --wait --key once --label for=docs --priority 5 echo '"done"' >/dev/null
"$w" submit --wait repeat '"large "' 300 >/dev/null # more than a row takes
"$w" submit --wait --max-attempts 1 fail '"no paper"' >/dev/null 2>&1 || true
"$w" call fail '"no ink"' >/dev/null 2>&1 || true
# What runs when it is killed, with all workers at it.
"$w" submit --max-attempts 3 hang '"again"' >/dev/null
"$w" submit --at-most-once hang '"at-most-once"' >/dev/null
"$w" call --timeout 1h hang '"call"' >/dev/null 2>&1 &
until test -e runs/again && test -e runs/at-most-once && test -e runs/call; do sleep 0.05; done
# What is queued, a call at last.
queued=4
"$w" submit --key later --label for=docs echo '"queued"' >/dev/null
"$w" submit --priority -5 echo "\"$(printf 'x%.0s' {1..2000})\"" >/dev/null
"$w" submit --delay 36500d echo '"in a hundred years"' >/dev/null
if has submit --concurrency-key; then
	"$w" submit --concurrency-key one echo '"first of one"' >/dev/null
	"$w" submit --concurrency-key one echo '"second of one"' >/dev/null
	queued=6
fi
if has pool --method pause; then "$w" pool pause --method paused >/dev/null; fi
if has schedule add; then "$w" schedule add nightly '0 3 1 1 *' echo '"nightly"' >/dev/null; fi
"$w" call --timeout 1h echo '"nobody waits for it"' >/dev/null 2>&1 &
until "$w" pool status --json | grep "\"queued\":$queued" >/dev/null; do sleep 0.05; done

kill -9 "$supervisor"
wait "$supervisor" 2>/dev/null || true
supervisor=
python3 - "$here" "$commit" <<'PYTHON'
import sqlite3
import sys

here, commit = sys.argv[1:]
db = sqlite3.connect("state/ledger.db")
(version,) = db.execute("SELECT max(version_id) FROM goose_db_version").fetchone()
(application,) = db.execute("PRAGMA application_id").fetchone()
with open(f"{here}/ledger.v{version}.sql", "w", encoding="utf-8") as file:
    print(f"-- Written by migrations/testdata/make.sh {commit}", file=file)
    print(f"PRAGMA auto_vacuum = INCREMENTAL;\nPRAGMA application_id = {application};", file=file)
    for statement in db.iterdump():
        print(statement, file=file)
    print("PRAGMA journal_mode = WAL;", file=file)
print(f"ledger.v{version}.sql")
PYTHON
