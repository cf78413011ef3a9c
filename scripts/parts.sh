# Sourced by scripts/camera and scripts/door, which add a container to the site: what they share.
source "$(dirname "${BASH_SOURCE[0]}")/containers.sh"
OVERRIDE=compose.override.yaml

slug() { [[ $2 =~ ^[a-z0-9][a-z0-9_-]{0,63}$ ]] || fail "$1 $2: an id is a-z, 0-9, _ and -, at most 64 of them"; }

begin() {  # what must hold before anything is added
  need_docker
  need_files
  need_own_project
  need_settings
  [ -e "$secrets/site.key" ] || fail "DOORBUS_SECRETS=$secrets: there is no site yet; make one with: make up"
  if [ -z "$elsewhere" ] && ! reads_override && { [ -e "$OVERRIDE" ] || [ -n "${COMPOSE_FILE:-}" ]; }; then
    fail "COMPOSE_FILE=$(setting COMPOSE_FILE): add $OVERRIDE to it, because that is where it is written"
  fi
}

between=$(setting COMPOSE_PATH_SEPARATOR :)
reads_override() {  # whether Compose does
  case "$between$(setting COMPOSE_FILE "$OVERRIDE")$between" in *"$between$OVERRIDE$between"*) ;; *) false ;; esac
}

set_files() {  # set_files FILES: makes .env say COMPOSE_FILE=FILES
  local others
  others=$(grep -vE '^[[:space:]]*(export[[:space:]]+)?COMPOSE_FILE[[:space:]]*=' .env || true)
  printf '%s' "${others:+$others$'\n'}" >.env || fail ".env: cannot be written; may this user write there?"
  remember COMPOSE_FILE "$1"
}

user() {  # user NAME OPTION...: a user of the broker, unless an earlier try has made it
  [ -e "$secrets/users/$1" ] || make_secrets add "$@"
}

add() {  # add SECTION <<<LINES: puts lines below a section of the override, which may have been written by hand
  local lines
  lines=$(cat)
  if [ -e "$OVERRIDE" ] && grep -q "^$1:[[:space:]]*[^[:space:]#]" "$OVERRIDE"; then
    fail "$OVERRIDE: write $1 on a line of its own, and what is below it on the next ones"
  fi
  if [ -e "$OVERRIDE" ] && grep -q "^$1:" "$OVERRIDE"; then
    LINES_TO_ADD=$lines awk -v section="^$1:" '{ print } $0 ~ section { print ENVIRON["LINES_TO_ADD"] }' "$OVERRIDE" >"$OVERRIDE.new"
    mv "$OVERRIDE.new" "$OVERRIDE"
  else
    printf '%s:\n%s\n' "$1" "$lines" >>"$OVERRIDE"
    reads_override || set_files "$(setting COMPOSE_FILE)$between$OVERRIDE"
  fi
}

