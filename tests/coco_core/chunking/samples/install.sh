#!/usr/bin/env bash
# Installs the tool.
set -euo pipefail
source ./lib.sh
. "./other.sh"

PREFIX="${PREFIX:-/usr/local}"
readonly VERSION=1
export MODE=fast

# Says it.
log() {
  local message="$1"
  echo "$message"
}

function fetch {
  curl "$1"
}

if [[ -n "$MODE" ]]; then
  main() ( log start; )
fi

log done
