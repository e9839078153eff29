#!/bin/sh
# Builds pjsua2 with high limits from the pjproject that Debian ships in its source package of asterisk, and lays it
# over the packaged wheel of a virtual environment:
#
#   build.sh install PYTHON   build if needed, then `import pjsua2` of that interpreter gives the own build
#   build.sh remove PYTHON    back to the wheel
#   build.sh fingerprint PYTHON   what an installed build is compared with
#
# Nothing of the machine's own apt configuration is changed: Debian sid's source index lives in the build folder. apt
# checks the index by Debian's key; the tarball has to have the hash below as well.
set -eu

# The pinned source. To move to another one set both (the hash stands in `apt-cache showsrc asterisk`).
VERSION="${PJPROJECT_VERSION:-1:22.10.1+dfsg+~cs6.17.60671434-1}"
SHA256="${PJPROJECT_SHA256:-6860c2f7604b4eee75f38151a9ef69774eb3f0c5286fc1d14bc1db2dc5a9e8aa}"
MIRROR="${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
TARBALL="${PJPROJECT_TARBALL:-}" # a copy already at hand, for machines without a network
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
DISK_MIB_MIN=700

HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
WORK="${PJSIP_WORK:-$ROOT/build/pjsip}"
PACKAGES="gcc g++ make patch xz-utils swig libssl-dev libopus-dev libsrtp2-dev libgsm1-dev libspeex-dev
 libspeexdsp-dev libsamplerate0-dev uuid-dev"

say() { echo "pjsip: $*"; }
stop() {
  echo "pjsip: $*" >&2
  echo "pjsip: nothing was installed; the engine that was there goes on." >&2
  exit 1
}

usage() {
  echo "usage: build.sh install|remove|fingerprint PYTHON" >&2
  exit 2
}

# What the result depends on: source, limits, this script, and the interpreter it is made for.
fingerprint() {
  { echo "$SHA256"; cat "$HERE/config_site.h" "$HERE/build.sh"; "$1" -c 'import sys; print(sys.version)'; } |
    sha256sum | cut -c1-16
}

site_packages() { "$1" -c 'import sysconfig; print(sysconfig.get_path("platlib"))'; }

need_tools() { # python
  [ "$(uname -s)" = Linux ] || stop "only Linux is supported; use the wheel."
  { command -v apt-get && command -v dpkg-query && [ -x /usr/lib/apt/apt-helper ]; } >/dev/null 2>&1 ||
    stop "apt was not found: the source comes from Debian by apt. Use the wheel, or a Debian or Ubuntu machine."
  missing=""
  for package in $PACKAGES; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -r "$KEYRING" ] || missing="$missing debian-archive-keyring"
  header=$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
  [ -r "$header" ] || missing="$missing $("$1" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')"
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || stop "packages are missing and only root may install them. As root:
  apt-get install --no-install-recommends$missing"
  say "installing$missing"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || say "the package lists could not all be renewed; trying with what is there"
  # shellcheck disable=SC2086  # the list is meant to be split
  apt-get install -y -qq --no-install-recommends $missing >"$WORK/apt.log" 2>&1 ||
    stop "apt-get install failed: $(tail -1 "$WORK/apt.log") (all of it in $WORK/apt.log)"
}

private_apt() { # command arguments…: apt with sid's source index and nothing else, all of it under $WORK/apt
  program=$1
  shift
  "$program" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$WORK/apt/parts" \
    -o Dir::State::lists="$WORK/apt/lists" -o Dir::Cache="$WORK/apt/cache" -o APT::Sandbox::User=root "$@"
}

