// SPDX-License-Identifier: GPL-2.0-or-later
#include "learner.hpp"

#include "../host/learned_store.hpp"
#include "killswitchd/automatic.hpp"
#include "killswitchd/log.hpp"

#include <chrono>
#include <string>

namespace ks {

namespace {

constexpr const char* kLook = "learn";  // Key of the timer.

}  // namespace

void Learner::look() {
    const State& state = engine_.state();
    reactor_.cancel(kLook);
    if (!state.links) {
        return;
    }
    const AutoWatch::News news =
        watch_.look(state.policy, *state.links, std::chrono::system_clock::now());
    if (news.next) {
        reactor_.after(kLook, *news.next, [this] { look(); });
    }
    for (const std::string& text : news.failed) {
        log(Severity::warning, "endpoint-unknown", text);
    }
    for (const std::string& text : news.refused) {
        tell("endpoint-not-followed", text);
    }
    if (!news.servers) {
        return;
    }
    if (auto saved = save_learned(paths_, watch_.servers()); !saved) {
        log(Severity::warning, "endpoint-not-kept", saved.error().message());
    }
    engine_.handle(EndpointsChanged{EndpointSource::automatic,
                                    endpoints_from(watch_.servers(), state.policy)});
    for (const std::string& text : news.learned) {
        tell("endpoint-learned", text);
    }
}

void Learner::links_changed() {
    const State& state = engine_.state();
    if (state.links && watch_.concerns(state.policy, *state.links)) {
        look();
    }
}

void Learner::tell(const char* key, const std::string& text) {
    log(Severity::notice, key, text);
    service_.publish(key, text);
}

}  // namespace ks
