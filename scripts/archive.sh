# Sourced by scripts/backup and scripts/restore: the archive of a site, several tar streams one after the other:
#   files/      .env, overrides, and what else COMPOSE_FILE names
#   secrets/    the directory DOORBUS_SECRETS
#   volumes/NAME/   people and records; not the broker's, which holds what is sent anew
source "$(dirname "${BASH_SOURCE[0]}")/containers.sh"

passphrase() {  # passphrase [--new]: into $passphrase, from PASSPHRASE_FILE or the terminal
  local again
  if [ -n "${PASSPHRASE_FILE:-}" ]; then
    IFS= read -r passphrase <"$PASSPHRASE_FILE" || [ -n "$passphrase" ] || fail "PASSPHRASE_FILE=$PASSPHRASE_FILE: it holds no passphrase"
    return
  fi
  [ -t 0 ] || fail "PASSPHRASE_FILE: name the file that holds the passphrase, because there is no terminal to ask for it"
  read -rsp "Passphrase: " passphrase && echo
  if [ "${1:-}" = --new ]; then
    read -rsp "Once more: " again && echo
    [ "$passphrase" = "$again" ] || fail "these were two passphrases"
  fi
}

vault() {  # vault seal|unseal FILE: in a container without a network, as this user
  local user folder
  user=$(id -u):$(id -g)
  if docker info --format '{{.SecurityOptions}}' | grep rootless >/dev/null; then user=0:0; fi
  folder=$(realpath "$(dirname "$2")")
  docker run --rm --interactive --network none --read-only --cap-drop ALL --memory 256m --user "$user" \
    --volume "$folder:/backup" --workdir /backup "doorbus:$(setting DOORBUS_TAG latest)" "$1" "$(basename "$2")"
}

in_volume() {  # in_volume NAME COMMAND...: runs it as the services' user where the volume is
  docker run --rm --interactive --network none --read-only --cap-drop ALL --memory 256m --volume "${project}_$1:/var/lib/doorbus" \
    --entrypoint "$2" "doorbus:$(setting DOORBUS_TAG latest)" "${@:3}"
}

COPY='
import os, pathlib, sqlite3, sys, tarfile, tempfile
home, name = pathlib.Path("/var/lib/doorbus"), sys.argv[1]
with tempfile.TemporaryDirectory(dir=home, prefix=".backup-") as aside, tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
    for path in sorted(home.rglob("*")):
        if not path.is_file() or ".backup-" in str(path) or path.name.endswith(("-wal", "-shm", "-journal")):
            continue
        given = path
        if path.suffix == ".db":  # whole, although somebody may be writing
            given = pathlib.Path(aside) / path.name
            with sqlite3.connect(path) as one, sqlite3.connect(given) as other:
                one.backup(other)
            other.close()
        tar.add(given, f"volumes/{name}/{path.relative_to(home)}", recursive=False)
'

kept_volumes() { docker compose --profile '*' config --volumes | grep -v '^broker$\|^guardian' | sort; }

archive() {  # writes the archive to standard output
  local one files=()
  [ ! -e .env ] || files+=(.env)
  IFS=$(setting COMPOSE_PATH_SEPARATOR :) read -r -a others <<<"$(setting COMPOSE_FILE compose.override.yaml)"
  for one in "${others[@]}"; do
    if [ -e "$one" ] && [ "$one" != compose.yaml ] && [[ $one != deploy/compose/* ]]; then files+=("$one"); fi
  done
  tar --create --owner 0 --group 0 --transform 's#^#files/#' -- "${files[@]}"
  tar --create --owner 0 --group 0 --directory "$secrets" --transform 's#^\.#secrets#' .
  for one in $(kept_volumes); do
    if docker volume inspect "${project}_$one" >/dev/null 2>&1; then in_volume "$one" python -c "$COPY" "$one" </dev/null; fi
  done
}
