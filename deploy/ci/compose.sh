#!/usr/bin/env bash
# End to end on a Docker engine: two people for DAYS days in the constellation.
# Every container is killed once in mid-run, KILLS more die at random moments and
# come back by themselves, all are stopped and started once, and the hashes are
# those of one process. Then an assistant of one's own takes the place of ours.
#   KILLS=20 DAYS=60 deploy/ci/compose.sh     the long form
set -euo pipefail
cd "$(dirname "$0")/../.."
NAME=test-compose INDEX=qdrant
. deploy/ci/constellation.sh
export PSIM_PERSONAS=1-2 PSIM_DAYS=${DAYS:-30} PSIM_SEED=4 PSIM_METHOD=proper
KILLS=${KILLS:-4} RANDOM=${KILL_SEED:-$$}
echo "2 people, $PSIM_DAYS days, $KILLS random kills (KILL_SEED=${KILL_SEED:-$$})"
size=$(docker image inspect -f '{{.Size}}' "$PSIM_IMAGE")
[ "$size" -lt 90000000 ] || fail "the image has $size bytes, more than 90 MB"
quietly docker compose up --no-build -d simulation

services=(retrieval buffer user assistant trainer environment)
if [ -n "$engine" ]; then
  services+=(qdrant)
  echo "the index is on Qdrant's engine"
else
  echo "the index is embedded: PROPERSIM_TEST_QDRANT_ENGINE names no Python with Qdrant's engine"
fi
total=$((2 * PSIM_DAYS * 576))
for port in 7070 7071; do # nobody is let in without the secret
  address=$(docker compose port "$([ $port = 7070 ] && echo environment || echo user)" $port)
  case $address in 127.0.0.1:*) ;; *) fail "published on $address, not on loopback" ;; esac
  list=$([ $port = 7070 ] && echo runs || echo persona)
  if outside "$list" ls --address "$address" >"$work/log" 2>&1; then fail "$address lets anybody in"; fi
  grep -q "no token" "$work/log" || { cat "$work/log"; fail "$address did not ask for a token"; }
done

at=0 part=$((total / 20))
for service in "${services[@]}"; do
  at=$((at + part))
  reach $at "$service was killed"
  quietly docker kill -s KILL "$(docker compose ps -q "$service")"
  echo "killed $service at step $now of $total"
  quietly docker compose up --no-build -d --no-deps "$service"
done

reach $((at + part)) "all was stopped"
began=$SECONDS
quietly docker compose stop
took=$((SECONDS - began))
[ $took -le 10 ] || fail "it took $took s to stop"
echo "stopped all at step $now of $total in $took s"
quietly docker compose up --no-build -d simulation

at=$((at + part)) span=$((total * 17 / 20 - at - part))
for i in $(seq "$KILLS"); do
  service=${services[RANDOM % ${#services[@]}]}
  reach $((at + span * i / KILLS)) "kill $i of $KILLS"
  kill_process "$service"
  echo "$service died at step $now of $total"
done

ended
docker compose ps -a --format '{{.Service}} {{.State}} {{.Health}}' | sort
figures simulation "$work/apart.json"
quietly outside simulate --personas 1-2 --days "$PSIM_DAYS" --seed 4 --out "$work/together"
echo "in containers, $((${#services[@]} + KILLS)) times killed:"
same_hashes "$work/apart.json" "$work/together/metrics.json"
quietly docker compose exec -T environment /propersim replay --verify /data

# a person of one's own, and a run with it, from outside
token=$(docker compose exec -T environment /propersim token show /secrets/token)
call() { .bin/grpcurl -plaintext -H "authorization: Bearer $token" -d @ "$(docker compose port "$1" "$2")" "propersim.$1.v1.$3"; }
quietly call user 7071 PersonaService/CreatePersona <examples/persona.json
quietly call environment 7070 RunService/CreateRun <examples/run.json
run=$(grep -oE '"id": *"[^"]+"' "$work/log" | head -1 | cut -d'"' -f4)
echo "{\"id\": \"$run\"}" | call environment 7070 RunService/WatchRun >"$work/watched" || fail "the run of one's own person cannot be watched"
grep -q RUN_STATE_FINISHED "$work/watched" || { cat "$work/watched"; fail "run $run did not finish"; }
echo "a person of one's own lived through run $run"

# an assistant of one's own
CGO_ENABLED=0 go build -trimpath -o dist/my-assistant ./examples/assistant
quietly docker run -d --name "$COMPOSE_PROJECT_NAME-third" --network "${COMPOSE_PROJECT_NAME}_inside" --network-alias my-assistant \
  -v "$PWD/dist/my-assistant:/my-assistant:ro" --entrypoint /my-assistant "$PSIM_IMAGE" 0.0.0.0:7090
docker compose run --rm --no-deps cli conformance assistant my-assistant:7090 --method desk-break --deterministic | tail -1
export PSIM_ASSISTANT_ADDRESS=my-assistant:7090 PSIM_METHOD=desk-break PSIM_DAYS=2 PSIM_RESULT=third
quietly docker compose up --no-build -d simulation
ended
figures third "$work/third.json"
echo "an assistant of one's own conforms, and lived with 2 people for 2 days"
