// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/daemon.hpp"
#include "killswitchd/nearest.hpp"
#include "options.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ks::cli {

namespace {

/// Where descriptions begin: the longest still ends before column 80.
constexpr std::size_t kHelpColumn = 26;

/// Not CLI11's footer, whose lines newer versions join.
constexpr std::string_view kExamples =
    "\nExamples:\n"
    "  killswitchd check           is the config right, and what does it open?\n"
    "  killswitchd test            prove it on this machine, in a sandbox\n"
    "  killswitchd arm             from now on, also after a reboot\n"
    "  killswitchd status --json   for scripts; killswitchd(8) explains the fields\n"
    "  killswitchd disarm          the way out\n"
    "\nManual: man 8 killswitchd, man 5 killswitchd.yaml\n";

using Command = int (*)(const Options&);

Color color_from(std::string_view when) {
    return when == "always" ? Color::always : when == "never" ? Color::never : Color::automatic;
}

/// Accepts these words alone. The library's own check names its internals.
CLI::Validator one_of(std::vector<std::string> words) {
    return {[words = std::move(words)](const std::string& word) {
                return std::ranges::find(words, word) != words.end()
                           ? std::string()
                           : fmt::format("'{}' is none of {}", word, fmt::join(words, ", "));
            },
            ""};
}

int run(const Options& options) {
    return run_daemon(options.paths);
}

/// The command line. Every option of the program may stand before or after the command.
class Program {
  public:
    Program() : app_("A kill switch: traffic leaves only through the VPN tunnel.", "killswitchd") {
        app_.set_version_flag("--version", "killswitchd " KS_VERSION);
        add_path("--config", "FILE", options_.paths.config);
        add_path("--state-dir", "DIR", options_.paths.state_dir);
        add_path("--runtime-dir", "DIR", options_.paths.runtime_dir);
        add_path("--hosts-file", "FILE", options_.paths.hosts_file);
        app_.add_option_function<std::string>(
                "--color", [this](const std::string& when) { options_.color = color_from(when); },
                "auto, always or never")
            ->option_text("WHEN")
            ->check(one_of({"auto", "always", "never"}));
        app_.require_subcommand(0, 1);  // None: status.
        app_.fallthrough();
        app_.get_formatter()->column_width(kHelpColumn);
        add_commands();
    }

    int main(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return complain_of(error, std::vector<std::string>(argv + 1, argv + argc));
        }
        return chosen_(options_);
    }

  private:
    /// Every path has its default in the help.
    void add_path(const char* name, const char* type, std::string& path) {
        app_.add_option(name, path, "Default: " + path)->option_text(type);
    }

    CLI::App* add(const char* name, Command command, const char* help) {
        CLI::App* const sub = app_.add_subcommand(name, help);
        sub->callback([this, command] { chosen_ = command; });
        return sub;
    }

