# Sourced: puts promtool on the PATH, so that the cases of the alerts are played.
# Where there is none it is taken out of Debian's package prometheus, of which
# nothing else is installed or started; says so where that cannot be done.
get_promtool() {
  command -v promtool >/dev/null && return 0
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/propersim/promtool new
  if ! [ -x "$cache/promtool" ]; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && new=$(mktemp -d) || return 1
    (
      cd "$new" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } &&
        dpkg-deb -x prometheus_*.deb . && mkdir -p "$cache" && mv usr/bin/promtool "$cache/"
    ) >/dev/null 2>&1
    rm -rf "$new"
  fi
  export PATH=$PATH:$cache
  promtool --version >/dev/null 2>&1
}
if get_promtool; then
  promtool --version 2>&1 | sed -n 1p
else
  echo "promtool: SKIPPED: none to be had, the cases of the alerts are not played"
fi
