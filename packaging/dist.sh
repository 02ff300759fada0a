#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Run by `meson dist`: the same commit makes the same tarball.
set -eu
stamp=${SOURCE_DATE_EPOCH:-$(git -C "$MESON_SOURCE_ROOT" log -1 --format=%ct)}
find "$MESON_DIST_ROOT" -exec touch -h -d "@$stamp" {} +
chmod -R u=rwX,go=rX "$MESON_DIST_ROOT"
