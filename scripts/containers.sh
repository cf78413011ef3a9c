# Sourced by the scripts that handle the containers of compose.yaml, which need nothing but Docker: what they share. They
# then stand in the root of the repository, and end with one sentence and status 1 when something is wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATIENCE_SECONDS=${PATIENCE_SECONDS:-120}
DOCTOR_SECONDS=${DOCTOR_SECONDS:-20}

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
fail() { printf '\033[31m%s\033[0m\n' "$*" >&2; exit 1; }
setting() { local value; value=$(scripts/setting "$1" "${2:-}") && printf '%s' "${value:-${2:-}}"; }  # empty is the default to Compose
least() { printf '%s\n' "$1" "${2#v}" | sort -V -C; }

remember() {  # remember NAME VALUE: writes a line into .env
  if [ -s .env ] && [ -n "$(tail -c 1 .env)" ]; then echo >>.env; fi  # its last line has no end
  echo "$1=$2" >>.env || fail ".env: cannot be written; may this user write there?"
}

need_docker() {  # an engine and a Compose that are new enough
  local engine compose
  command -v docker >/dev/null || fail "docker: not found; install Docker Engine 25 or newer with Compose"
  engine=$(docker version --format '{{.Server.Version}}' 2>/dev/null) ||
    fail "docker: the engine does not answer; is it started, and may this user use it (group docker)?"
  least 25 "$engine" || fail "docker: this is Docker Engine $engine; 25 or newer is needed"
  compose=$(docker compose version --short 2>/dev/null) || fail "docker: there is no Compose; install its plugin, 2.24 or newer"
  least 2.24 "$compose" || fail "docker: this is Compose $compose; 2.24 or newer is needed"
  stand_in DOORBUS_BROKER_IMAGE eclipse-mosquitto:2
  stand_in DOORBUS_PYTHON_IMAGE python:3.11-slim-bookworm
}

stand_in() {  # stand_in SETTING IMAGE: an IMAGE that is here takes the place of one pinned by digest that cannot be had
  local pinned
  if scripts/setting "$1" >/dev/null; then return 0; fi
  pinned=$(sed -nE "s/.*\\$\\{$1:-([^}]*)\\}.*/\\1/p" compose.yaml)
  if docker image inspect "$pinned" >/dev/null 2>&1 || ! docker image inspect "$2" >/dev/null 2>&1 ||
    timeout 300 docker pull --quiet "$pinned" >/dev/null 2>&1; then return 0; fi
  say "$pinned is not here and cannot be pulled; $2, which is here, takes its place ($1 in .env names another)"
  export "$1=$2"
}

need_files() {  # the files that COMPOSE_FILE names
  local files file
  IFS=$(setting COMPOSE_PATH_SEPARATOR :) read -r -a files <<<"$(setting COMPOSE_FILE compose.yaml)"
  for file in "${files[@]}"; do
    [ -e "$file" ] || case $file in
      compose.override.yaml) fail "COMPOSE_FILE: $file is not there; take it out: scripts/camera and scripts/door name it when they make it" ;;
      *) fail "COMPOSE_FILE: $file is not there; what comes with doorbus besides compose.yaml is in deploy/compose" ;;
    esac
  done
}

