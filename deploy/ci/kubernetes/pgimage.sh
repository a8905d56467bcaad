#!/usr/bin/env bash
# pgimage.sh NAME prints an image of this machine's PostgreSQL as a tar archive: the
# server, its share folder, the libraries that it loads, and an entry point that reads
# the variables of the official image.
set -euo pipefail
pg=$(ls -d /usr/lib/postgresql/*/ | tail -1) d=$(mktemp -d)
trap 'rm -rf "$d"' EXIT
files=("${pg}bin/"{postgres,initdb,pg_isready,psql,pg_ctl,pg_dump,pg_restore} /bin/sh /bin/cat /bin/mkdir)
mapfile -t libs < <({ ldd "${files[@]}" "${pg}"lib/*.so 2>/dev/null || true; } | grep -oE '/[^ ]+\.so[^ ]*' | sort -u)
mkdir -p "$d"/root/{tmp,run,etc,var/run,usr/{bin,lib,lib64}}
chmod 1777 "$d"/root/{tmp,run}
printf 'root:x:0:0::/:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\n' >"$d/root/etc/passwd"
for f in bin lib lib64; do ln -s "usr/$f" "$d/root/$f"; done # a merged /usr, as on Debian
for f in "${files[@]}" "${libs[@]}" "${pg}lib" "${pg/lib/share}" /usr/share/zoneinfo /usr/lib/locale/C.utf8; do
  f=$(realpath -m "$(dirname "$f")")/$(basename "$f")
  [ -e "$f" ] || continue
  mkdir -p "$d/root$(dirname "$f")"
  cp -aL "$f" "$d/root$(dirname "$f")/"
done
cat >"$d/root/entrypoint" <<'END'
#!/bin/sh
# The part of the official image's entry point that the chart relies on.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-local=trust --auth-host=scram-sha-256 >/dev/null
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -w -o "-c listen_addresses= -k /tmp" start >/dev/null
  [ "$POSTGRES_DB" = postgres ] || psql -q -h /tmp -U "$POSTGRES_USER" -d postgres -c "CREATE DATABASE \"$POSTGRES_DB\""
  pg_ctl -D "$PGDATA" -w -m fast stop >/dev/null
fi
exec "$@" -D "$PGDATA" -c listen_addresses='*' -k /tmp
END
chmod 755 "$d/root/entrypoint"
tar -C "$d/root" --mtime @0 -cf "$d/layer.tar" .
cat >"$d/config.json" <<END
{"architecture": "$(go env GOARCH)", "os": "linux", "config": {"User": "999:999", "Env": ["PATH=${pg}bin:/usr/bin", "LANG=C.UTF-8"],
 "Entrypoint": ["/entrypoint"]},
 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum "$d/layer.tar" | cut -d' ' -f1)"]}}
END
echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$1\"], \"Layers\": [\"layer.tar\"]}]" >"$d/manifest.json"
tar -C "$d" -cf - manifest.json config.json layer.tar
