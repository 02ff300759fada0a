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

/// What kernels answer that lack the family, the hook or its module. Anything else, such as a lack
/// of memory or of rights, says nothing about the hook.
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

}  // namespace ks
