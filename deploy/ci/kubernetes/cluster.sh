#!/usr/bin/env bash
# A real one-node Kubernetes for tests, built from Go modules and Debian's containerd.
# It needs root on Debian, and neither an image registry nor systemd.
#
#   cluster.sh build                      build the binaries once, into $K8S_CACHE (9 minutes on 2 cores)
#   cluster.sh up                         start the cluster and wait until its node is ready
#   cluster.sh load-image ARCHIVE|-       load a tar archive as written by `docker save`, or from stdin
#   cluster.sh load-binary NAME FILE      load an image that consists of one static binary
#   cluster.sh kubectl ... | helm ...     run a client; run CMD ... runs any command on the node
#   cluster.sh node-pid                   print the first process of the node
#   cluster.sh status | down
#
# The node runs in its own network, mount and process namespaces. `down` kills the first
# process of these, and the kernel ends the others. Nothing listens outside of them.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=${K8S_VERSION:-1.34.4}
export K8S_CACHE=${K8S_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/propersim/kubernetes} # binaries
export K8S_DIR=${K8S_DIR:-${TMPDIR:-/tmp}/propersim-kubernetes}   # kubeconfig, keys and logs
bin=$K8S_CACHE/$version node=10.99.0.1 services=10.96.0.0/16 pods=10.244.0.0/24
export PATH=$bin:$PATH

build() {
  if ! command -v containerd runc iptables >/dev/null || [ ! -x /usr/lib/cni/ptp ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      containerd runc containernetworking-plugins iptables >/dev/null
  fi
  [ ! -x "$bin/k8s" ] || return 0
  mkdir -p "$bin"
  export GOCACHE; GOCACHE=$(mktemp -d) # 3 GB that nothing else uses
  trap 'rm -rf "$GOCACHE"' EXIT
  local v=k8s.io/component-base/version part
  go_build() { (cd "$here/src/$1" && GOWORK=off CGO_ENABLED=0 go build -buildvcs=false -p 2 -trimpath -o "$bin/$2" "${@:3}"); }
  go_build . pause -ldflags "-s -w" ./pause
  go_build coredns coredns -ldflags "-s -w" .
  go_build helm helm -ldflags "-s -w -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 \
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$(cut -d. -f2 <<<"$version")" helm.sh/helm/v3/cmd/helm
  go_build . k8s.new -ldflags "-s -w -X $v.gitVersion=v$version -X $v.gitTreeState=clean -X $v.gitMajor=1 \
    -X $v.gitMinor=$(cut -d. -f2 <<<"$version")" .
  for part in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl; do
    ln -sf k8s "$bin/$part"
  done
  mv "$bin/k8s.new" "$bin/k8s"
}

# image NAME BINARY prints an image of one static binary as a tar archive.
image() {
  local d file; d=$(mktemp -d) file=$(basename "$2")
  install -D "$2" "$d/root/$file"
  tar -C "$d/root" --owner 65532 --group 65532 --mtime @0 -cf "$d/layer.tar" .
  cat >"$d/config.json" <<-END
	{"architecture": "$(go env GOARCH)", "os": "linux", "config": {"User": "65532:65532", "Entrypoint": ["/$file"]},
	 "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256sum "$d/layer.tar" | cut -d' ' -f1)"]}}
	END
  echo "[{\"Config\": \"config.json\", \"RepoTags\": [\"$1\"], \"Layers\": [\"layer.tar\"]}]" >"$d/manifest.json"
  tar -C "$d" -cf - manifest.json config.json layer.tar
  rm -rf "$d"
}

# volumes prints persistent volumes in folders of the node. Unlike hostPath, the
# volume type local applies fsGroup, as a disk does.
volumes() {
  echo '{apiVersion: storage.k8s.io/v1, kind: StorageClass, provisioner: kubernetes.io/no-provisioner,'
  echo ' volumeBindingMode: WaitForFirstConsumer,'
  echo ' metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}}'
  for i in $(seq 16); do
    cat <<-END
	---
	apiVersion: v1
	kind: PersistentVolume
	metadata: {name: local-$i}
	spec:
	  capacity: {storage: 100Gi}
	  accessModes: [ReadWriteOnce, ReadWriteMany]
	  storageClassName: local
	  local: {path: /run/lib/volumes/$i}
	  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node]}]}]}}
	END
  done
}

# first prints the first process of the node; it fails if the cluster is down.
first() {
  local pid; pid=$(cat "$K8S_DIR/pid" 2>/dev/null) || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = unshare ] && pgrep -P "$pid"
}
run() { KUBECONFIG=$K8S_DIR/kubeconfig nsenter -t "$(first)" -m -n -p --wd="$PWD" -- "$@"; }
await() { # SECONDS WHAT COMMAND...
  local until=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    first >/dev/null && [ $SECONDS -lt $until ] || { echo "cluster: no $what; see $K8S_DIR/log" >&2; return 1; }
    sleep 0.2
  done
}

