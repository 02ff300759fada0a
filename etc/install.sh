#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs the packaged config only where none is: an administrator's must outlast every install.
set -eu
source=$1
directory=${DESTDIR:-}$2
mkdir -p "$directory/conf.d"
[ -e "$directory/killswitchd.yaml" ] || install -m 0644 "$source" "$directory/killswitchd.yaml"
