# Sourced by the tests of this folder: the cluster, its images and what the tests
# share. `require` ends the script as skipped, in plain words, where it cannot run.
cluster=$PWD/deploy/ci/kubernetes/cluster.sh
kubectl() { "$cluster" kubectl "$@"; }
helm() { "$cluster" helm "$@"; }
say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }
fail() {
  echo "kubernetes: $*" >&2
  kubectl get pods,jobs -A -o wide 2>/dev/null | grep -v Completed >&2 || true
  kubectl get events -A --field-selector type=Warning --sort-by .lastTimestamp 2>/dev/null | tail -15 >&2 || true
  exit 1
}

require() {
  local why=
  if [ "$(id -u)" != 0 ]; then why="it needs root"
  elif ! command -v apt-get >/dev/null; then why="it needs Debian's containerd and CNI plugins"
  elif [ ! -w /sys/fs/cgroup ]; then why="control groups are not writable here"
  elif ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then why="there is no PostgreSQL here to make an image of"
  elif ! unshare --net --mount --pid --fork true 2>/dev/null; then why="namespaces cannot be made here"
  elif ! "$cluster" build >"$work/build" 2>&1; then why="its binaries could not be built: $(tail -1 "$work/build")"; fi
  [ -z "$why" ] || { echo "kubernetes: SKIPPED: $why"; exit 0; }
}

# start_cluster brings the cluster up with the images of the present source.
start_cluster() {
  mkdir -p dist
  CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o dist/propersim ./cmd/propersim
  "$cluster" down >/dev/null
  "$cluster" up
  "$cluster" load-binary propersim:test dist/propersim
  deploy/ci/kubernetes/pgimage.sh docker.io/library/postgres:test | "$cluster" load-image -
  say "Kubernetes $(kubectl version -o json | grep -m1 -oE 'v1\.[0-9.]+') is up with its images"
}

# namespace NAME makes a namespace of the restricted Pod Security profile.
namespace() {
  quietly kubectl create namespace "$1"
  quietly kubectl label namespace "$1" pod-security.kubernetes.io/enforce=restricted
}

# people are the values of the experiment.
people=(--set "simulation.days=$DAYS,simulation.step=$STEP,simulation.personas=1-$PEOPLE,simulation.completions=$PEOPLE,simulation.parallelism=$PEOPLE")

# release COMMAND NAMESPACE ARGS... installs or upgrades the release demo, from the chart
# in CHART or the present one.
release() {
  local command=$1 ns=$2; shift 2
  quietly helm "$command" demo "${CHART:-deploy/helm/propersim}" -n "$ns" -f deploy/ci/kubernetes/values.yaml \
    "${people[@]}" "$@" --wait --timeout 5m
}

# job NAMESPACE prints the name of the Job of the release.
job() { kubectl -n "$1" get job -l app.kubernetes.io/component=simulation -o jsonpath='{.items[0].metadata.name}'; }

# state NAMESPACE JOB prints whether a Job is complete ("True" or nothing), "|", and its
# failed indexes.
state() { kubectl -n "$1" get "job/$2" -o jsonpath='{.status.conditions[?(@.type=="Complete")].status}|{.status.failedIndexes}'; }

# sound NAMESPACE JOB STATE ends the test, and prints why, if the Job has a failed index.
sound() { [ -z "${3#*|}" ] || { explain "$1" "$2"; fail "Job $2 has failed indexes: ${3#*|}"; }; }

# finished NAMESPACE SECONDS waits for the Job of the release. It ends the test at once
# when the Job has a failed index.
finished() {
  local name now until=$((SECONDS + $2))
  name=$(job "$1")
  while now=$(state "$1" "$name"); [ "${now%%|*}" != True ]; do
    sound "$1" "$name" "$now"
    [ $SECONDS -lt $until ] || { explain "$1" "$name"; fail "Job $name is not complete after $2 s"; }
    sleep 1
  done
  say "$(kubectl -n "$1" get "job/$name" -o jsonpath='{.status.succeeded} of {.spec.completions} people done, failed pods: {.status.failed}')"
}

# explain NAMESPACE JOB prints the pods of a Job that ended with a failure: index, exit code
# and reason, conditions, and the last lines of the log.
explain() {
  local pod phase index
  kubectl -n "$1" get pods -l "batch.kubernetes.io/job-name=$2" --sort-by .metadata.creationTimestamp --no-headers -o \
    'custom-columns=N:.metadata.name,P:.status.phase,I:.metadata.annotations.batch\.kubernetes\.io/job-completion-index' |
    while read -r pod phase index; do
      [ "$phase" = Failed ] || continue
      echo "--- index $index, pod $pod: $(kubectl -n "$1" get pod "$pod" -o \
        jsonpath='exit code {.status.containerStatuses[0].state.terminated.exitCode} ({.status.containerStatuses[0].state.terminated.reason}) at {.status.containerStatuses[0].state.terminated.finishedAt}, failures of the index {.metadata.annotations.batch\.kubernetes\.io/job-index-failure-count}, conditions {.status.conditions[?(@.status=="True")].type}' </dev/null)"
      kubectl -n "$1" logs "$pod" --tail=5 </dev/null || true
    done >&2
}

