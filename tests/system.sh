#!/bin/sh
# What the tests need of the system, beside Python: a browser, PostgreSQL, docker-compose, strace.
# Installs what is missing where it may (Debian, as root or with sudo that asks nothing);
# `--left-out` names what is still missing. With CI=true, leaving that out fails. `--bench` is about
# what `make bench` needs: PostgreSQL, and wrk, which sends it requests.

browser() { [ -x /usr/bin/chromium ] || command -v chromium >/dev/null; }
# the program that drives the browser comes with its Python package, and needs this library
driver() { [ "$(uname -s)" != Linux ] || PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -q 'libatomic\.so\.1'; }
database() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }
compose() { command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1; }
# where there is none, the shop is killed at points named in Python, between its writes
tracer() { [ "$(uname -s)" != Linux ] || command -v strace >/dev/null; }
load() { command -v wrk >/dev/null; }

missing=""
database || missing="$missing postgresql"
if [ "$1" = "--bench" ]; then
  load || missing="$missing wrk"
else
  browser || missing="$missing chromium"
  driver || missing="$missing libatomic1"
  compose || missing="$missing docker-compose"
  tracer || missing="$missing strace"
fi
if [ "$1" = "--left-out" ]; then
  # that takes the network and an account, so it is never a failure
  if [ -z "$SHOP_STRIPE_TEST_KEY" ]; then
    echo "Left out, because SHOP_STRIPE_TEST_KEY is not set: the tests that ask Stripe itself (CONTRIBUTING.md)."
  else
    echo "Left out: the tests that ask Stripe itself. Run them: .venv/bin/pytest -m stripe_live --no-cov -n 0"
  fi
  [ -z "$missing" ] && exit 0
  echo "Left out, because it is not installed:$missing (and every test that needs it)."
  [ -z "$CI" ] || exit 1
  exit 0
fi

[ -z "$missing" ] && exit 0

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if command -v apt-get >/dev/null && { [ -z "$as_root" ] || sudo -n true 2>/dev/null; }; then
  echo "Installing$missing with apt-get."
  $as_root apt-get update -qq
  # no cluster of its own: the tests start theirs and throw it away
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
exit 0
