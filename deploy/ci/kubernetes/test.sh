#!/usr/bin/env bash
# End to end on a Kubernetes cluster of its own: 32 people, a pod each, and the final
# hashes of one process; then the same while pods, services and the node are struck.
#   DAYS=14 FIRE_DAYS=14 STEP=2m30s BLOWS=20 deploy/ci/kubernetes/test.sh     the full form
#   PARTS=install deploy/ci/kubernetes/test.sh                   parts: values install fire second person two, and
#                                                                many (256 people, 64 pods at once)
# The seed of the blows is printed; BLOW_SEED repeats it.
set -euo pipefail
cd "$(dirname "$0")/../../.."
export DAYS=${DAYS:-4} STEP=${STEP:-5m} PEOPLE=${PEOPLE:-32} FIRE_DAYS=${FIRE_DAYS:-12}
BLOWS=${BLOWS:-14} PARTS=${PARTS:-values install fire second person backup two} RANDOM=${BLOW_SEED:=$$}
work=$(mktemp -d)
. deploy/ci/kubernetes/lib.sh
. deploy/ci/kubernetes/fire.sh
require
finish() {
  code=$?
  [ -n "${KEEP:-}" ] || "$cluster" down >/dev/null 2>&1 || true
  rm -rf "$work"
  exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM
echo "$PEOPLE people, $DAYS days ($FIRE_DAYS under $BLOWS blows), steps of $STEP (BLOW_SEED=$BLOW_SEED)"
start_cluster
began=$SECONDS
alone "$DAYS"
say "one process took $((SECONDS - began)) s"

part() { case " $PARTS " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
if part values; then # the API server itself checks every scenario of the chart
  quietly kubectl create namespace propersim
  quietly kubectl -n propersim create serviceaccount propersim # a dry run makes none, and the pod of the test wants it
  for file in deploy/helm/propersim/ci/*-values.yaml; do
    helm template propersim deploy/helm/propersim -n propersim -f "$file" --kube-version 1.34 >"$work/rendered"
    quietly kubectl apply -n propersim --dry-run=server --validate=strict -f "$work/rendered"
  done
  say "strict dry runs of $(ls deploy/helm/propersim/ci/*-values.yaml | wc -l) scenarios"
fi

namespace one
if part install; then
  began=$SECONDS
  release install one
  say "installed: services ready"
  finished one 900
  say "the Job took $((SECONDS - began)) s, from helm install to the last person"
  compare one demo "$DAYS"
  quietly program one replay --verify --experiment demo
  say "replay --verify accepts the journal"
  listed=$(kubectl -n one exec deploy/demo-propersim-environment -- /propersim runs ls --address 127.0.0.1:7070 --json | grep -cE '"state": *"RUN_STATE_FINISHED"')
  [ "$listed" = "$PEOPLE" ] || fail "the environment service lists $listed finished runs, want $PEOPLE"
  quietly helm test demo -n one --timeout 2m
  say "the environment service lists all runs, helm test passes"
else
  release install one --set simulation.enabled=false
fi

if part fire; then
  alone "$FIRE_DAYS"
  index=()
  if [ -z "${PROPERSIM_TEST_QDRANT_ENGINE:-}" ]; then
    say "without Qdrant: PROPERSIM_TEST_QDRANT_ENGINE names no Python with its engine"
  else
    engine "$(secret one qdrant-api-key)"
    ENGINE=yes index=(--set "qdrant.external.address=engine.engine:6334,qdrant.external.tls=false")
  fi
  release upgrade one "${index[@]}" --set simulation.enabled=true,simulation.experiment=fire,simulation.days="$FIRE_DAYS"
  fire one fire "$BLOWS"
  finished one 900
  compare one fire "$FIRE_DAYS"
fi

if part second; then # a second Job on the runs of the first: no harm
  release upgrade one --set simulation.enabled=true,simulation.experiment=twice
  helm template demo deploy/helm/propersim -n one -f deploy/ci/kubernetes/values.yaml "${people[@]}" --set simulation.experiment=twice \
    --kube-version 1.34 -s templates/simulation.yaml | sed 's/^  name: demo-propersim-simulation.*/  name: second/; /component: simulation/s/simulation/second/' |
    kubectl -n one apply -f - >/dev/null
  finished one 900
  kubectl -n one wait --for=condition=Complete job/second --timeout=300s >/dev/null || fail "the second Job on the same experiment does not end"
  compare one twice "$DAYS"
  kubectl -n one delete job second >/dev/null
fi

if part person; then # somebody who is brought by grpcurl takes part in the next Job
  make --no-print-directory .bin/grpcurl >/dev/null
  bring one examples/persona.json
  release upgrade one --set simulation.enabled=true,simulation.experiment=guest,simulation.personas=ines-duarte,simulation.completions=1,simulation.parallelism=1
  finished one 300
  quietly program one runs ls --experiment guest
  grep -q ines-duarte "$work/log" || fail "the person that grpcurl brought has no run"
  say "a person that grpcurl brought took part"
fi

if part many; then # 256 people, 64 pods at once, and what they take
  make --no-print-directory .bin/grpcurl >/dev/null
  for i in $(seq $((256 - 32))); do bring one <(sed "s/Ines Duarte/Guest $i/" examples/persona.json); done
  began=$SECONDS
  release upgrade one --set simulation.enabled=true,simulation.experiment=many,simulation.personas=all,simulation.completions=256,simulation.parallelism=64 \
    --set postgresql.maxConnections=600,simulation.days=1,simulation.step=30m
  finished one 1200
  quietly program one runs ls --experiment many --json
  [ "$(grep -cE '"state": *"RUN_STATE_FINISHED"' "$work/log")" = 256 ] || fail "not all of 256 runs are finished"
  say "256 people, 64 pods at once: $((SECONDS - began)) s; the database has $(kubectl -n one exec demo-propersim-postgresql-0 -- \
    psql -h /tmp -U propersim -At -c "SELECT pg_size_pretty(pg_database_size('propersim'))")"
fi

if part backup; then # a dump of the journal, brought back after everything is lost
  sql() { kubectl -n one exec demo-propersim-postgresql-0 -- psql -q -h /tmp -U propersim -c "$1"; }
  kubectl -n one exec demo-propersim-postgresql-0 -- pg_dump -h /tmp -U propersim -Fc propersim >"$work/journal.dump"
  quietly sql "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
  ! program one replay --verify >"$work/log" 2>&1 || fail "replay --verify accepts a journal that is gone"
  quietly kubectl -n one exec -i demo-propersim-postgresql-0 -- pg_restore -h /tmp -U propersim -d propersim --clean --if-exists <"$work/journal.dump"
  quietly program one replay --verify
  say "a dump of $(du -h "$work/journal.dump" | cut -f1) brings the journal back, and replay --verify accepts it"
fi

if part two; then # a second namespace: the chart's previous version, upgraded in mid-run; and no trace of the first
  namespace two
  mkdir "$work/previous"
  git archive "$(grep -v '^#' deploy/ci/kubernetes/PREVIOUS)" deploy/helm/propersim | tar -x -C "$work/previous"
  couple=simulation.personas=1-2,simulation.completions=2,simulation.parallelism=2
  CHART=$work/previous/deploy/helm/propersim release install two --set "$couple"
  release upgrade two --set "$couple"
  say "upgraded from $(helm -n two history demo -o json | grep -oE 'propersim-[0-9.]+' | paste -sd' ' | sed 's/ / to /')"
  finished two 300
  quietly program two report --experiment demo --out "$work/report-two"
  hashes "$work/report-two/metrics.json" >"$work/hashes"
  [ "$(comm -12 "$work/expected-$DAYS" "$work/hashes" | wc -l)" = 2 ] || fail "after the upgrade the hashes differ from those of one process"
  quietly helm uninstall demo -n one --wait --timeout 3m
  kubectl -n one wait --for=delete pod --all --timeout=60s >/dev/null 2>&1 || true
  left=$(kubectl -n one get all,pvc,secret,configmap,networkpolicy,serviceaccount -o name | grep -vE 'configmap/kube-root-ca.crt|serviceaccount/default' || true)
  [ -z "$left" ] || fail "helm uninstall left: $left"
  say "two namespaces side by side; nothing is left of the first release"
fi
say "done"
