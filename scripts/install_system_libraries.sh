#!/usr/bin/env bash
# Installs the system libraries that Blender as a Python module needs (readelf -d says so), where they are missing.
# On Debian and Ubuntu, as root; elsewhere it says what is missing.
set -euo pipefail

installed=$(ldconfig -p)
missing=
while read -r library package; do
  grep -q "^[[:space:]]*${library//./\\.} " <<<"$installed" || missing+=" $package"
done <<'END'
libGL.so.1 libgl1
libOpenGL.so.0 libopengl0
libX11.so.6 libx11-6
libXext.so.6 libxext6
libXfixes.so.3 libxfixes3
libXi.so.6 libxi6
libXrender.so.1 libxrender1
libXt.so.6 libxt6
libSM.so.6 libsm6
libICE.so.6 libice6
libxkbcommon.so.0 libxkbcommon0
END

[ -n "$missing" ] || { echo "System libraries: all there."; exit 0; }
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "System libraries are missing. On Debian or Ubuntu: sudo apt-get install$missing" >&2
  exit 1
fi
echo "System libraries: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086  # a list of names
apt-get install -qq --yes --no-install-recommends $missing
