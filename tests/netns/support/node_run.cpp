// SPDX-License-Identifier: GPL-2.0-or-later
#include "node_run.hpp"

#include "killswitchd/error.hpp"
#include "killswitchd/lab/node.hpp"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace ks::test {

Status run_to_end(const lab::Node& node, const std::vector<std::string>& argv) {
    auto process = node.spawn(argv);
    if (!process) {
        return std::move(process).error();
    }
    auto code = process->wait(kPatience);
    if (!code) {
        return std::move(code).error();
    }
    if (*code != 0) {
        return Error{fmt::format("{} failed with {}: {}", argv.front(), *code, process->output())};
    }
    return Done{};
}

}  // namespace ks::test
