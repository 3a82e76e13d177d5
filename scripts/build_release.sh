#!/usr/bin/env bash
# Lays out a static extension repository, to be put on any web server as it is: Blender adds it by its URL, checks it
# for updates, and takes a zip that is dragged from its page.
#
#   build_release.sh FOLDER CHANNEL ZIP BLENDER_EXT.py
#
# CHANNEL is stable or latest; each is a repository of its own in FOLDER. Zips of earlier versions stay beside the new
# one, and Blender offers the newest.
set -euo pipefail

folder=$1/$2 channel=$2 zip=$3 tool=$4
case $channel in stable | latest) ;; *) echo "CHANNEL is $channel; allowed: stable, latest" >&2; exit 2 ;; esac

mkdir -p "$folder"
target=$folder/$(basename "$zip")
if [ "$channel" = stable ] && [ -e "$target" ] && ! cmp -s "$zip" "$target"; then
  echo "$target holds other bytes: a released version is not replaced. Raise the version in blender_manifest.toml." >&2
  exit 1
fi
cp "$zip" "$target.new"
mv "$target.new" "$target"
"${tool%%/lib/*}/bin/python" "$tool" server-generate --repo-dir "$folder" --html
(cd "$folder" && sha256sum -- *.zip >SHA256SUMS)
echo "$folder: $(find "$folder" -name '*.zip' | wc -l) version(s); serve it, and add the URL of its index.json in Blender"
