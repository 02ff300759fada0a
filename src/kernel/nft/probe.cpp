// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe.hpp"

#include "batch.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/ruleset.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace ks {

namespace {

/// What kernels answer that lack the family, the hook, the expression or a module. Anything else,
/// such as a lack of memory or of rights, says nothing about them.
bool says_unknown(const Error& error) {
    constexpr std::array<int, 4> kUnknown{EOPNOTSUPP, EAFNOSUPPORT, EINVAL, ENOENT};
    return std::ranges::find(kUnknown, error.sys_errno) != kUnknown.end();
}

}  // namespace

RawSupport probe_egress(NftSocket& socket) {
    const auto generation = read_generation(socket);
    const NftChain chain = make_chain({"probe", Hook::egress, {}, Device{"lo"}});
    if (!generation || !chain) {
        return RawSupport::kernel_can;
    }
    Batch batch(socket, *generation, kProbeTable);
    batch.select(TableFamily::netdev);
    batch.create_table(0);
    batch.create(chain.get(), "probe");
    const Status rehearsed = batch.rehearse();
    return !rehearsed && says_unknown(rehearsed.error()) ? RawSupport::kernel_cannot
                                                         : RawSupport::kernel_can;
}

LogSupport probe_log(NftSocket& socket) {
    const auto generation = read_generation(socket);
    const NftChain chain = make_chain({"probe", std::nullopt, {}});
    const Rule copying{{}, {}, Verdict::next, {}, {}, Carry::none, LogCopy{"probe", {}}};
    const NftRule rule = make_rule("probe", copying, TableFamily::inet);
    if (!generation || !chain || !rule) {
        return LogSupport::kernel_can;
    }
    Batch batch(socket, *generation, kProbeTable);
    batch.create_table(0);
    batch.create(chain.get(), "probe");
    batch.append(rule.get(), "probe");
    const Status rehearsed = batch.rehearse();
    return !rehearsed && says_unknown(rehearsed.error()) ? LogSupport::kernel_cannot
                                                         : LogSupport::kernel_can;
}

}  // namespace ks
