#!/usr/bin/env bash
# Podman on a bare Debian machine without systemd and without a registry, for `npm run test:deploy`:
#   eval "$(test/deploy/engine.sh)"
# Its store and settings are its own, so that an engine that is there already stays as it is. The two base images are
# stand-ins: Debian made from the machine's own package sources, and on top of it Node.js from the npm registry. They
# trust what the machine trusts. What the real ones have beside that is not seen by the tests.
set -euo pipefail

packages=(podman buildah runc netavark aardvark-dns iptables debootstrap python3-venv)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Layers without copies where the kernel lets this user mount them.
driver=vfs
mkdir "$work"/{lower,upper,work,merged}
if mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/work" "$work/merged" 2>/dev/null; then
  umount "$work/merged"
  driver=overlay
fi
store=/var/lib/spin-runtime-test/$driver
mkdir -p "$store"
cat >"$store/storage.conf" <<CONF
[storage]
driver = "$driver"
runroot = "/run/spin-runtime-test"
graphroot = "$store/images"
CONF
# Limits may be lowered by anybody, and raised only by some.
cat >"$store/containers.conf" <<CONF
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[network]
network_backend = "netavark"
network_config_dir = "$store/networks"
CONF
export CONTAINERS_CONF=$store/containers.conf CONTAINERS_STORAGE_CONF=$store/storage.conf BUILDAH_ISOLATION=chroot

debian=docker.io/library/debian:bookworm-slim
if ! podman image exists "$debian"; then
  echo "making $debian" >&2
  mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | awk '$1 == "bookworm" && $2 ~ /\/debian\/$/ { print $2; exit }')
  root=$work/debian
  debootstrap --variant=minbase bookworm "$root" "$mirror" >"$work/log" || { cat "$work/log" >&2; exit 1; }
  chmod 755 "$root"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/usr/share/{doc,man,locale}/*
  authorities=/etc/ssl/certs/ca-certificates.crt
  mkdir -p "$root/etc/ssl/certs"
  cp "$authorities" "$root$authorities"
  # Installing ca-certificates makes that file anew, from these too.
  if [ -d /usr/local/share/ca-certificates ]; then
    mkdir -p "$root/usr/local/share/ca-certificates"
    cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
  fi
  changes=(--change 'CMD ["bash"]' --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin')
  for name in NODE_EXTRA_CA_CERTS SSL_CERT_FILE PIP_CERT REQUESTS_CA_BUNDLE; do
    changes+=(--change "ENV $name=$authorities")
  done
  tar -C "$root" -c . | podman import --quiet "${changes[@]}" - "$debian" >/dev/null
fi

node=docker.io/library/node:24-bookworm-slim
if ! podman image exists "$node"; then
  echo "making $node" >&2
  (cd "$work" && npm init -y && npm install --no-audit --no-fund --loglevel=error node@24 npm@11) >/dev/null
  mkdir -p "$work"/local/{bin,lib/node_modules}
  cp "$(realpath "$work/node_modules/.bin/node")" "$work/local/bin/node"
  cp -r "$work/node_modules/npm" "$work/local/lib/node_modules/npm"
  for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$work/local/bin/$name"; done
  printf 'FROM %s\nCOPY local/ /usr/local/\nRUN useradd -m -u 1000 node\nCMD ["node"]\n' "$debian" >"$work/Dockerfile"
  podman build --quiet --tag "$node" --file "$work/Dockerfile" "$work" >/dev/null
fi

# Debian 12's own is too old for `network_mode: service:…` and for fixed addresses.
compose=$store/podman-compose-1.6.0
if [ ! -x "$compose/bin/podman-compose" ]; then
  python3 -m venv "$compose" && "$compose/bin/pip" install --quiet podman-compose==1.6.0 >&2
fi

for name in CONTAINERS_CONF CONTAINERS_STORAGE_CONF BUILDAH_ISOLATION; do
  echo "export $name=${!name}"
done
echo "export PATH=$compose/bin:\$PATH"