up() {
  ! first >/dev/null || { echo "cluster: already up"; return 0; }
  rm -rf "$K8S_DIR"; mkdir -p "$K8S_DIR/log"; chmod 700 "$K8S_DIR"
  local token; token=$(openssl rand -hex 16)
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=kube-apiserver \
    -addext "subjectAltName=DNS:kubernetes.default.svc,IP:10.96.0.1,IP:$node,IP:127.0.0.1" \
    -keyout "$K8S_DIR/key" -out "$K8S_DIR/crt" 2>/dev/null
  echo "$token,admin,admin,system:masters" >"$K8S_DIR/tokens"
  cat >"$K8S_DIR/kubeconfig" <<-END
	apiVersion: v1
	kind: Config
	clusters: [{name: test, cluster: {server: "https://$node:6443", certificate-authority: $K8S_DIR/crt}}]
	users: [{name: admin, user: {token: $token}}]
	contexts: [{name: test, context: {cluster: test, user: admin}}]
	current-context: test
	END
  setsid unshare --net --mount --pid --fork --kill-child --mount-proc bash "$0" inside >"$K8S_DIR/log/inside" 2>&1 </dev/null &
  echo $! >"$K8S_DIR/pid"
  until first >/dev/null; do kill -0 $! || return 1; sleep 0.05; done
  await 120 "API server" run kubectl get --raw /readyz
  await 60 "containerd" run ctr version
  image docker.io/library/pause:1 "$bin/pause" | run ctr -n k8s.io images import - >/dev/null
  volumes | run kubectl apply -f - >/dev/null
  await 60 "node" run kubectl get node node
  run kubectl wait --for=condition=Ready node/node --timeout=60s >/dev/null
  await 60 "service account" run kubectl get serviceaccount default
}

# part NAME COMMAND... starts a component in the background with its own log.
part() { local name=$1; shift; "$@" >"$K8S_DIR/log/$name" 2>&1 & }

inside() {
  mount --make-rshared /
  mount -t tmpfs tmpfs /run
  mkdir -p /run/lib/kubelet /run/lib/volumes/{1..16} /run/log /run/sysctl /run/cni/net.d
  mount --bind /run/log /var/log
  # The kubelet wants to set these for the whole machine: bind mounts show it the values.
  local s config=(--kubeconfig "$K8S_DIR/kubeconfig")
  for s in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    echo "${s#*=}" >"/run/sysctl/${s//\//.}"
    mount --bind "/run/sysctl/${s//\//.}" "/proc/sys/${s%=*}"
  done
  ip link set lo up
  ip address add $node/32 dev lo
  ip route add $services dev lo # so that the node itself reaches services
  echo 1 >/proc/sys/net/ipv4/ip_forward
  cat >/run/cni/net.d/pods.conflist <<-END
	{"cniVersion": "0.4.0", "name": "pods", "plugins": [
	  {"type": "ptp", "ipam": {"type": "host-local", "dataDir": "/run/cni/data",
	   "ranges": [[{"subnet": "$pods"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
	  {"type": "portmap", "capabilities": {"portMappings": true}}]}
	END
  cat >/run/containerd.toml <<-END
	version = 2
	root = "/run/lib/containerd"
	[plugins."io.containerd.grpc.v1.cri"]
	  sandbox_image = "docker.io/library/pause:1"
	  restrict_oom_score_adj = true # this root may have no CAP_SYS_RESOURCE
	  cni = {bin_dir = "/usr/lib/cni", conf_dir = "/run/cni/net.d"}
	END
  cat >/run/kubelet.yaml <<-END
	apiVersion: kubelet.config.k8s.io/v1beta1
	kind: KubeletConfiguration
	containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
	cgroupDriver: cgroupfs
	failCgroupV1: false
	failSwapOn: false
	authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
	authorization: {mode: AlwaysAllow}
	clusterDNS: [$node]
	clusterDomain: cluster.local
	resolvConf: ""
	imageGCHighThresholdPercent: 100
	imageGCLowThresholdPercent: 99
	evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%}
	END
  printf '%s\n' ".:53 {" "bind $node" errors "cache 5" "kubernetes cluster.local in-addr.arpa {" \
    "kubeconfig $K8S_DIR/kubeconfig" "}" "}" >/run/Corefile
  part etcd etcd --data-dir /run/etcd --unsafe-no-fsync --log-level warn
  part containerd containerd --config /run/containerd.toml
  part apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --advertise-address $node \
    --service-cluster-ip-range $services --authorization-mode RBAC --token-auth-file "$K8S_DIR/tokens" \
    --tls-cert-file "$K8S_DIR/crt" --tls-private-key-file "$K8S_DIR/key" --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$K8S_DIR/crt" --service-account-signing-key-file "$K8S_DIR/key"
  until kubectl "${config[@]}" get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done
  part controllers kube-controller-manager "${config[@]}" --root-ca-file "$K8S_DIR/crt" --leader-elect=false
  part scheduler kube-scheduler "${config[@]}" --leader-elect=false
  part kubelet kubelet "${config[@]}" --config /run/kubelet.yaml --root-dir /run/lib/kubelet --hostname-override node --node-ip $node
  part proxy kube-proxy "${config[@]}" --hostname-override node --cluster-cidr $pods \
    --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 --conntrack-tcp-timeout-close-wait 0
  part coredns coredns -conf /run/Corefile
  wait
}

down() {
  local pid; pid=$(first) || { echo "cluster: already down"; return 0; }
  kill -9 "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true
  rm -rf "$K8S_DIR"
}

case ${1:-} in
  build | up | down | inside) "$1" ;;
  status) run kubectl get nodes,pods -A -o wide ;;
  load-image) if [ "$2" = - ]; then cat; else cat "$2"; fi | run ctr -n k8s.io images import - >/dev/null ;;
  load-binary) image "docker.io/library/$2" "$3" | run ctr -n k8s.io images import - >/dev/null ;;
  node-pid) first ;;
  kubectl | helm) run "$@" ;;
  run) shift; run "$@" ;;
  *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 2 ;;
esac
