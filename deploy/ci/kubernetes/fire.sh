# Sourced by test.sh: blows against a release while its Job runs.

# a_pod NAMESPACE prints the name and the index of a random running pod of the Job. It
# waits up to a minute for one: after a drain there are none.
a_pod() {
  local found until=$((SECONDS + 60))
  while [ $SECONDS -lt $until ]; do
    found=$(kubectl -n "$1" get pods -l app.kubernetes.io/component=simulation --field-selector status.phase=Running --no-headers -o \
      'custom-columns=N:.metadata.name,I:.metadata.annotations.batch\.kubernetes\.io/job-completion-index,D:.metadata.deletionTimestamp' |
      awk '$3 == "<none>" {print $1, $2}' | shuf -n 1 --random-source=<(yes "$RANDOM"))
    [ -z "$found" ] || { echo "$found"; return; }
    sleep 0.3
  done
}

# signal NAMESPACE SIGNAL sends a signal to the program of a random running pod. It fails
# if it hit none in three attempts: a pod may end meanwhile.
signal() {
  local pod index
  for _ in 1 2 3; do
    read -r pod index < <(a_pod "$1") || continue
    ! "$cluster" run pkill "-$2" -f -- "^/propersim simulate .*--shard=$index/$PEOPLE " || return 0
  done
  echo "the last pod was $pod"
  return 1
}

# strike NAMESPACE BLOW JOB strikes once. It fails if it hit nothing.
strike() {
  local ns=$1 name=$3 pod _
  case $2 in
    kill) signal "$ns" KILL ;;  # as by the kernel when memory runs out
    crash) signal "$ns" ABRT ;; # as a fatal error of the program itself
    delete) read -r pod _ < <(a_pod "$ns") && kubectl -n "$ns" delete pod "$pod" --wait=false ;;
    evict)
      read -r pod _ < <(a_pod "$ns") && echo "{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": {\"name\": \"$pod\", \"namespace\": \"$ns\"}}" |
        kubectl create --raw "/api/v1/namespaces/$ns/pods/$pod/eviction" -f - ;;
    drain)
      kubectl drain node --force --delete-emptydir-data --timeout=90s || true # ends late where a pod takes its time
      kubectl uncordon node ;;
    postgresql | trainer) kubectl -n "$ns" delete pod "demo-propersim-$2-0" --wait=false ;;
    buffer | retrieval | environment)
      kubectl -n "$ns" delete pods -l "app.kubernetes.io/component=$2" --wait=false ;;
    engine) kubectl -n engine delete pod -l app=engine --wait=false ;; # Qdrant
    upgrade) # every service, by Helm; the Job stays
      helm upgrade demo deploy/helm/propersim -n "$ns" --reset-then-reuse-values --set-string "services.podAnnotations.blow=$RANDOM" ;;
    scale)
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"parallelism": 1}}'; sleep 2
      kubectl -n "$ns" patch "job/$name" -p "{\"spec\": {\"parallelism\": $PEOPLE}}" ;;
    suspend)
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"suspend": true}}'; sleep 2
      kubectl -n "$ns" patch "job/$name" -p '{"spec": {"suspend": false}}' ;;
  esac >"$work/blow" 2>&1
}

# committed NAMESPACE EXPERIMENT prints the steps that the journal has; 0 while
# PostgreSQL does not answer.
committed() {
  kubectl -n "$1" exec demo-propersim-postgresql-0 -- psql -h /tmp -U propersim -At -c \
    "SELECT count(*) FROM entries e JOIN labels l ON l.run = e.run WHERE l.name = 'experiment' AND l.value = '$2' AND e.night = 0" 2>/dev/null || echo 0
}

# seconds DURATION prints the seconds of a duration such as 2m30s.
seconds() {
  local sum=0
  [[ $1 =~ ([0-9]+)h ]] && sum=$((sum + BASH_REMATCH[1] * 3600))
  [[ $1 =~ ([0-9]+)m ]] && sum=$((sum + BASH_REMATCH[1] * 60))
  [[ $1 =~ ([0-9]+)s ]] && sum=$((sum + BASH_REMATCH[1]))
  echo "$sum"
}

# unfinished NAMESPACE JOB STRUCK COUNT fails where a Job has ended.
unfinished() {
  local state; state=$(state "$1" "$2")
  sound "$1" "$2" "$state"
  [ "${state%%|*}" != True ] || fail "the Job was complete after $3 of $4 blows: take more days (FIRE_DAYS)"
}

# fire NAMESPACE EXPERIMENT COUNT strikes COUNT times: each kind of blow first, in a
# random order, then random ones. The first three fall on pods that start; the others
# are spread over the first half of the steps, so that all of them fall in time.
# It fails where the Job ends before the last blow, or a blow hits nothing.
fire() {
  local kinds total blow name number=0 struck=()
  name=$(job "$1")
  mapfile -t kinds < <(printf '%s\n' kill crash delete evict drain postgresql buffer retrieval trainer environment upgrade scale suspend ${ENGINE:+engine} |
    shuf --random-source=<(yes "$RANDOM"))
  [ "$3" -ge ${#kinds[@]} ] || say "$3 blows: ${kinds[*]:$3} do not fall"
  total=$((PEOPLE * FIRE_DAYS * 86400 / $(seconds "$STEP")))
  while [ $number -lt "$3" ]; do
    unfinished "$1" "$name" $number "$3"
    if [ $number -ge 3 ] && [ "$(committed "$1" "$2")" -lt $((total * (number - 2) / (2 * $3))) ]; then
      sleep 0.5
      continue
    fi
    [ $number -lt ${#kinds[@]} ] && blow=${kinds[$number]} || blow=${kinds[$((RANDOM % ${#kinds[@]}))]}
    strike "$1" "$blow" "$name" || { cat "$work/blow" >&2; fail "blow $number hit nothing: $blow"; }
    struck+=("$blow"); number=$((number + 1))
  done
  say "struck $number times: ${struck[*]}"
}
