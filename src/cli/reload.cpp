// SPDX-License-Identifier: GPL-2.0-or-later
#include "client.hpp"
#include "cut_warning.hpp"
#include "killswitchd/escape.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <optional>

#include <fmt/format.h>

namespace ks::cli {

int reload(const Options& options) {
    if (!warn_of_cut(options, std::nullopt, Undo::no)) {
        return kRefused;
    }
    const auto reply = ask_service(options, "org.killswitchd.Reload");
    if (!reply) {
        return fail(reply.error());
    }
    if (!*reply) {
        complain("the service is not running, so there is nothing to reload",
                 "start it: " + start_command());
        return kFailed;
    }
    if (!(*reply)->error.empty()) {
        return explain_error(**reply);
    }
    fmt::print("reloaded; {}\n", escaped(headline((*reply)->status.judgement)));
    return kDone;
}

}  // namespace ks::cli
