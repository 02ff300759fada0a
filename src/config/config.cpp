// SPDX-License-Identifier: GPL-2.0-or-later
#include "killswitchd/config.hpp"

#include "killswitchd/accounts.hpp"
#include "killswitchd/diagnostic.hpp"
#include "killswitchd/error.hpp"
#include "killswitchd/files.hpp"
#include "killswitchd/handle.hpp"
#include "readers.hpp"
#include "schema.hpp"
#include "text.hpp"
#include "yaml.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <dirent.h>

namespace ks {

namespace {

using Directory = CHandle<DIR, ::closedir>;

/// FNV-1a. Names and texts end in a byte that neither can hold, so their border counts.
std::string hash_of(const std::vector<ConfigText>& texts) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&](std::string_view bytes) {
        for (const char byte : bytes) {
            hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
        }
        hash = (hash ^ 0xffU) * 0x100000001b3;
    };
    for (const ConfigText& text : texts) {
        add(text.file);
        add(text.text);
    }
    return fmt::format("{:016x}", hash);
}

/// The tree of one text, or nothing when there is none to go on with; that has been reported.
std::optional<Node> read_tree(const ConfigText& text, std::size_t file, Findings& findings) {
    if (text.text.size() > kMaxConfigBytes) {
        findings.error({file, 0, 0}, fmt::format("larger than {} KiB", kMaxConfigBytes / 1024));
        return std::nullopt;
    }
    if (check_text(text.text, file, findings) == TextVerdict::unusable) {
        return std::nullopt;
    }
    return read_yaml(text.text, file, findings);
}

void add_places(const Node& node, const std::string& path, const std::vector<ConfigText>& texts,
                std::map<std::string, ConfigPlace>& places) {
    if (!path.empty()) {
        places.insert_or_assign(path, ConfigPlace{texts[node.at.file].file, node.at.line});
    }
    for (const Entry& entry : node.entries) {
        const std::string below = path.empty() ? entry.key : fmt::format("{}.{}", path, entry.key);
        add_places(entry.value, below, texts, places);
    }
    for (std::size_t number = 0; number < node.items.size(); ++number) {
        add_places(node.items[number], fmt::format("{}[{}]", path, number), texts, places);
    }
}

LoadedConfig parse(const std::vector<ConfigText>& texts, const NameLookup& names,
                   Coverage coverage) {
    Findings findings(texts);
    std::optional<Node> merged;
    for (std::size_t file = 0; file < texts.size(); ++file) {
        auto tree = read_tree(texts[file], file, findings);
        if (!tree) {
            coverage = Coverage::part;
            continue;
        }
        if (texts.size() > 1) {  // A later file must not hide a mistake by overriding it.
            Context part{findings, names, Coverage::part};
            static_cast<void>(read_policy(part, *tree));
        }
        if (merged) {
            merge(*merged, std::move(*tree));
        } else {
            merged = std::move(tree);
        }
    }
    Context context{findings, names, coverage};
    Policy policy = merged ? read_policy(context, *merged) : Policy{};

    LoadedConfig loaded;
    if (merged && findings.errors() == 0) {
        loaded.policy = std::move(policy);
        add_places(*merged, {}, texts, loaded.places);
    }
    loaded.only_names_unknown = merged && findings.only_names_unknown();
    loaded.diagnostics = std::move(findings).take();
    for (const ConfigText& text : texts) {
        loaded.files.push_back(text.file);
    }
    loaded.hash = hash_of(texts);
    return loaded;
}

Diagnostic whole_file(const std::string& file, std::string message, std::string hint = {}) {
    Diagnostic diagnostic;
    diagnostic.file = file;
    diagnostic.message = std::move(message);
    diagnostic.hint = std::move(hint);
    return diagnostic;
}

bool is_drop_in(std::string_view name) {
    constexpr std::string_view kSuffix = ".yaml";
    return name.size() > kSuffix.size() && name.front() != '.' &&
           name.substr(name.size() - kSuffix.size()) == kSuffix;
}

