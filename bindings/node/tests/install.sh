#!/usr/bin/env bash
# Makes a folder as a user has it: install.sh FOLDER packs the package of this checkout and has npm install it into the
# empty folder. The tests are copied beside it, so that they find the package as any program does.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
rm -rf "$1"
mkdir -p "$1/packages"
"$here/package.sh" "$1/packages"
cd "$1"
echo '{ "name": "app", "private": true }' >package.json
npm install --offline --silent --no-audit --no-fund --no-update-notifier ./packages/skein-*.tgz
cp -r "$here/tests" .