forget_override() {  # takes an override that says nothing away
  local files
  rm "$OVERRIDE"
  if scripts/setting COMPOSE_FILE >/dev/null && reads_override; then
    files=$between$(setting COMPOSE_FILE)$between
    files=${files/"$between$OVERRIDE$between"/"$between"} files=${files#"$between"}
    set_files "${files%"$between"}"
  fi
}

remove() {  # remove USER WHAT...: what `add` made for it: containers, lines, user, and what the broker keeps of WHAT; not its records
  local user=$1 what name
  need_docker
  need_files
  need_own_project
  [ -e "$secrets/users/$user" ] || fail "$user: there is no such user in $secrets/users"
  for name in "$user" "guardian-${user#actuator-}"; do
    [ ! -e "$OVERRIDE" ] || ! grep -q "^  $name:" "$OVERRIDE" || docker compose rm --stop --force "$name"
  done
  for what in "${user%%-*}/$user" "${@:2}"; do scripts/forget "$what"; done
  if [ -e "$OVERRIDE" ]; then
    awk -v names=" $user guardian-${user#actuator-} $user.crt $user.key " '
      /^  [^ #]/ { name = $1; sub(":.*", "", name); skip = index(names, " " name " ") }
      /^[^ ]/ { skip = 0 }
      !skip' "$OVERRIDE" >"$OVERRIDE.new"
    # A section without anything below it says nothing.
    awk '/^[a-z]+:[ \t]*$/ { held = $0; next } held != "" { if ($0 ~ /^ /) print held; held = "" } { print }' "$OVERRIDE.new" >"$OVERRIDE"
    rm "$OVERRIDE.new"
    [ -s "$OVERRIDE" ] || forget_override
  fi
  make_secrets revoke "$user"
  start
}

start() {  # start SERVICE...: starts what was added, after what has to know its user
  local one ids=()
  # shellcheck disable=SC2046  # ids have no spaces
  start_anew $(stale)
  [ $# -gt 0 ] || exit 0
  check "$@"
  docker compose up --detach --no-build --no-deps "$@"
  for one in "$@"; do ids+=("$(running "$one")"); done
  wait_well "${ids[@]}"
  doctor
  exit 0
}

# `grep -q` would end at the first line that it looks for, and what writes to it then fails for want of a reader.
refuse_twice() { ! docker compose --profile '*' config --services | grep -x "$1" >/dev/null || fail "$1: there is such a service"; }

own_settings() {  # own_settings USER: where its settings are that nobody else sees
  echo "{type: bind, source: \"\${DOORBUS_SECRETS:-./var/secrets}/settings/$1\", target: /run/settings, read_only: true, bind: {create_host_path: false}}"
}

of_the_first() {  # of_the_first PATTERN: what .env says of the first one's own place, which holds for no other, as its defaults
  { env && cat .env; } | { grep -oE "\bDOORBUS_$1\b" || true; } | sort -u | while read -r name; do
    echo "$name: \"$(sed -n "s/^#$name=//p" .env.example)\""
  done
}

tls_places() {  # tls_places USER: where its certificate is in a container, as lines of its environment
  if [ -e "$secrets/clients/$1.crt" ]; then printf 'DOORBUS_BROKER__TLS_%s: /run/secrets/client.%s\n' CERT crt KEY key; fi
}

tls_of() { if [ -e "$secrets/clients/$1.crt" ]; then echo ", {source: $1.crt, target: client.crt}, {source: $1.key, target: client.key}"; fi; }

secrets_of() {  # secrets_of USER: their place on this machine
  local directory='${DOORBUS_SECRETS:-./var/secrets}'
  echo "  $1: {file: \"$directory/users/$1\"}"
  if [ -e "$secrets/clients/$1.crt" ]; then
    printf '  %s: {file: "%s/clients/%s"}\n' "$1.crt" "$directory" "$1.crt" "$1.key" "$directory" "$1.key"
  fi
}

bring() {  # bring FOLDER FILE NAME: lines of a script that bring a file there
  printf "cat >%s/%s <<'END'\n%s\nEND\n" "$1" "$3" "$(cat "$2")"
}

elsewhere() {  # elsewhere USER IMAGE FILE... <SERVICES: prints the script that makes USER's containers on another machine
  local user=$1 image=$2 file
  echo "#!/bin/sh
# Starts $user in the folder doorbus-$user of the machine where it is run, which needs Docker, Compose and the image:
#   docker save $image:$(setting DOORBUS_TAG latest) | ssh MACHINE docker load
# It holds the password of $user.
set -eu
umask 077
mkdir -p doorbus-$user/settings"
  for file in "${@:3}"; do bring "doorbus-$user" "$file" "$(basename "$file")"; done
  bring "doorbus-$user" "$secrets/users/$user" password
  if [ -e "$secrets/clients/$user.crt" ]; then
    bring "doorbus-$user" "$secrets/clients/$user.crt" client.crt
    bring "doorbus-$user" "$secrets/clients/$user.key" client.key
  fi
  for file in "$secrets/settings/$user"/*; do
    if [ -e "$file" ]; then bring "doorbus-$user/settings" "$file" "$(basename "$file")"; fi
  done
  echo "cat >doorbus-$user/compose.yaml <<'END'"
  cat
  echo "END
# The containers run as a user of their own, and get single files of this folder, which is closed to others.
chmod -R a+rX doorbus-$user/* && chmod 700 doorbus-$user
cd doorbus-$user && docker compose up --detach --wait"
}

elsewhere_common() {  # the part of a container on another machine that is the same for all
  cat <<END
    restart: unless-stopped
    init: true
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    ulimits: {core: 0}
    logging: {driver: json-file, options: {max-size: 5m, max-file: "3"}}
END
}

elsewhere_environment() {  # elsewhere_environment USER
  cat <<END
      DOORBUS_VAR: /var/lib/doorbus
      DOORBUS_STATUS_FILE: /run/doorbus/status.json
      DOORBUS_BROKER__HOST: ${broker:-${DOORBUS_HOSTNAME:-$(hostname)}}
      DOORBUS_BROKER__PORT: "$(setting DOORBUS_TLS_PORT 8883)"
      DOORBUS_BROKER__PASSWORD_FILE: /run/secrets/doorbus_broker__password
      DOORBUS_BROKER__TLS: "true"
      DOORBUS_BROKER__TLS_CA: /run/secrets/ca.crt
      DOORBUS_BROKER__USERNAME: $1
END
  tls_places "$1" | sed 's/^/      /'
}

elsewhere_secrets() {  # elsewhere_secrets USER NAME...
  echo "secrets:"
  printf '  %s: {file: ./%s}\n' ca.crt ca.crt password password
  for name in "${@:2}"; do echo "  $name: {file: ./$name}"; done
  if [ -e "$secrets/clients/$1.crt" ]; then printf '  client.%s: {file: ./client.%s}\n' crt crt key key; fi
}

elsewhere_tls() { if [ -e "$secrets/clients/$1.crt" ]; then echo ", client.crt, client.key"; fi; }