address() { kubectl -n "$1" get service "demo-propersim-$2" -o jsonpath='{.spec.clusterIP}'; }
secret() { kubectl -n "$1" get secret "${SECRET:-demo-propersim}" -o jsonpath="{.data.$2}" | base64 -d; }

# program NAMESPACE ARGS... runs the program on the node with --journal of the release.
program() {
  local ns=$1; shift
  env -i PATH="$PATH" HOME="$HOME" PGPASSWORD="$(secret "$ns" postgresql-password)" "$cluster" run dist/propersim "$@" \
    --journal "postgres://propersim@$(address "$ns" postgresql):5432/propersim?sslmode=disable"
}

# bring NAMESPACE FILE creates a persona in the release.
bring() {
  quietly "$cluster" run .bin/grpcurl -plaintext -H "authorization: Bearer $(secret "$1" token)" -d @ \
    "$(address "$1" user):7071" propersim.user.v1.PersonaService/CreatePersona <"$2"
}

# engine KEY runs Qdrant's own engine (services/retrieval/index/qdrant/enginetest) from
# this machine's Python, in a namespace that may use folders of the node.
engine() {
  local python=$PROPERSIM_TEST_QDRANT_ENGINE venv base protos path
  venv=$("$python" -c 'import sys; print(sys.prefix)') base=$("$python" -c 'import sys; print(sys.base_prefix)')
  protos=$(go list -m -f '{{.Dir}}' github.com/qdrant/go-client)/internal/proto
  quietly kubectl create namespace engine
  {
    cat <<-END
	apiVersion: v1
	kind: Service
	metadata: {name: engine}
	spec: {selector: {app: engine}, ports: [{port: 6334}]}
	---
	apiVersion: apps/v1
	kind: StatefulSet
	metadata: {name: engine}
	spec:
	  serviceName: engine
	  selector: {matchLabels: {app: engine}}
	  template:
	    metadata: {labels: {app: engine}}
	    spec:
	      terminationGracePeriodSeconds: 1
	      containers:
	        - name: engine
	          image: docker.io/library/propersim:test # empty but for our program: the rest comes from this machine
	          imagePullPolicy: Never
	          command: [$python, $PWD/services/retrieval/index/qdrant/enginetest/peer.py, --protos=$protos, --data=/run/lib/engine, --address=0.0.0.0:6334, --api-key=$1]
	          securityContext: {runAsUser: 0, runAsGroup: 0}
	          env: [{name: PYTHONDONTWRITEBYTECODE, value: "1"}]
	          stdin: true # its end ends the engine
	          readinessProbe: {tcpSocket: {port: 6334}, periodSeconds: 1}
	          volumeMounts:
	END
    for path in /usr /lib /lib64 "$base" "$venv" "$protos" "$PWD" /run/lib/engine; do
      echo "            - {name: v$(cksum <<<"$path" | cut -d' ' -f1), mountPath: \"$path\", readOnly: $([ "$path" = /run/lib/engine ] && echo false || echo true)}"
    done
    echo "      volumes:"
    for path in /usr /lib /lib64 "$base" "$venv" "$protos" "$PWD" /run/lib/engine; do
      echo "        - {name: v$(cksum <<<"$path" | cut -d' ' -f1), hostPath: {path: \"$(realpath -m "$path")\", type: $([ "$path" = /run/lib/engine ] && echo DirectoryOrCreate || echo Directory)}}"
    done
  } >"$work/engine.yaml"
  quietly kubectl -n engine apply -f "$work/engine.yaml"
  quietly kubectl -n engine rollout status statefulset/engine --timeout=60s
}

# hashes FILE prints the final hashes of a metrics.json.
hashes() { grep -oE '"final_hash": *"[0-9a-f]+"' "$1" | sort; }

# ready NAMESPACE waits until every service and PostgreSQL are ready.
ready() {
  local one
  for one in $(kubectl -n "$1" get deployments,statefulsets -o name); do
    quietly kubectl -n "$1" rollout status "$one" --timeout=180s
  done
}

# alone DAYS runs the experiment in one process, once, and keeps its final hashes.
alone() {
  [ ! -e "$work/expected-$1" ] || return 0
  quietly env -i PATH="$PATH" HOME="$HOME" dist/propersim simulate --personas "1-$PEOPLE" --days "$1" --step "$STEP" --out "$work/one-$1"
  hashes "$work/one-$1/metrics.json" >"$work/expected-$1"
}

# compare NAMESPACE EXPERIMENT DAYS writes one report of all people and compares the
# hashes with those of one process.
compare() {
  ready "$1"
  quietly program "$1" report --experiment "$2" --out "$work/report-$2"
  hashes "$work/report-$2/metrics.json" >"$work/hashes"
  diff "$work/expected-$3" "$work/hashes" || fail "experiment $2: the hashes differ from those of one process"
  say "experiment $2: $(wc -l <"$work/hashes") final hashes, those of one process; one report of all"
}
