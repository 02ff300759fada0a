// SPDX-License-Identifier: GPL-2.0-or-later
#include "catch.hpp"
#include "killswitchd/compile.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/handle.hpp"
#include "killswitchd/nftables.hpp"
#include "killswitchd/nftables_watch.hpp"
#include "killswitchd/observed_tables.hpp"
#include "killswitchd/policy.hpp"
#include "killswitchd/ruleset.hpp"
#include "killswitchd/situation.hpp"
#include "support/private_network.hpp"
#include "support/table.hpp"

#include <cerrno>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace ks;
using namespace ks::test;

constexpr int kDeadlineMs = 2000;

/// In a new namespace; \return whether this kernel can protect a table for its owner.
bool enter_where_tables_have_owners() {
    enter_private_network();
    need_programs({"nft"});
    Nftables probe = open_nftables(Ownership::automatic);
    require(probe.apply(builtin_lock()));
    const bool can = probe.read()->at(TableFamily::inet).owner == TableOwner::us;
    require(probe.remove());
    if (!can) {
        WARN("this kernel cannot protect a table for its owner: nothing is tested");
    }
    return can;
}

TableOwner owner(Nftables& nftables) {
    const auto live = nftables.read();
    REQUIRE(live);
    return live->at(TableFamily::inet).owner;
}

/// What the watch reports within the deadline; empty when nothing comes.
std::optional<std::string> report(NftablesWatch& watch, int deadline_ms) {
    pollfd waiting{watch.fd(), POLLIN, 0};
    ::poll(&waiting, 1, deadline_ms);
    auto who = watch.drain();
    REQUIRE(who);
    return *who;
}

NftablesWatch open_watch(const Nftables& nftables) {
    auto opened = NftablesWatch::open(nftables.port());
    REQUIRE(opened);
    return *std::move(opened);
}

/// A process that owns the table until it is killed.
class Owner {
  public:
    explicit Owner(const Ruleset& ruleset) {
        int ready[2] = {-1, -1};
        REQUIRE(::pipe2(ready, 0) == 0);
        const Fd reading{ready[0]};
        Fd writing{ready[1]};
        pid_ = ::fork();
        if (pid_ == 0) {
            Nftables nftables = open_nftables(Ownership::automatic);
            const char done = nftables.apply(ruleset) ? 'y' : 'n';
            static_cast<void>(!::write(writing.get(), &done, 1));
            for (;;) {
                ::pause();
            }
        }
        writing.reset();
        char done = 'n';
        REQUIRE(::read(reading.get(), &done, 1) == 1);
        REQUIRE(done == 'y');
    }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;
    ~Owner() { kill(); }
    void kill() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
            pid_ = -1;
        }
    }

  private:
    pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("an owned table withstands flush, delete and edit", "[ownership][fail-closed]") {
    if (!enter_where_tables_have_owners()) {
        return;
    }
    const Ruleset ruleset = example_rules(StateName::locked);
    {
        Nftables unprotected = open_nftables(Ownership::off);
        require(unprotected.apply(ruleset));
        must("nft flush ruleset");  // Else the test proves nothing.
        REQUIRE(unprotected.read()->empty());
    }
    Nftables nftables = open_nftables(Ownership::automatic);
    require(nftables.apply(ruleset));

    CHECK(run("nft flush ruleset").status == 0);
    CHECK(run("nft delete table inet killswitchd").status != 0);
    CHECK(run("nft flush table inet killswitchd").status != 0);
    CHECK(run("nft insert rule inet killswitchd output accept").status != 0);
    CHECK(run("nft chain inet killswitchd output '{ policy accept ; }'").status != 0);
    CHECK(run("nft add table inet killswitchd '{ flags dormant ; }'").status != 0);

    CHECK(owner(nftables) == TableOwner::us);
    CHECK(wrong(nftables, ruleset).empty());
}

TEST_CASE("the table stays when its owner's socket closes, and the next one claims it",
          "[ownership][fail-closed]") {
    if (!enter_where_tables_have_owners()) {
        return;
    }
    const Ruleset ruleset = example_rules(StateName::locked);
    {
        Nftables first = open_nftables(Ownership::automatic);
        require(first.apply(ruleset));
        REQUIRE(owner(first) == TableOwner::us);
    }
    Nftables second = open_nftables(Ownership::automatic);
    CHECK(owner(second) == TableOwner::orphan);
    CHECK(wrong(second, ruleset).empty());

    SECTION("with the same rules") {
        require(second.apply(ruleset));
        CHECK(wrong(second, ruleset).empty());
    }
    SECTION("with other rules") {
        require(second.apply(example_rules(StateName::protected_)));
        CHECK(wrong(second, example_rules(StateName::protected_)).empty());
    }

    CHECK(owner(second) == TableOwner::us);
    CHECK(second.read()->at(TableFamily::inet).persist);
    CHECK(run("nft delete table inet killswitchd").status != 0);
}

TEST_CASE("without the wish to own, an orphaned table is changed and stays an orphan",
          "[ownership]") {
    if (!enter_where_tables_have_owners()) {
        return;
    }
    {
        Nftables first = open_nftables(Ownership::automatic);
        require(first.apply(example_rules(StateName::locked)));
    }
    Nftables second = open_nftables(Ownership::off);

    require(second.apply(example_rules(StateName::panic)));

    CHECK(owner(second) == TableOwner::orphan);
    CHECK(wrong(second, example_rules(StateName::panic)).empty());
}

TEST_CASE("a second process is refused while the owner lives, and takes over when it is killed",
          "[ownership][fail-closed]") {
    if (!enter_where_tables_have_owners()) {
        return;
    }
    const Ruleset ruleset = example_rules(StateName::locked);
    const Ruleset other = example_rules(StateName::protected_);
    Owner process(ruleset);
    Nftables second = open_nftables(Ownership::automatic);
    CHECK(owner(second) == TableOwner::somebody);

    const Status refused = second.apply(other);
    const Status kept = second.remove();

    REQUIRE_FALSE(refused);
    CHECK(refused.error().sys_errno == EPERM);
    CHECK_THAT(refused.error().what, contains_text("the table belongs to another process"));
    REQUIRE_FALSE(kept);
    CHECK(kept.error().sys_errno == EPERM);
    CHECK(wrong(second, ruleset).empty());

    process.kill();

    CHECK(owner(second) == TableOwner::orphan);
    CHECK(wrong(second, ruleset).empty());
    require(second.apply(other));
    CHECK(owner(second) == TableOwner::us);
    CHECK(wrong(second, other).empty());
}

TEST_CASE("the watch names who changed any table", "[watch]") {
    enter_private_network();
    need_programs({"nft"});
    Nftables nftables = open_nftables(Ownership::off);
    NftablesWatch watch = open_watch(nftables);

    must("nft add table inet foreign");
    CHECK(report(watch, kDeadlineMs) == "nft");
    CHECK(report(watch, 0) == std::nullopt);

    require(nftables.apply(example_rules(StateName::locked)));
    CHECK(report(watch, 0) == std::nullopt);

    must("nft delete table inet killswitchd");
    CHECK(report(watch, kDeadlineMs) == "nft");
}

TEST_CASE("the watch is silent about our own commits", "[watch]") {
    enter_private_network();
    Nftables nftables = open_nftables(Ownership::automatic);
    NftablesWatch watch = open_watch(nftables);

    for (const StateName state : {StateName::locked, StateName::protected_, StateName::panic}) {
        require(nftables.apply(example_rules(state)));
        CHECK(report(watch, 0) == std::nullopt);
    }
    require(nftables.remove());

    CHECK(report(watch, 0) == std::nullopt);
}
