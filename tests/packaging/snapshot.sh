#!/bin/sh
# snapshot.sh SOURCE FOLDER: a copy of what Git tracks in SOURCE, or would track, as it is now: a checkout of today.
# Exits with 77 where SOURCE is no checkout.
set -eu
command -v git >/dev/null && git -C "$1" rev-parse --git-dir >/dev/null 2>&1 || exit 77
mkdir -p "$2"
git -C "$1" ls-files --cached --others --exclude-standard -z |
    tar -C "$1" --null --files-from=- --ignore-failed-read -cf - 2>/dev/null | tar -C "$2" -xf -
