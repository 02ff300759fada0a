// SPDX-License-Identifier: GPL-2.0-or-later
#include "../host/names.hpp"
#include "import_log.hpp"
#include "killswitchd/endpoints.hpp"
#include "loop.hpp"

#include <string>
#include <vector>

namespace ks {

void Loop::imports_changed() {
    const std::vector<ImportWatch::News> news = imports_.drain();
    if (news.empty()) {
        return;
    }
    const State& state = engine_.state();
    names_.use(state.policy, imports_.files());
    engine_.handle(EndpointsChanged{EndpointSource::imported,
                                    endpoints_in(imports_.files(), state.policy, state.learned)});
    names_changed();
    for (const ImportWatch::News& one : news) {
        if (const std::string text = log_import(one); !text.empty()) {
            service_.publish("import-changed", text);
        }
    }
}

KnownEndpoints Loop::learned(const Policy& policy) const {
    return learned_endpoints(policy, imports_.files(), names_.book(), engine_.state().learned);
}

void Loop::names_changed() {
    engine_.handle(
        EndpointsChanged{EndpointSource::hostname,
                         endpoints_named(engine_.state().policy, imports_.files(), names_.book())});
    tell_systemd();
}

}  // namespace ks
