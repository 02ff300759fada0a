// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipsec_conf.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace ks {

namespace {

Piece without_quotes(const Piece& value) {
    const bool quoted =
        value.text.size() > 1 && value.text.front() == '"' && value.text.back() == '"';
    return quoted ? trimmed(value.part(1, value.text.size() - 2)) : value;
}

}  // namespace

void read_ipsec_conf(const std::vector<Piece>& lines, Notes& notes) {
    for (const Piece& line : lines) {
        const Piece row = trimmed(line.part(0, line.text.find('#')));
        if (row.text.starts_with("include ")) {
            notes.warning(row, "what it names is not read",
                          "import those files as well, where they name servers");
        }
        const auto setting = setting_of(row);
        if (!setting || setting->key.text != "right") {
            continue;
        }
        for (const Piece& host : split(without_quotes(setting->value), ",")) {
            if (!host.text.starts_with('%')) {  // "%any": whoever calls.
                notes.server(host, ipsec_speech());
            }
        }
    }
}

}  // namespace ks
