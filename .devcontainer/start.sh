#!/usr/bin/env bash
# Starts the runtime of this checkout in a dev container: docs/deploy/devcontainer.md.
set -euo pipefail
cd "$(dirname "$0")/.."

# In GitHub Codespaces the browser is at another address than the port: GitHub's proxy ends TLS and connects from here.
if [ -n "${CODESPACE_NAME:-}" ]; then
  export SPIN_PUBLIC_URL="https://$CODESPACE_NAME-${SPIN_PORT:-8888}.$GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN"
  export SPIN_TRUSTED_PROXIES=127.0.0.1,::1
fi
exec npm start
