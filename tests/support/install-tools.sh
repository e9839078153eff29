#!/bin/sh
# Installs the system tools of the tests (foreign phones, a browser) by apt, where root and apt allow. Without them
# the tests that need them are skipped, each with its reason.
set -eu
# An S3 server, in an environment of its own: its client library wants older packages than ours.
if [ ! -x .venv-s3/bin/moto_server ]; then
  echo "Installing a test S3 server into .venv-s3"
  .venv/bin/python -m venv .venv-s3 && .venv-s3/bin/python -m pip install -qq --disable-pip-version-check \
    moto==5.2.5 boto3==1.44.5 botocore==1.44.5 flask==3.1.3 flask-cors==6.0.5 py-partiql-parser==0.6.3 ||
    echo "It could not be installed: the tests of the object store will be skipped." >&2
fi
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need baresip baresip-core
need sipp sip-tester
need linphonec linphone-cli
need chromium chromium
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need initdb postgresql
fc-list 2>/dev/null | grep -qi 'emoji' || missing="$missing fonts-dejavu-core fonts-noto-color-emoji fontconfig"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  echo "Some test tools are not installed:$missing. Tests that need them will be skipped." >&2
  echo "On Debian or Ubuntu: sudo apt-get install --no-install-recommends$missing" >&2
  exit 0
fi
echo "Installing test tools:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # the list is meant to be split
apt-get install -y -qq --no-install-recommends $missing >/dev/null
