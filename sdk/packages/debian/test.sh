#!/usr/bin/env bash
# Makes the Debian packages, looks at them, unpacks them into an empty root, and uses what is there and nothing else of
# the build: test.sh BUILD_DIR WORK_DIR MODEL. CPACK names the program.
set -euo pipefail
build=$1 work=$2 model=$3
command -v dpkg-shlibdeps >/dev/null || { echo "dpkg-shlibdeps not found"; exit 77; }
root=$work/root
rm -rf "$work"
mkdir -p "$root"
"${CPACK:-cpack}" -G DEB --config "$build/CPackConfig.cmake" -B "$work/packages" >"$work/cpack.log" 2>&1 ||
  { cat "$work/cpack.log"; exit 1; }
packages=("$work"/packages/*.deb)
((${#packages[@]} == 4)) || { echo "expected 4 packages, found ${packages[*]}"; exit 1; }
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error "${packages[@]}" | grep '^E:' && exit 1
else
  echo "lintian is not there: the packages were not checked by it"
fi

for package in "${packages[@]}"; do dpkg-deb -x "$package" "$root"; done
dpkg-deb -f "$work"/packages/libskein1_*.deb Depends | grep -q libtbb12 || { echo "libskein1 names no libraries"; exit 1; }
run=(env -i "PATH=/usr/bin:/bin" "HOME=$work")
"${run[@]}" "$root/usr/bin/skein" devices | grep '^reference '
"${run[@]}" "$root/usr/bin/skein" run -m "$model" -p 'And it came to pass' -n 16 --temp 0 --device reference
echo

# A host against the package for developers, where there is a compiler.
command -v c++ >/dev/null || exit 0
export PKG_CONFIG_PATH=$root/usr/lib/pkgconfig
read -ra flags < <(pkg-config --cflags --libs skein)
sed -n '/^```cpp$/,/^```$/p' "$(dirname "$0")/../../../bindings/cpp/README.md" | sed '/^```/d' >"$work/host.cc"
c++ -std=c++17 "$work/host.cc" -o "$work/host" "${flags[@]}" "-Wl,-rpath,$root/usr/lib"
"${run[@]}" "$work/host" "$model" | grep -q '[a-z]'
