#!/usr/bin/env bash
# Build the front end into workbench/lab/labextension; with --check, compare with what is committed.
set -euo pipefail
BIN=$(cd "${BIN:-$(dirname "$0")/../../.venv/bin}" && pwd)
cd "$(dirname "$0")"
BUILT=../../workbench/lab/labextension

if ! command -v node >/dev/null; then
  echo "Node is not here, so the built front end in workbench/lab/labextension is used as it is." >&2
  [ "${1:-}" = --check ] && exit 0
  echo "To build it anew, install Node 20.19 or newer." >&2
  exit 1
fi

old=$(mktemp -d)
trap 'rm -rf "$old"' EXIT
[ -d "$BUILT" ] && cp -R "$BUILT" "$old/built"

# yarn has a registry of its own unless told which one npm uses.
export YARN_NPM_REGISTRY_SERVER=${YARN_NPM_REGISTRY_SERVER:-$(npm config get registry 2>/dev/null)}
[ -d node_modules ] || "$BIN/jlpm" install --immutable
rm -rf lib
node_modules/.bin/tsc
PATH="$BIN:$PATH" "$BIN/jupyter-builder" build . \
  --core-package-file node_modules/@jupyterlab/core-meta/core.package.json

[ "${1:-}" = --check ] || exit 0
node_modules/.bin/prettier --check --log-level warn 'src/**/*.{ts,tsx}' 'style/*.css'
if ! diff -rq "$old/built" "$BUILT"; then
  rm -rf "$BUILT" && cp -R "$old/built" "$BUILT"
  echo "The built front end is not what the sources give. Run: make labextension, and commit it." >&2
  exit 1
fi
