#!/usr/bin/env bash
# The whole line on this example: lock, Dockerfile, prediction; where Docker answers, also the image, twice.
# Usage: demo.sh FOLDER, with `cog` on the PATH. Works on a copy; all that is made stays in FOLDER.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$1" && mkdir -p "$1" && cd "$1"
demo=$PWD
cp -R "$here" project && cd project && rm -rf .cog

show() {
  printf '\n$ %s\n' "$*"
  "$@"
}

printf '# The lock is current: nothing is asked, no byte changes.\n'
show cog lock
show cog lock --check

printf '\n# The Dockerfile and its build context, from cog.yaml and cog.lock alone.\n'
show cog dockerfile -o "$demo/context"

printf '\n# The model on this machine, from the lock, without Docker.\n'
show cog predict --local -i image=@sample.png -o "$demo/result.json"
printf '\nThe text in sample.png:\n'
"${PYTHON:-python3}" - "$demo/result.json" << 'END'
import json, sys
for line in json.load(open(sys.argv[1]))["lines"]:
    print(f"  {line['score']:.2f}  {line['text']}")
END
printf 'The picture with boxes: %s\n' "$demo/result.picture.png"

if ! docker info > /dev/null 2>&1; then
  printf '\n# No Docker engine answers here, so `cog build` and `cog verify` are left out.\n'
  exit 0
fi

frontend=pinned
if [ -n "${ENGINE_REGISTRY:-}" ]; then
  printf '\n# The engine here has mirrors of its own, with other base images: the copy is locked against them.\n'
  export COG_REGISTRY_MIRROR=$ENGINE_REGISTRY COG_DEBIAN_SNAPSHOT=$ENGINE_DEBIAN_SNAPSHOT
  frontend=builtin
  show cog lock --upgrade-base --upgrade-apt
fi

printf '\n# The image, and twice more from nothing, compared bit for bit.\n'
show cog build --syntax "$frontend" -t cogfreeze-demo
show cog verify --syntax "$frontend"
show cog predict cogfreeze-demo -i image=@sample.png -o "$demo/from-image.json"
