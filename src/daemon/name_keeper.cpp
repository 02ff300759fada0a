// SPDX-License-Identifier: GPL-2.0-or-later
#include "name_keeper.hpp"

#include "../host/hosts_file.hpp"
#include "../host/name_cache.hpp"
#include "../host/names.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/name_messages.hpp"
#include "killswitchd/time.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks {

namespace {

// Keys of the timers.
constexpr const char* kDue = "names-due";
constexpr const char* kAnswer = "names-answer";

/// The resolver gives up earlier.
constexpr std::chrono::milliseconds kLongestAnswer{20'000};
/// However often the network changes.
constexpr std::chrono::seconds kShortestPause{1};
/// When an answer that changes nothing is written to the disk all the same.
constexpr std::chrono::nanoseconds kSaveInterval = std::chrono::hours(1);

NameMoment now() {
    return {std::chrono::system_clock::now(), since_boot()};
}

std::vector<IpAddress> addresses_of(const KnownName& name) {
    std::vector<IpAddress> all;
    std::ranges::transform(name.addresses, std::back_inserter(all), &KnownAddress::address);
    std::ranges::sort(all);
    return all;
}

/// "added A, B; removed C".
std::string change_between(const std::vector<IpAddress>& before,
                           const std::vector<IpAddress>& after) {
    std::vector<std::string> parts;
    const auto add = [&](const char* verb, const std::vector<IpAddress>& a,
                         const std::vector<IpAddress>& b) {
        std::vector<IpAddress> only;
        std::ranges::set_difference(a, b, std::back_inserter(only));
        std::vector<std::string> texts;
        std::ranges::transform(only, std::back_inserter(texts), &IpAddress::str);
        if (!texts.empty()) {
            parts.push_back(fmt::format("{} {}", verb, fmt::join(texts, ", ")));
        }
    };
    add("added", after, before);
    add("removed", before, after);
    return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

NameKeeper::NameKeeper(Reactor& reactor, Paths paths, Hooks hooks)
    : reactor_(&reactor), paths_(std::move(paths)), hooks_(std::move(hooks)) {}

NameKeeper::~NameKeeper() {
    hang_up();
}

Pace NameKeeper::pace() const noexcept {
    return state_ == StateName::locked || state_ == StateName::protected_ ? Pace::needed
                                                                          : Pace::idle;
}

void NameKeeper::use(const Policy& policy, const VpnFiles& files) {
    if (policy.bootstrap != policy_.bootstrap) {  // Other servers may have other answers.
        hurry(book_, now());
    }
    policy_ = policy;
    files_ = files;
    const std::vector<std::string> names = wanted_names(policy, files);
    if (book_.empty() && !names.empty()) {
        book_ = load_name_cache(paths_.state_dir, policy.bootstrap.servers);
    }
    keep_names(book_, names);
}

void NameKeeper::follow(const Situation& situation) {
    std::vector<std::string> tunnels_up = ways_out(situation);
    const bool needed_before = pace() == Pace::needed;
    const bool lost = situation.state == StateName::locked && state_ != StateName::locked;
    const bool gained = tunnels_up != tunnels_up_ && !tunnels_up.empty();
    state_ = situation.state;
    tunnels_up_ = std::move(tunnels_up);
    if (lost || (pace() == Pace::needed && !needed_before)) {
        hurry(book_, now());
    } else if (gained) {
        network_changed();
    }
    publish();
    ask_due();
}

void NameKeeper::network_changed() {
    const NameMoment moment = now();
    for (auto& [host, name] : book_) {
        if (name.failures > 0) {
            name.due = std::min(name.due, last_asked_ + kShortestPause);
            name.failures = 1;
        }
    }
    if (last_asked_ + kShortestPause <= moment.since_boot) {
        ask_due();
    } else {
        wake_when_due();
    }
}

void NameKeeper::wake_when_due() {
    const auto due = next_due(book_);
    if (!due || !asked_.empty() || state_ == StateName::panic) {
        reactor_->cancel(kDue);
        return;
    }
    const auto delay = std::chrono::ceil<std::chrono::milliseconds>(*due - since_boot());
    reactor_->after(kDue, std::max(delay, std::chrono::milliseconds(0)), [this] { ask_due(); });
}

/// One round after the other: what became due meanwhile is asked for when all have answered.
void NameKeeper::ask_due() {
    if (asked_.empty() && state_ != StateName::panic) {
        const auto moment = since_boot();
        std::vector<std::string> due;
        for (const auto& [host, name] : book_) {
            if (name.due <= moment) {
                due.push_back(host);
            }
        }
        for (const std::string& host : due) {
            ask(host);
        }
        if (!asked_.empty()) {
            last_asked_ = moment;
            reactor_->after(kAnswer, kLongestAnswer,
                            [this] { give_up("the resolver does not answer"); });
        }
    }
    wake_when_due();
}

void NameKeeper::ask(const std::string& host) {
    if (!link_) {
        auto opened = ResolverLink::open(paths_.resolver_socket(), *policy_.bootstrap.user);
        if (!opened) {
            return failed(host, opened.error().message());
        }
        link_.emplace(*std::move(opened));
        auto watched = reactor_->on_readable(link_->fd(), [this] { take_replies(); });
        if (!watched) {
            link_.reset();
            return failed(host, watched.error().message());
        }
    }
    if (auto sent = link_->ask({++last_id_, host, policy_.bootstrap.servers}); !sent) {
        return failed(host, sent.error().message());
    }
    asked_[last_id_] = host;
}

void NameKeeper::take_replies() {
    bool changed = false;
    while (link_) {
        const auto reply = link_->receive();
        if (!reply) {
            give_up(reply.error().message());
            break;
        }
        if (!*reply) {
            break;
        }
        const auto asked = asked_.find((*reply)->id);
        if (asked == asked_.end()) {
            give_up("the resolver answers what was not asked");
            break;
        }
        const std::string host = asked->second;
        asked_.erase(asked);
        changed = take(host, **reply) || changed;
        if (asked_.empty()) {
            hang_up();
        }
    }
    if (changed) {
        publish();
        hooks_.changed();
    }
    wake_when_due();
}

bool NameKeeper::take(const std::string& host, const NameReply& reply) {
    const auto known = book_.find(host);
    if (known == book_.end()) {  // The config no longer has it.
        return false;
    }
    if (reply.status != NameStatus::found) {
        failed(host, std::string(explain(reply.status)));
        return false;
    }
    const Vetted vetted = vet(reply.addresses, policy_.bootstrap.servers);
    if (vetted.addresses.empty()) {
        failed(host, fmt::format("no address of a server on the internet: {}",
                                 fmt::join(vetted.refused, ", ")));
        return false;
    }
    KnownName& name = known->second;
    const bool used = is_used(host, policy_, files_, tunnels_up_);
    const std::vector<IpAddress> before = addresses_of(name);
    note_answer(name, vetted.addresses, reply.ttl, now(), pace(), used ? InUse::yes : InUse::no);
    const std::vector<IpAddress> after = addresses_of(name);
    if (!vetted.refused.empty() && before != after) {
        hooks_.tell(
            Announce{"name-refused", fmt::format("{}: {}", host, fmt::join(vetted.refused, ", "))});
    }
    if (before == after) {
        if (since_boot() - last_saved_ > kSaveInterval) {
            save();
        }
        return true;  // It was seen anew, which is its age.
    }
    hooks_.tell(
        Announce{"name-changed", fmt::format("{}: {}", host, change_between(before, after))});
    save();
    return true;
}

void NameKeeper::failed(const std::string& host, const std::string& why) {
    KnownName& name = book_[host];
    const bool news = name.problem != why;
    note_failure(name, why, now(), pace());
    if (news) {
        std::vector<std::string> kept;
        for (const KnownAddress& known : name.addresses) {
            kept.push_back(known.address.str());
        }
        hooks_.tell(
            Announce{"name-failed",
                     fmt::format("{}: {}; {}", host, why,
                                 kept.empty() ? std::string("no address is known")
                                              : fmt::format("kept: {}", fmt::join(kept, ", ")))});
    }
}

void NameKeeper::give_up(const std::string& why) {
    for (const auto& [id, host] : std::exchange(asked_, {})) {
        if (book_.contains(host)) {
            failed(host, why);
        }
    }
    hang_up();
    wake_when_due();
}

void NameKeeper::hang_up() {
    reactor_->cancel(kAnswer);
    if (link_) {
        reactor_->forget(link_->fd());
        link_.reset();
    }
}

void NameKeeper::save() {
    last_saved_ = since_boot();
    if (auto saved = save_name_cache(paths_.state_dir, book_); !saved) {
        hooks_.tell(
            Announce{"names-not-saved", fmt::format("a boot would go by older addresses: {}",
                                                    saved.error().message())});
    }
}

/// Where the service may not write there, the unit for it does.
void NameKeeper::publish() {
    const bool wanted = policy_.bootstrap.hosts && state_ != StateName::disarmed;
    std::string lines = wanted ? hosts_lines(book_) : std::string();
    if (published_ == lines) {
        return;
    }
    Status done = publish_hosts(paths_.hosts_file, lines);
    if (!done && (done.error().sys_errno == EROFS || done.error().sys_errno == EACCES)) {
        done = write_file_atomically(paths_.state_dir + "/hosts", lines);
    }
    if (!done) {
        hooks_.tell(Announce{"hosts-failed", done.error().message()});
    }
    published_ = std::move(lines);
}

}  // namespace ks