fetch() { # leaves the checked tarball at $WORK/pjproject.tar.xz
  target="$WORK/pjproject.tar.xz"
  [ -z "$TARBALL" ] || cp "$TARBALL" "$target" || stop "$TARBALL cannot be read."
  if [ -r "$target" ] && echo "$SHA256  $target" | sha256sum --check --status; then return 0; fi
  [ -z "$TARBALL" ] || stop "$TARBALL does not have the SHA-256 $SHA256."
  mkdir -p "$WORK/apt/parts" "$WORK/apt/lists/partial" "$WORK/apt/cache/archives/partial"
  printf 'Types: deb-src\nURIs: %s\nSuites: sid\nComponents: main\nSigned-By: %s\n' "$MIRROR" "$KEYRING" \
    >"$WORK/apt/parts/sid.sources"
  say "asking $MIRROR for the source of asterisk $VERSION"
  private_apt apt-get update -qq >"$WORK/apt.log" 2>&1 || stop "sid's source index did not come: $(tail -1 "$WORK/apt.log")"
  line=$(private_apt apt-get source --print-uris --only-source "asterisk=$VERSION" 2>"$WORK/apt.log" |
    grep 'orig-Xpjproject') || {
    there=$(private_apt apt-cache showsrc asterisk 2>/dev/null | sed -n 's/^Version: //p' | tr '\n' ' ')
    stop "sid no longer has asterisk $VERSION; it has: ${there:-nothing}. Choose one with PJPROJECT_VERSION and
  PJPROJECT_SHA256 (then try the tests), or give the pinned tarball with PJPROJECT_TARBALL=FILE."
  }
  uri=$(echo "$line" | sed "s/^'\([^']*\)'.*/\1/")
  listed=${line##*SHA256:}
  [ "$listed" = "$SHA256" ] || stop "the index lists SHA-256 $listed for $uri, pinned is $SHA256."
  private_apt /usr/lib/apt/apt-helper download-file "$uri" "$target" "SHA256:$SHA256" >"$WORK/apt.log" 2>&1 ||
    stop "$uri did not come: $(tail -1 "$WORK/apt.log")"
}

alter() { # file before after: one place in the source
  [ "$(grep -c "$2" "$WORK/source/$1")" = 1 ] || stop "this pjproject is not the one expected: $1 has not one $2."
  sed -i "s/$2/$3/" "$WORK/source/$1"
}

compile() { # python folder: module and its licence go into the folder
  free=$(df -Pm "$WORK" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$DISK_MIB_MIN" ] || stop "$WORK has $free MiB free; $DISK_MIB_MIN are needed."
  source="$WORK/source"
  rm -rf "$source"
  mkdir -p "$source"
  tar -C "$source" --strip-components=1 -xf "$WORK/pjproject.tar.xz"
  cp "$HERE/config_site.h" "$source/pjlib/include/pj/config_site.h"
  # Debian leaves the bundled third-party code out: its libraries stand in, and this driver's place stays empty.
  : >"$source/pjmedia/src/pjmedia-audiodev/bdimad_dev.c"
  # The engine gives up looking for free RTP ports after so many taken ones in a row: long calls may hold more.
  alter pjsip/src/pjsua-lib/pjsua_media.c 'RTP_RETRY = 100$' 'RTP_RETRY = 1024'
  # It offers and takes real-time text beside each call, whose clock holds up every re-INVITE and BYE for 300 ms.
  alter pjsip/src/pjsua-lib/pjsua_call.c 'opt->txt_cnt = 1;' 'opt->txt_cnt = 0;'
  say "compiling with $(nproc) processors; the log is $WORK/build.log"
  (
    set -e
    cd "$source"
    CFLAGS="-O2 -DNDEBUG -fPIC" CXXFLAGS="-O2 -DNDEBUG -fPIC" ./configure --enable-epoll \
      --with-external-gsm --with-external-srtp --with-external-speex --disable-ilbc-codec --disable-g7221-codec \
      --disable-resample --enable-libsamplerate --disable-sound --disable-video --disable-v4l2 --disable-libyuv \
      --disable-libwebrtc --disable-ffmpeg --disable-sdl --disable-openh264 --disable-vpx --disable-upnp \
      --disable-opencore-amr --disable-silk --disable-bcg729 --disable-lyra
    make dep
    make -j"$(nproc)" lib
    cd pjsip-apps/src/swig/python
    make pjsua2_wrap.cpp
    # What its setup.py would do; that one needs setuptools, which a fresh environment lacks.
    flags() { make --no-print-directory -f helper.mak "$1"; }
    include=$("$1" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    suffix=$("$1" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
    mkdir -p "$2"
    # shellcheck disable=SC2046  # the lists are meant to be split
    g++ -shared $(flags cflags) -I"$include" pjsua2_wrap.cpp -o "$2/_pjsua2$suffix" \
      $(flags ldflags) $(flags libs | sed 's/^/-l/')
    strip "$2/_pjsua2$suffix"
    cp pjsua2.py "$source/COPYING" "$2"
  ) >"$WORK/build.log" 2>&1 || stop "the build failed; the last lines:
$(tail -5 "$WORK/build.log")"
  rm -rf "$source"
}

install() { # python
  site=$(site_packages "$1")
  mark=$(fingerprint "$1")
  if grep -qs "^fingerprint $mark\$" "$site/pjsip_own/BUILD"; then
    say "the own build is installed and current; nothing to do."
    return 0
  fi
  mkdir -p "$WORK"
  if [ ! -r "$WORK/$mark/pjsua2.py" ]; then
    need_tools "$1"
    fetch
    rm -rf "$WORK/made"
    compile "$1" "$WORK/made"
    mv "$WORK/made" "$WORK/$mark"
  fi
  version=$(PYTHONPATH="$WORK/$mark" "$1" -c 'import pjsua2; print(pjsua2.Endpoint().libVersion().full)') ||
    stop "the module was built but cannot be imported."
  printf 'pjproject %s of asterisk %s\nfingerprint %s\n' "$version" "$VERSION" "$mark" >"$WORK/$mark/BUILD"
  rm -rf "$site/pjsip_own"
  cp -R "$WORK/$mark" "$site/pjsip_own"
  # Ahead of site-packages, where the wheel stays: pip neither overwrites this nor misses that.
  echo 'import sys; sys.path.insert(0, "%s/lib/python%d.%d/site-packages/pjsip_own" % (sys.prefix, *sys.version_info[:2]))' \
    >"$site/pjsip_own.pth"
  say "pjproject $version is installed into $site; restart Callbench to use it. Back to the wheel: make pjsip-remove"
}

remove() { # python
  site=$(site_packages "$1")
  rm -rf "$site/pjsip_own" "$site/pjsip_own.pth"
  say "the packaged wheel is in use again; restart Callbench."
}

[ $# = 2 ] || usage
[ -x "$2" ] || stop "$2 is no Python interpreter; run make setup first."
case $1 in
install) install "$2" ;;
remove) remove "$2" ;;
fingerprint) fingerprint "$2" ;;
*) usage ;;
esac