need_settings() {  # what stands in .env can be what it is meant to be, as far as it shows without a container
  local name value shape example files
  while read -r name; do
    if ! grep -q "^#$name=" .env.example; then
      [[ $name != *__* ]] || fail "$name: there is no such setting; .env.example lists them"
      IFS=$(setting COMPOSE_PATH_SEPARATOR :) read -r -a files <<<"$(setting COMPOSE_FILE compose.yaml:compose.override.yaml)"
      grep -qsF "$name" "${files[@]}" || say "$name in .env: nothing reads it; .env.example has all names"
    fi
    [ "$name" != DOORBUS_BROKER__PASSWORD ] ||
      fail "$name: each container has a user of its own, and the password in $secrets/users; take the line out of .env"
  done < <(sed -nE 's/^[[:space:]]*(export[[:space:]]+)?(DOORBUS_[A-Za-z0-9_]*)[[:space:]]*=.*/\2/Ip' .env 2>/dev/null)
  while read -r name shape example; do
    value=$(setting "$name")
    [ -z "$value" ] || [[ $value =~ ^($shape)$ ]] || fail "$name=$value: give $example"
  done <<'END'
DOORBUS_RECOGNIZERS [0-9]{1,3} the number of recognizers, such as 3
DOORBUS_RECOGNIZER_MEMORY [0-9]+(\.[0-9]+)?[bkmgBKMG][bB]? an amount of memory, such as 512m or 2g
DOORBUS_TLS_PORT [0-9]{1,5} a port, such as 8883
DOORBUS_PLAIN_PORT [0-9]{1,5} a port, such as 1883
DOORBUS_CONSOLE_PORT [0-9]{1,5} a port, such as 8080
DOORBUS_METRICS_PORT [0-9]{1,5} a port, such as 9090
DOORBUS_VIDEO_GROUP [0-9]+ the number of a group, such as 44
DOORBUS_GPIO_GROUP [0-9]+ the number of a group, such as 997
DOORBUS_TENSORFLOW true|false true or false
DOORBUS_DLIB true|false true or false
DOORBUS_ACCELERATORS true|false true or false
END
}

need_profiles() {  # the profiles that COMPOSE_PROFILES names, and the relay that goes with them
  local wanted known one door='' relay
  known=$(docker compose config --profiles | grep -v '^command$' | sort | paste -sd ' ')
  IFS=, read -r -a wanted <<<"$(setting COMPOSE_PROFILES)"
  for one in "${wanted[@]}"; do
    case " $known " in *" ${one// /} "*) ;; *)
      fail "COMPOSE_PROFILES=$(setting COMPOSE_PROFILES): there is no $one; choose of $known, or nothing where all doors are on other machines" ;;
    esac
    case ${one// /} in demo | pi | lock)
      [ -z "$door" ] || fail "COMPOSE_PROFILES=$(setting COMPOSE_PROFILES): $door and ${one// /} are two ways to have the same door; choose one"
      door=${one// /} ;;
    esac
  done
  relay=$(setting DOORBUS_ACTUATOR__RELAY)
  case $door:$relay in : | :* | *: | demo:simulated | pi:rpi | lock:mqtt | lock:http) ;; *)
    fail "DOORBUS_ACTUATOR__RELAY=$relay: the profile $door has another relay; demo has simulated, pi has rpi, lock has mqtt and http (docs/locks.md)" ;;
  esac
}

open_files() {  # what the broker, a user of its own, reads of this checkout, under whatever umask that was made
  local closed
  closed=$(find mosquitto \( ! -perm -o+r -o -type d ! -perm -o+x -o -perm -u+x ! -perm -o+x \) -print -quit)
  [ -z "$closed" ] || chmod -R a+rX mosquitto || fail "$closed: the broker cannot read it; as its owner: chmod -R a+rX mosquitto"
}

need_own_project() {  # nobody else's containers have the name of this project
  local where
  while read -r where; do
    [ -z "$where" ] || [ "$(realpath "$where")" = "$PWD" ] || [ ! -e "$where/compose.yaml" ] ||
      fail "COMPOSE_PROJECT_NAME=$project: there are containers of this name, of $where, which would be taken over; for" \
        "one more site on this machine set COMPOSE_PROJECT_NAME and DOORBUS_TLS_PORT in .env to others than there"
  done < <(docker ps --all --filter "label=com.docker.compose.project=$project" \
    --format '{{.Label "com.docker.compose.project.working_dir"}}' | sort -u)
}

project=$(setting COMPOSE_PROJECT_NAME doorbus)
secrets=$(setting DOORBUS_SECRETS var/secrets)
secrets=${secrets#./}
PWD=$(pwd -P)

containers() {  # containers [OPTION...]: ids of the project's containers that run; --all: of those that do not, too
  docker ps --quiet --no-trunc --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.oneoff=False "$@"
}
running() { containers --filter "label=com.docker.compose.service=$1" --filter status=running; }
service() { docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}}' "$1"; }

