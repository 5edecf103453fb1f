#!/bin/bash
# Installs Debian's Redis if it is missing and this is root, and leaves its service stopped. A peer without Redis skips its works.
set -euo pipefail

if command -v redis-server >/dev/null; then
  exit
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "redis.sh: no redis-server here, and it takes root and apt-get to install Debian's" >&2
  exit
fi
apt-get install -y redis-server >&2 || { apt-get update >&2 && apt-get install -y redis-server >&2; }
if [ -d /run/systemd/system ]; then
  systemctl disable --now redis-server >&2
else
  service redis-server stop >&2 || true # it may never have started
fi
