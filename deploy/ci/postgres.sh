# Sourced: starts a throw-away PostgreSQL on a free loopback port and exports
# PROPERSIM_TEST_POSTGRES. Says so when there is none to be had. stop_postgres
# stops it again.
stop_postgres() { :; }
start_postgres() {
  if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
      apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null || return 1
    fi
  fi
  pg_bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1) && [ -n "$pg_bin" ] || return 1
  pg_dir=$(mktemp -d) && pg_port=$((20000 + RANDOM % 12000)) # below the ports of outgoing connections
  as_postgres() { if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$*"; else sh -c "$*"; fi; }
  [ "$(id -u)" != 0 ] || chown postgres "$pg_dir"
  as_postgres "$pg_bin/initdb -D $pg_dir/data -A trust -U propersim >/dev/null" || return 1
  as_postgres "$pg_bin/pg_ctl -D $pg_dir/data -w -o '-p $pg_port -c listen_addresses=127.0.0.1 -k $pg_dir' -l $pg_dir/log start >/dev/null" || return 1
  stop_postgres() { as_postgres "$pg_bin/pg_ctl -D $pg_dir/data -m immediate stop >/dev/null 2>&1" || true; rm -rf "$pg_dir"; }
  export PROPERSIM_TEST_POSTGRES="postgres://propersim@127.0.0.1:$pg_port/postgres?sslmode=disable"
}
if start_postgres; then
  echo "PostgreSQL at $PROPERSIM_TEST_POSTGRES"
else
  echo "no PostgreSQL to be had: its suites are skipped"
fi
