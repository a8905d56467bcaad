# Sourced: Python environments for the tests that want one, kept between runs
# while their requirements stay the same. Exports PROPERSIM_TEST_QDRANT_ENGINE
# (Qdrant's own engine, see services/retrieval/index/qdrant/enginetest) and
# PROPERSIM_TEST_PYTHON (examples/assistant_python); says so where one is not to
# be had. A variable that is set already stays.

# environment prints the interpreter of an environment with a requirements file.
environment() {
  local of=$1/requirements.txt cache=${XDG_CACHE_HOME:-$HOME/.cache}/propersim/python made new
  command -v python3 >/dev/null || { echo "no python3" >&2; return 1; }
  made=$cache/$({ python3 -VV; cat "$of"; } | sha256sum | cut -c1-16)
  if ! [ -x "$made/bin/python" ]; then
    mkdir -p "$cache" && new=$(mktemp -d "$cache/new.XXXXXX") || return 1
    if ! { python3 -m venv "$new" && "$new/bin/python" -m pip install -q --disable-pip-version-check -r "$of"; } >"$new/log" 2>&1; then
      tail -3 "$new/log" >&2
      rm -rf "$new"
      return 1
    fi
    chmod 755 "$new" # a container of another user looks into it
    # whole, or not there; another run may have been faster
    mv -T "$new" "$made" 2>/dev/null || rm -rf "$new"
  fi
  [ -x "$made/bin/python" ] && echo "$made/bin/python"
}

export_environment() { # VARIABLE FOLDER WHAT
  local found
  if [ -n "${!1:-}" ]; then
    echo "$3: $1=${!1}"
  elif found=$(environment "$2"); then
    export "$1=$found"
    echo "$3: $1=$found"
  else
    echo "$3: SKIPPED: no Python with $2/requirements.txt to be had"
  fi
}
export_environment PROPERSIM_TEST_QDRANT_ENGINE services/retrieval/index/qdrant/enginetest "Qdrant's engine"
export_environment PROPERSIM_TEST_PYTHON examples/assistant_python "the Python example"
