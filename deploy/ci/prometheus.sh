# Sourced: Prometheus and promtool out of Debian's package, of which nothing else
# is installed or started, so that the cases of the alerts are played and the
# profile "observability" can be tested. Puts them on the PATH; says so where that
# cannot be done.
get_prometheus() {
  command -v promtool >/dev/null && command -v prometheus >/dev/null && return 0
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/propersim/prometheus new
  if ! [ -x "$cache/prometheus" ]; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && new=$(mktemp -d) || return 1
    (
      cd "$new" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } &&
        dpkg-deb -x prometheus_*.deb . && mkdir -p "$cache" && mv usr/bin/promtool usr/bin/prometheus "$cache/"
    ) >/dev/null 2>&1
    rm -rf "$new"
  fi
  export PATH=$PATH:$cache
  promtool --version >/dev/null 2>&1
}
if get_prometheus; then
  promtool --version 2>&1 | sed -n 1p
else
  echo "promtool: SKIPPED: none to be had, the cases of the alerts are not played"
fi