    void add_commands() {
        auto* const status_command =
            add("status", status, "Is this machine protected? (exit 0: yes)");
        auto* const json = status_command->add_flag("--json", options_.json, "One JSON object");
        auto* const brief = status_command->add_flag("--short", options_.brief, "The first line");
        status_command->add_flag("--watch", options_.watch, "Again after every change");
        status_command->add_flag("-q,--quiet", options_.quiet, "Only the exit code")
            ->excludes(json)
            ->excludes(brief);
        brief->excludes(json);
        auto* const check_command = add("check", check, "Validate the config and name its holes");
        check_command->add_flag("--offline", options_.offline, "Do not look at this machine");
        check_command->add_option("FILE", options_.file, "Instead of the installed config")
            ->option_text(" ");
        auto* const render_command =
            add("render", render, "Print the rules of a state; applies nothing");
        render_command
            ->add_option("--state", options_.state, "disarmed, locked, protected, paused or panic")
            ->option_text("STATE")
            ->check(one_of({"disarmed", "locked", "protected", "paused", "panic"}));
        render_command->add_option("--format", options_.format, "nft (default) or json")
            ->option_text("FORMAT")
            ->check(one_of({"nft", "json"}));
        add("diff", diff, "Compare the kernel's rules with those wanted");
        add_explain();
        add_arm();
        add("confirm", confirm, "Keep what `arm --confirm` began");
        add("disarm", disarm, "Open, until the next arm, also after a reboot")
            ->add_flag("--all", options_.all, "End a panic as well");
        add("lock", lock, "Panic: cut everything but loopback");
        add("unlock", unlock, "End the panic");
        auto* const pause_command =
            add("pause", pause, "Open for a while, such as 10m; ends by itself");
        pause_command->add_option("DURATION", options_.duration, "A number with s, m or h")
            ->option_text(" ")
            ->required();
        pause_command->add_option("--user", options_.user, "For this user alone")
            ->option_text("NAME");
        add("resume", resume, "End a pause");
        add("reload", reload, "Read the config again")
            ->add_flag("--anyway", options_.anyway, "Even if it cuts this SSH session");
        auto* const list =
            add("endpoints", endpoints, "List the VPN servers, and where each is from");
        list->add_flag("--json", options_.json, "As JSON");
        list->add_subcommand("pin", "Write what `auto` has learned into the config")
            ->callback([this] { options_.pin = true; });
        add_endpoint();
        add_init();
        add("metrics", metrics, "The status for Prometheus, in OpenMetrics form");
        add("monitor", monitor, "Print events as they happen")
            ->add_flag("--json", options_.json, "One JSON object a line");
        CLI::App* const bundle = add("report", report, "A text for an issue tracker, names masked");
        bundle->add_option("--output", options_.file, "Also into this file")->option_text("FILE");
        bundle->add_flag("--yes", options_.yes, "Write without a question");
        add_blocked();
        add_test();
        add("run-confined", run_confined, "Run a program that may use the tunnel alone")
            ->add_option("COMMAND", options_.command, "With its arguments, after --")
            ->option_text(" ")
            ->required();
        add("run", run, "The service, in the foreground");
        add("resolve", resolve, "Asks for names; the service starts it");
        add("reconnect", reconnect, "Restarts VPNs that are down; a unit starts it");
        add("hosts", hosts, "Writes the hosts file; a unit starts it");
        CLI::App* const at_boot = add("boot", boot, "Load the lock before the network comes up");
        at_boot->add_flag("--hold", options_.hold, "Only keep the rules when systemd exits");
        at_boot->add_flag("--gate", options_.gate, "Only say whether the network may start");
    }

    void add_explain() {
        Options::Packet& packet = options_.packet;
        CLI::App* const sub = add("explain", explain, "Which rule decides on a packet, and why");
        sub->add_option("PROTO", packet.protocol, "tcp, udp, icmp or a number")
            ->option_text(" ")
            ->required();
        sub->add_option("ADDR", packet.target, "Address, with tcp and udp ADDR:PORT")
            ->option_text(" ")
            ->required();
        sub->add_option("--user", packet.user, "Of the sender; default: you")->option_text("NAME");
        sub->add_option("--group", packet.group, "Of the sender")->option_text("NAME");
        sub->add_option("--mark", packet.mark, "Of the socket")->option_text("MARK");
        sub->add_option("--cgroup", packet.cgroup, "Of the sender")->option_text("PATH");
        auto* const from = sub->add_option("--from", packet.from, "Sent by this guest, an address");
        from->option_text("ADDR");
        sub->add_flag("--in", packet.in, "From ADDR to PORT here")->excludes(from);
        sub->add_flag("--json", options_.json, "One JSON object");
    }

    void add_test() {
        CLI::App* const sub = add("test", test, "Prove the kill switch, in throw-away networks");
        sub->add_option("--drill", options_.drill, "Only this one")->option_text("NAME");
        sub->add_flag("--json", options_.json, "One JSON object");
        sub->add_option("--report", options_.report, "Write a page for a browser, or a .svg")
            ->option_text("FILE");
        sub->add_option("--evidence", options_.evidence, "Keep what was captured, for verify")
            ->option_text("DIR");
        CLI::App* const again = add("verify", verify, "Judge the evidence of a test again");
        again->add_option("DIR", options_.file, "Of test --evidence")->option_text(" ")->required();
        again->add_flag("--json", options_.json, "One JSON object");
    }

    void add_arm() {
        CLI::App* const sub = add("arm", arm, "Block from now on, also after a reboot");
        auto* const confirmed =
            sub->add_option("--confirm", options_.confirm, "Open again unless confirmed within");
        confirmed->option_text("SECONDS");
        sub->add_flag("--anyway", options_.anyway, "Even if it cuts this SSH session");
        sub->add_flag("--list", options_.list, "Only list the connections that it would cut")
            ->excludes(confirmed);
    }

