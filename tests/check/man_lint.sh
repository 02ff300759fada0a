#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages given render without a warning. Skips where there is no man that can tell.
set -eu
command -v man >/dev/null && man --help 2>/dev/null | grep -q -- --warnings || exit 77
for page in "$@"; do
    warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -l "$page" 2>&1 >/dev/null)
    if [ -n "$warnings" ]; then
        echo "$page: $warnings"
        exit 1
    fi
    if command -v mandoc >/dev/null; then
        mandoc -Tlint -W error "$page"
    fi
done
