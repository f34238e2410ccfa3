#!/bin/sh
# gofmt has nothing to say of the sources, and go vet neither: style_test.sh
set -eu
cd "$(dirname "$0")/.."
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
  echo "gofmt would change: $unformatted"
  exit 1
fi
tests/go vet ./...