/// Paths of the drop-ins in `directory` in name order; none when there is no such directory.
Result<std::vector<std::string>> find_drop_ins(const std::string& directory) {
    std::vector<std::string> paths;
    auto opened = open_trusted_directory(directory, StickyBit::does_not_suffice);
    if (!opened) {
        return opened.error().sys_errno == ENOENT ? Result<std::vector<std::string>>(paths)
                                                  : std::move(opened).error();
    }
    const Directory entries{::fdopendir(opened->get())};
    if (!entries) {
        return Error{fmt::format("cannot read directory '{}'", directory), errno};
    }
    static_cast<void>(opened->release());
    for (;;) {
        errno = 0;
        const dirent* const entry = ::readdir(entries.get());
        if (!entry) {
            break;
        }
        if (is_drop_in(entry->d_name)) {
            paths.push_back(fmt::format("{}/{}", directory, entry->d_name));
        }
    }
    if (errno != 0) {
        return Error{fmt::format("cannot read directory '{}'", directory), errno};
    }
    std::sort(paths.begin(), paths.end());
    return paths;
}

/// The directory of drop-ins that belongs to `main_file`; none for a file of another name.
std::optional<std::string> drop_in_directory(const std::string& main_file) {
    const auto slash = main_file.rfind('/');
    const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
    if (main_file.substr(name) != "killswitchd.yaml") {
        return std::nullopt;
    }
    return fmt::format("{}conf.d", main_file.substr(0, name));
}

/// The files of a config as they are on the disk.
struct OnDisk {
    std::vector<ConfigText> texts;
    std::vector<Diagnostic> unreadable;
};

OnDisk read_files(const std::string& main_file) {
    OnDisk found;
    std::vector<std::string> paths{main_file};
    const auto drop_in_dir = drop_in_directory(main_file);
    // Where drop-ins count, who may add a file decides as much as who may change one.
    const auto beside = open_trusted_directory(
        directory_of(main_file), drop_in_dir ? StickyBit::does_not_suffice : StickyBit::suffices);
    if (!beside && beside.error().sys_errno != ENOENT) {
        found.unreadable.push_back(whole_file(directory_of(main_file), beside.error().message()));
    }
    if (drop_in_dir) {
        auto drop_ins = find_drop_ins(*drop_in_dir);
        if (drop_ins) {
            paths.insert(paths.end(), drop_ins->begin(), drop_ins->end());
        } else {
            found.unreadable.push_back(whole_file(*drop_in_dir, drop_ins.error().message()));
        }
    }
    for (const std::string& path : paths) {
        auto text = read_trusted_file(path, kMaxConfigBytes);
        if (text) {
            found.texts.push_back({path, *std::move(text)});
        } else {
            found.unreadable.push_back(whole_file(path, text.error().message()));
        }
    }
    return found;
}

}  // namespace

LoadedConfig parse_config(const std::vector<ConfigText>& texts, const NameLookup& names) {
    if (texts.empty()) {
        LoadedConfig loaded;
        loaded.diagnostics.push_back(whole_file("config", "no config file was given"));
        loaded.hash = hash_of(texts);
        return loaded;
    }
    return parse(texts, names, Coverage::whole);
}

LoadedConfig load_config(const std::string& main_file) {
    const OnDisk found = read_files(main_file);
    const std::vector<Diagnostic>& unreadable = found.unreadable;
    LoadedConfig loaded =
        parse(found.texts, system_names(), unreadable.empty() ? Coverage::whole : Coverage::part);
    if (!unreadable.empty()) {
        loaded.policy.reset();
        loaded.only_names_unknown = false;
        loaded.diagnostics.insert(loaded.diagnostics.begin(), unreadable.begin(), unreadable.end());
    }
    return loaded;
}

std::string config_hash(const std::string& main_file) {
    return hash_of(read_files(main_file).texts);
}

}  // namespace ks
