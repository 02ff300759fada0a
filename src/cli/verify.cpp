// SPDX-License-Identifier: GPL-2.0-or-later
#include "../proof/evidence.hpp"
#include "../proof/json.hpp"
#include "../proof/proof.hpp"
#include "killswitchd/escape.hpp"
#include "killswitchd/wrap.hpp"
#include "terminal.hpp"
#include "test_screen.hpp"

#include <cstdio>
#include <set>
#include <string>

#include <fmt/format.h>

namespace ks::cli {

int verify(const Options& options) {
    const auto verified = proof::verify_evidence(options.file);
    if (!verified) {
        return fail(verified.error());
    }
    const proof::Proof& proof = verified->proof;
    if (options.json) {
        fmt::print("{}", proof::to_json(proof));
    } else {
        fmt::print(
            "{}",
            wrapped(escaped(fmt::format("{} files are as the manifest says, made {} by "
                                        "killswitchd {} on {}; judged again by the captures.",
                                        verified->files, proof.made, proof.version, proof.kernel)),
                    0));
        fmt::print("{}", test_columns());
        std::set<std::string> told;
        for (const auto* const some : {&proof.drills, &proof.exceptions}) {
            for (const proof::Played& drill : *some) {
                fmt::print("{}", test_row(options, drill, told));
            }
        }
        fmt::print("{}", test_end(options, proof));
    }
    return proof.conclusion() == proof::Conclusion::holds ? kDone : kFailed;
}

}  // namespace ks::cli
