#!/usr/bin/env bash
# `meson install` gives a library with headers and pkg-config file, a man page and the named cases; the example of docs/
# is built against the library from outside the tree.
# usage: tests/e2e_install.sh PROGRAM BUILD SOURCE
build=$2 source=$3
# shellcheck source-path=SCRIPTDIR source=e2e.sh
source "$(dirname "$0")/e2e.sh" "$1"

option() {
  meson introspect --buildoptions "$build" |
    "$python" -c 'import json, sys; print({o["name"]: o["value"] for o in json.load(sys.stdin)}[sys.argv[1]])' "$1"
}
[[ $(option b_sanitize) == none ]] || skip 'a sanitized library needs a sanitized program'
prefix=$(option prefix)
check 'meson install' meson install -C "$build" --no-rebuild --destdir "$PWD/stage"
root=$PWD/stage$prefix
pc=$(dirname "$(find "$root" -name headflow.pc)")
library=$(dirname "$(find "$root" -name libheadflow.so)")
export PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$PWD/stage LD_LIBRARY_PATH=$library
check 'pkg-config knows headflow' pkg-config --exists headflow
# the packages' own folders are not staged: the sysroot is for headflow's alone
flags=$(pkg-config --cflags --libs headflow | sed "s|$PWD/stage/usr/include|/usr/include|g; s|$PWD/stage/usr/lib/|/usr/lib/|g")
# shellcheck disable=SC2086
check 'the example builds against the installed library' cc "$source/docs/example.c" $flags -lm -o example
check 'the example reaches its closed form' ./example
check 'the man page is installed' test -e "$root/share/man/man1/headflow.1"
check 'the named cases are installed' test -e "$root/share/headflow/cases/words.yaml"
finish