    void add_blocked() {
        CLI::App* const sub = add("blocked", blocked, "Show packets as they are refused, and why");
        sub->add_flag("--json", options_.json, "One JSON object a line");
        sub->add_flag("--follow", options_.follow, "Go on; on a terminal the default");
    }

    void add_endpoint() {
        CLI::App* const group = app_.add_subcommand("endpoint", "Open a VPN server for a while");
        group->require_subcommand(1);
        group->fallthrough();
        CLI::App* const allow =
            group->add_subcommand("allow", "As long as COMMAND runs, and no longer");
        allow->callback([this] { chosen_ = endpoint_allow; });
        allow->add_option("ENDPOINT", options_.endpoint, "ADDR:PORT/udp, ADDR:PORT/tcp, ADDR/esp")
            ->option_text(" ")
            ->required();
        allow->add_option("--only", options_.only, "fwmark=, user=, group=, cgroup=")
            ->option_text("KEY=VALUE")
            ->allow_extra_args(false);
        allow->add_option("COMMAND", options_.command, "With its arguments, after --")
            ->option_text(" ")
            ->required();
    }

    void add_init() {
        CLI::App* const sub = add("init", init, "Write a first config from the VPNs found here");
        sub->add_flag("--yes", options_.yes, "Ask nothing");
        sub->add_flag("--print", options_.print, "Ask nothing, and only print the config");
        sub->add_option("--from", options_.from, "The file of the VPN")->option_text("FILE");
        sub->add_flag("--lan", options_.lan, "Allow the local network");
        sub->add_option("--ssh-from", options_.ssh_from, "Who may reach this machine by SSH")
            ->option_text("PREFIX");
    }

    /// Our exit code, and the word that was probably meant.
    int complain_of(const CLI::ParseError& error, const std::vector<std::string>& words) {
        if (error.get_exit_code() == 0) {
            const int code = app_.exit(error);  // --help and --version.
            const bool is_help = error.get_name() == "CallForHelp";
            fmt::print("{}", is_help && app_.get_subcommands().empty() ? kExamples : "");
            return code;
        }
        const std::vector<std::string> unknown = app_.remaining();
        const bool no_command =
            app_.get_subcommands().empty() && !unknown.empty() && !unknown[0].starts_with('-');
        if (const CLI::Option* const lacking = without_value(error)) {
            complain(fmt::format("{} needs {} behind it", lacking->get_name(),
                                 lacking->get_option_text()),
                     "killswitchd --help lists the commands");
            return kUsage;
        }
        complain(no_command ? fmt::format("there is no command '{}'", unknown[0]) : error.what());
        for (const std::string& word : words) {
            if (const auto meant = suggestion(word)) {
                fmt::print(stderr, "hint: did you mean '{}'?\n", *meant);
                return kUsage;
            }
        }
        fmt::print(stderr, "hint: killswitchd --help lists the commands\n");
        return kUsage;
    }

    /// The option whose value is missing; the library's text names its own words for it.
    [[nodiscard]] const CLI::Option* without_value(const CLI::ParseError& error) const {
        if (error.get_name() != "ArgumentMismatch") {
            return nullptr;
        }
        const std::string text = error.what();
        const std::string name = text.substr(0, text.find(':'));
        const CLI::App* const command =
            app_.get_subcommands().empty() ? &app_ : app_.get_subcommands().front();
        const CLI::Option* const own = command->get_option_no_throw(name);
        return own != nullptr ? own : app_.get_option_no_throw(name);
    }

    [[nodiscard]] std::optional<std::string> suggestion(const std::string& word) const {
        std::vector<std::string> known;
        const auto collect = [&](const CLI::App* app) {
            for (const CLI::Option* const option : app->get_options()) {
                known.push_back(option->get_name());
            }
        };
        collect(&app_);
        for (const CLI::App* const command : app_.get_subcommands({})) {
            known.push_back(command->get_name());
            collect(command);
        }
        if (std::ranges::find(known, word) != known.end()) {
            return std::nullopt;
        }
        return nearest(word, known);
    }

    CLI::App app_;
    Options options_;
    Command chosen_ = status;
};

}  // namespace

}  // namespace ks::cli

int main(int argc, char** argv) {
    return ks::cli::Program().main(argc, argv);
}
