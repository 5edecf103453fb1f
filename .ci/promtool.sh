#!/usr/bin/env bash
# Prints where promtool is: the one that is installed, or that of Debian's package prometheus, unpacked into the folder that is named. The package is
# not installed, since that would start a server. Prints nothing where it cannot be had.
set -euo pipefail

if command -v promtool; then
  exit
fi
cd "$1"
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo --non-interactive)
if ! { apt-get download prometheus || { "${as_root[@]}" apt-get update && apt-get download prometheus; }; } >&2; then
  echo "promtool.sh: Debian's package prometheus cannot be had here: promtool does not check /metrics" >&2
  exit
fi
dpkg-deb --fsys-tarfile prometheus_*.deb | tar --extract ./usr/bin/promtool
echo "$PWD/usr/bin/promtool"
