#!/usr/bin/env bash
# Looks for known vulnerabilities in all that this repository depends on, tools included. What is found is a failure; what cannot be asked is said
# and is none, for many machines reach the registries alone. Arguments are the Go packages to look at, instead of all.
#
# VULNDB is where Go's advisories are, a mirror or file:///FOLDER, instead of https://vuln.go.dev; npm asks the registry that it is set to.
set -u
cd "$(dirname "$0")/../.." || exit 1
python=${PYTHON:-.venv/bin/python}
report=$(mktemp) errors=$(mktemp)
trap 'rm -f "$report" "$errors"' EXIT
found=0

# verdict NAME CODE KIND: passed, found or neither, by what the tool says of itself.
verdict() {
	case $3 in
	passed) echo "$1: nothing is known" ;;
	found)
		cat "$report"
		echo "$1: vulnerabilities are known"
		found=1
		;;
	*) echo "not checked: $1: $(cat "$errors" "$report" | grep -v '^[[:space:]]*$' | head -n 1 | cut -c -200) (exit code $2)" ;;
	esac
}

# Of Go, that can be reached from this code.
go tool -modfile=internal/tools/go.mod govulncheck ${VULNDB:+-db "$VULNDB"} "${@:-./...}" >"$report" 2>"$errors"
code=$?
case $code in
0) kind=passed ;;
3) kind=found ;; # documented: the only code of a finding
*) kind=neither ;;
esac
verdict govulncheck $code $kind

# Of JavaScript: what the lock file names, which is for development alone.
(cd sdk-node && npm audit --json) >"$report" 2>"$errors"
code=$?
kind=neither
if grep -q '"auditReportVersion"' "$report"; then
	kind=found
	if [ $code = 0 ]; then kind=passed; fi
fi
verdict 'npm audit' $code $kind

# Of Python: what is installed for development. The package itself depends on nothing.
(cd sdk-python && "$python" -m pip_audit --local --skip-editable --progress-spinner off --format json) >"$report" 2>"$errors"
code=$?
kind=neither
if grep -q '"dependencies"' "$report"; then
	kind=found
	if [ $code = 0 ]; then kind=passed; fi
	skipped=$(grep -o '"skip_reason"' "$report" | wc -l)
	checked=$(grep -o '"vulns"' "$report" | wc -l)
	if [ "$checked" = 0 ]; then kind=neither && echo "no package was found in the index" >"$errors" && : >"$report"; fi
	if [ "$checked" != 0 ] && [ "$skipped" != 0 ]; then echo "not checked: pip-audit: $skipped of $((checked + skipped)) packages are not in the index"; fi
fi
verdict pip-audit $code $kind

exit $found
