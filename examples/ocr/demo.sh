#!/usr/bin/env bash
# The whole line on this example, in a copy of its own: lock, Dockerfile, prediction; image where Docker answers.
# Usage: demo.sh FOLDER, with `cog` on the PATH. The copy and what is made of it stay in FOLDER.
set -euo pipefail

demo=$1
rm -rf "$demo" && mkdir -p "$demo" && cp -R "$(dirname "$0")/." "$demo" && cd "$demo"

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

printf '# Lock: already current, so nothing is asked and no byte changes. Check: offline.\n'
show cog lock
show cog lock --check

printf '\n# The Dockerfile and its context, from cog.yaml and cog.lock alone.\n'
show cog dockerfile -o context

printf '\n# The model, from the lock, on this machine: no Docker.\n'
show cog predict --local -i image=@sample.png -o result.json
printf '\nThe text in sample.png:\n'
python3 -c 'import json; print(*("  " + line["text"] for line in json.load(open("result.json"))["lines"]), sep="\n")'
printf 'The annotated picture: %s/result.picture.png\n' "$PWD"

if ! docker info > /dev/null 2>&1; then
  printf '\n# No Docker here: `cog build` and `cog verify` are left out.\n'
  exit 0
fi

options=()
if [ -n "${ENGINE_REGISTRY:-}" ]; then
  printf '\n# The engine here has mirrors of its own, with other base images: lock against them.\n'
  export COG_REGISTRY_MIRROR=$ENGINE_REGISTRY COG_DEBIAN_SNAPSHOT=$ENGINE_DEBIAN_SNAPSHOT
  options=(--syntax builtin)
  show cog lock --upgrade-base --upgrade-apt
fi
printf '\n# The image, twice from nothing, bit for bit.\n'
show cog build -t cogfreeze-demo "${options[@]}"
show cog verify "${options[@]}"
show cog predict cogfreeze-demo -i image=@sample.png -o from-image.json