builders() {  # one service for each image: Compose writes the name of the service into what it builds, so that an image
  # that several build is another whenever another is done last, and whoever runs it would be made anew
  { docker compose --file compose.yaml config 2>/dev/null; docker compose config; } | awk '
    /^[^ ]/ { services = $1 == "services:" }
    services && /^  [^ ]/ { name = $1; sub(/:$/, "", name); builds = 0 }
    services && /^    build:/ { builds = 1 }
    services && builds && /^    image:/ && !seen[$2]++ { print name }'
}

replicas() {  # the project's containers that have their id for a name, as SERVICE/INSTANCE
  local ids
  mapfile -t ids < <(containers --all)
  [ ${#ids[@]} = 0 ] || docker inspect --format '{{.Config.Image}} {{.Id}} {{.Config.Hostname}}' "${ids[@]}" |
    sed -nE 's|^(.*/)?doorbus-([a-z]+)[:@][^ ]* ([0-9a-f]{12})[0-9a-f]* \3$|\2/\3|p' | sort
}

unwanted() {  # the project's containers whose service is in no file or profile that is in use
  local wanted container
  wanted=$(docker compose config --services)
  for container in $(containers --all); do grep -qx "$(service "$container")" <<<"$wanted" || echo "$container"; done
}

need_key() {  # the key of the people who are there
  if [ ! -e "$secrets/site.key" ] && docker volume inspect "${project}_enroller" >/dev/null 2>&1; then
    fail "DOORBUS_SECRETS=$secrets: there is no site.key, but the volume ${project}_enroller, whose people it is for;" \
      "bring the secrets back, or choose another COMPOSE_PROJECT_NAME, or forget these people: docker volume rm ${project}_enroller"
  fi
}

make_secrets() {  # make_secrets [ARGUMENT...]: `doorbus secrets` in a container that has no network; $built: its image is there
  local user
  need_key
  # Docker would make a directory that is not there as root.
  mkdir -p "$secrets" && chmod 700 "$secrets" || fail "DOORBUS_SECRETS=$secrets: cannot be made; may this user write there?"
  # An engine without root's rights shows this user's files as root's.
  user=$(id -u):$(id -g)
  if docker info --format '{{.SecurityOptions}}' | grep rootless >/dev/null; then user=0:0; fi
  [ -n "${built:-}" ] || docker compose build --quiet doorbus
  DOORBUS_HOSTNAME=${DOORBUS_HOSTNAME:-$(hostname)} \
    docker compose run --rm --no-deps -T --user "$user" secrets --shown-as "$secrets" "$@"
}

check() {  # check SERVICE...: ends with the sentence of the first whose new container could not work
  local service images said status
  for service in "$@"; do
    images=$(docker compose config --images "$service" | sed 's/:[^/]*$//')  # those of dependencies, too, in any order
    [ "$service" = broker ] || grep -qE '(^|/)doorbus-[a-z]+$' <<<"$images" || continue
    status=0
    said=$(docker compose run --rm --no-deps -T "$service" --check 2>&1 </dev/null) || status=$?
    [ "$status" != 0 ] || continue
    if [ "$status" = 137 ]; then said=$(no_memory "$service"); fi
    fail "$service: $(grep -v '^ *$\|^ *Container \|^ *Network \|^ *Volume ' <<<"$said" | tail -n 3)"$'\n'"What runs was left as it is."
  done
}

no_memory() {  # no_memory SERVICE: the sentence about one that the kernel killed
  if [ "$1" = recognizer ]; then
    echo "killed for lack of memory; raise DOORBUS_RECOGNIZER_MEMORY=$(setting DOORBUS_RECOGNIZER_MEMORY 1g)"
  else
    echo "killed for lack of memory; raise its mem_limit in compose.override.yaml"
  fi
}

stale() {  # those of the project's running containers that mount a file of ours that changed after they were started
  local container since source wanted
  wanted=$(docker compose config --services)
  for container in $(containers); do
    grep -qx "$(service "$container")" <<<"$wanted" || continue
    since=$(docker inspect --format '{{.State.StartedAt}}' "$container")
    while read -r source; do
      case $source/ in "$(realpath "$secrets")"/* | "$PWD/mosquitto"/*) ;; *) continue ;; esac
      if [ -e "$source" ] && [ -n "$(find "$source" -newerct "$since" -print -quit)" ]; then echo "$container"; break; fi
    done < <(docker inspect --format '{{range .Mounts}}{{if eq .Type "bind"}}{{println .Source}}{{end}}{{end}}' "$container")
  done
}

start_anew() {  # start_anew CONTAINER...: the broker first; waits until they are well, and says so
  local container service broker='' others=() names=()
  [ $# -gt 0 ] || return 0
  for container in "$@"; do
    service=$(service "$container") names+=("$service")
    if [ "$service" = broker ]; then broker=$container; else others+=("$container"); fi
  done
  say "started anew, because of a file that they read: ${names[*]}"
  if [ -n "$broker" ]; then check broker; docker restart "$broker" >/dev/null; wait_well "$broker"; fi
  if [ ${#others[@]} != 0 ]; then
    for container in "${others[@]}"; do check "$(service "$container")"; done
    docker restart "${others[@]}" >/dev/null
    wait_well "${others[@]}"
  fi
  say "they are well"
}

look() { docker inspect --format '{{.State.Status}} {{.RestartCount}} {{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}} {{.State.OOMKilled}} {{index .Config.Labels "com.docker.compose.service"}}' "$1"; }

wait_well() {  # wait_well CONTAINER...: until they are healthy; ends with the sentence of one that cannot be
  local container state restarts health killed service waiting began deadline=$((SECONDS + PATIENCE_SECONDS))
  began=$(date +%s)
  local -A before=()
  for container in "$@"; do before[$container]=$(docker inspect --format '{{.RestartCount}}' "$container"); done
  while :; do
    waiting=
    for container in "$@"; do
      read -r state restarts health killed service < <(look "$container") || fail "a container went away"
      if [ "$state $health" = "running healthy" ]; then continue; fi
      if [ "$state" != running ] || [ "$restarts" -gt "${before[$container]}" ]; then ended "$service" "$container" "$began"; fi
      waiting="$waiting $service"
    done
    [ -n "$waiting" ] || return 0
    [ "$SECONDS" -lt "$deadline" ] || fail "not healthy after $PATIENCE_SECONDS s:$waiting; see: docker compose logs$waiting"
    sleep 0.5
  done
}

doctor() {  # asks `doorbus doctor` about the services that run here; ends when something fails
  local role expected=()
  say "doctor"
  # shellcheck disable=SC2046  # ids have no spaces
  for role in $(docker inspect --format '{{.Config.Image}}' $(containers) | sed -nE 's/^doorbus-([a-z]+):.*/\1/p' | sort -u); do
    expected+=(--service "$role")
  done
  docker compose run --rm --no-deps -T doorbus doctor --wait --seconds "$DOCTOR_SECONDS" "${expected[@]}" </dev/null ||
    fail "the containers run, but not all is well; see above, and: docker compose logs"
}

ended() {  # ended SERVICE CONTAINER SINCE: ends with what it said last, its log of events left out
  local said
  if [ -n "$(docker events --since "$3" --until "$(date +%s)" --filter event=oom --filter "container=$2" --format x)" ]; then
    said=$(no_memory "$1")
  else
    said=$(docker logs --tail 20 "$2" 2>&1 | grep -v '^timestamp=\|^{\|^$' | awk '!seen[$0]++' | tail -n 3)
    said=${said:-$(docker logs --tail 1 "$2" 2>&1)}
  fi
  docker stop "$2" >/dev/null  # it would try again for ever
  fail "$1: $said"
}
